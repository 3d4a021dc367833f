//go:build crashpoint

package crashpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var (
	chosen, countdown = parse(os.Getenv("TRIBUTARY_CRASH"))
	hits              atomic.Int64
)

func parse(s string) (Point, int64) {
	name, times, found := strings.Cut(s, ":")
	n := int64(1)
	if found {
		if v, err := strconv.ParseInt(times, 10, 64); err == nil {
			n = v
		}
	}
	return Point(name), n
}

// Hit kills the process when the point is the chosen one and was reached often enough.
func Hit(p Point) {
	if p == chosen && hits.Add(1) == countdown {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // SIGKILL is not synchronous: nothing after the point may run
	}
}
