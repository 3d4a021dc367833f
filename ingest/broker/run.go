package broker

import (
	"context"
	"runtime/debug"
)

// The child's heap is small and mostly garbage of requests: collect it early. The limit
// is soft; only a start after a crash, which needs as much memory as the log, and a
// reader of the whole log come near it.
const (
	gcPercent   = 50
	memoryLimit = 128 << 20
)

// Run is the main of the child process: it opens the broker, says Ready and serves until
// ctx ends. In a supervised child ctx comes from child.Context, Ready is child.Ready
// and Log child.Logger.
func Run(ctx context.Context, o Options) error {
	debug.SetGCPercent(gcPercent)
	b, err := Open(ctx, o)
	if err != nil {
		return err
	}
	if !o.off.memory {
		debug.FreeOSMemory() // of the segments that were read
	}
	debug.SetMemoryLimit(memoryLimit)
	if o.Ready != nil {
		o.Ready()
	}
	<-ctx.Done()
	return b.Close()
}
