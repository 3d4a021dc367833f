package index

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/index/engine"
	"tributary/ingest/child"
)

// engineChild turns this process into the engine's, if it was started as that:
// engine.Start starts our own binary, which in a test is the test's.
func engineChild() {
	if len(os.Args) < 2 || os.Args[1] != "engine" {
		return
	}
	o := engine.Options{Log: child.Logger(slog.LevelWarn)}
	f := flag.NewFlagSet("engine", flag.ExitOnError)
	f.StringVar(&o.Dir, "dir", "", "")
	f.StringVar(&o.Socket, "socket", "", "")
	f.StringVar(&o.Library, "library", "", "")
	f.StringVar(&o.Binary, "binary", "", "")
	f.StringVar(&o.Readable, "readable", "", "")
	f.Int64Var(&o.Memory, "memory", 0, "")
	f.IntVar(&o.Merges, "merges", 0, "")
	f.IntVar(&o.Sessions, "sessions", 0, "")
	f.DurationVar(&o.LockWait, "lock-wait", 0, "")
	_ = f.Parse(os.Args[2:]) // exits
	ctx, stop := child.Context(context.Background())
	defer stop()
	err := engine.Run(ctx, o)
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// running is the engine that all tests of this process share.
var running struct {
	once    sync.Once
	dir     string
	process *child.Process
	missing string // why there is none
	err     error
}

func engineOptions(t testing.TB) *clickhouse.Options {
	t.Helper()
	running.once.Do(startEngine)
	switch {
	case running.missing != "":
		t.Skipf("%s; or set %s to the URL of a server", running.missing, serverEnv)
	case running.err != nil:
		t.Fatal(running.err)
	}
	return &clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{engine.Addr}, DialContext: engine.Dial(engineSocket()),
	}
}

func engineSocket() string { return filepath.Join(running.dir, "engine.sock") }

func startEngine() {
	libraries, err := filepath.Glob("engine/node_modules/@chdb/*/libchdb.so")
	if err != nil || len(libraries) == 0 {
		running.missing = "the engine's library is not installed: run `make engine-lib`"
		return
	}
	if running.dir, running.err = os.MkdirTemp("", "tributary-index-test"); running.err != nil {
		return
	}
	binary := filepath.Join(running.dir, "tributary-engine")
	if out, err := exec.Command("go", "build", "-o", binary, "tributary/cmd/tributary-engine").CombinedOutput(); err != nil {
		running.err = fmt.Errorf("build the engine: %w\n%s", err, out)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	library, err := filepath.Abs(libraries[0])
	if err != nil {
		running.err = err
		return
	}
	data := filepath.Join(running.dir, "data")
	if *benchData != "" {
		data = *benchData
	}
	running.process, running.err = engine.Start(context.Background(), engine.Options{
		Dir: data, Socket: engineSocket(), Library: library, Binary: binary, Log: slog.Default(),
	}, nil)
	if running.err == nil {
		running.err = running.process.Ready(ctx)
	}
}

func stopEngine() {
	if running.process != nil {
		if err := running.process.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if running.dir != "" {
		_ = os.RemoveAll(running.dir)
	}
}

// engineCPU is the processor time that the engine has used: on a busy machine it
// tells more than the clock. Zero where it cannot be had.
func engineCPU() time.Duration {
	if running.process == nil {
		return 0
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", running.process.Pid()))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime, stime: proc(5)
		n, _ := strconv.ParseInt(f, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}

// ownCPU is the processor time that this process has used.
func ownCPU() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
