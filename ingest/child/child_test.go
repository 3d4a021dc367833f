package child_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest/child"
	"tributary/ingest/child/childtest"
)

func TestServesUntilClosed(t *testing.T) {
	log := &childtest.Recorder{}
	p := start(t, child.Spec{Name: "broker", Args: []string{"part-good"}, Log: log.Logger()})
	childtest.Ready(t, p)
	pid := p.Pid()
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("pid %d: %v", pid, err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if p.Pid() != 0 || !childtest.Gone(pid) {
		t.Fatalf("child %d outlives Close", pid)
	}
	log.Await(t, "ending in good order") // it was asked, not killed
	if err := p.Close(); err != nil {
		t.Fatalf("second Close: %v", err)
	}
	if err := p.Ready(context.Background()); !errors.Is(err, child.ErrClosed) {
		t.Fatalf("Ready after Close: %v", err)
	}
}

func TestContextEndsTheChild(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	p, err := child.Start(ctx, child.Spec{Name: "broker", Args: []string{"part-good"}, Log: new(childtest.Recorder).Logger()})
	if err != nil {
		t.Fatal(err)
	}
	childtest.Ready(t, p)
	pid := p.Pid()
	cancel()
	childtest.Await(t, "end of the child", func() bool { return childtest.Gone(pid) })
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// Ctrl-C and systemd signal the whole family; the parent alone decides when the child ends.
func TestSignalsToTheFamilyAreIgnored(t *testing.T) {
	p := start(t, child.Spec{Name: "broker", Args: []string{"part-good"}, Log: new(childtest.Recorder).Logger()})
	childtest.Ready(t, p)
	pid := p.Pid()
	group, err := syscall.Getpgid(pid)
	if err != nil || group != pid {
		t.Fatalf("child's process group is %d (%v), want its own, %d", group, err, pid)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	ignored := func(s syscall.Signal) bool { return sigIgn(t, pid)&(1<<(s-1)) != 0 }
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE} {
		if !ignored(s) {
			t.Errorf("child does not ignore %v", s)
		}
	}
	if p.Pid() != pid {
		t.Fatal("child was started again")
	}
}

func TestCrashIsRestartedAndCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	metrics := child.NewMetrics(reg)
	p := start(t, child.Spec{Name: "broker", Args: []string{"part-good"}, Log: new(childtest.Recorder).Logger(), Metrics: metrics})
	childtest.Ready(t, p)
	first := p.Pid()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	childtest.Await(t, "the next child", func() bool { pid := p.Pid(); return pid != 0 && pid != first })
	childtest.Ready(t, p)
	if n := counter(t, reg, "tributary_child_restarts_total"); n != 1 {
		t.Fatalf("restarts counted: %v, want 1", n)
	}
}

// Exit status 0 without having been asked is a failure like any other.
func TestQuittingIsRestarted(t *testing.T) {
	log := &childtest.Recorder{}
	start(t, child.Spec{Name: "broker", Args: []string{"part-quit"}, Log: log.Logger()})
	log.Await(t, "ended unasked")
}

func TestDeafChildIsKilled(t *testing.T) {
	p := start(t, child.Spec{
		Name: "broker", Args: []string{"part-deaf"}, Log: new(childtest.Recorder).Logger(), StopBudget: 100 * time.Millisecond,
	})
	childtest.Ready(t, p)
	pid := p.Pid()
	if err := p.Close(); !errors.Is(err, child.ErrKilled) {
		t.Fatalf("Close: %v, want ErrKilled", err)
	}
	if !childtest.Gone(pid) {
		t.Fatal("deaf child is still there")
	}
}

func TestReadyTellsTheLastWords(t *testing.T) {
	for part, want := range map[string]string{
		"part-fail":     "cannot open the data directory: it is in use",
		"part-panicked": "panic: lost my mind",
	} {
		log := &childtest.Recorder{}
		p := start(t, child.Spec{Name: "broker", Args: []string{part}, Log: log.Logger()})
		log.Await(t, "starting it again")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := p.Ready(ctx)
		if !errors.Is(err, context.Canceled) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: Ready: %v, want %q in it", part, err, want)
		}
	}
}

func TestLogLinesAreForwarded(t *testing.T) {
	log := &childtest.Recorder{}
	start(t, child.Spec{Name: "broker", Args: []string{"part-talk"}, Log: log.Logger()})
	log.Await(t, "level=WARN msg=\"disk nearly full\" component=child child=broker dir=/somewhere free_bytes=123")
	log.Await(t, "line=\"hello from standard output\"")
	long := log.Await(t, "cut_bytes=")
	if want := fmt.Sprintf("cut_bytes=%d", 20<<10-child.LineMax); !strings.Contains(long, want) || len(long) > child.LineMax+300 {
		t.Errorf("long line of %d bytes, want it cut with %s", len(long), want)
	}
}

func TestEnvironmentIsNotInherited(t *testing.T) {
	t.Setenv("SECRET", "of the parent")
	log := &childtest.Recorder{}
	start(t, child.Spec{Name: "broker", Args: []string{"part-env"}, Env: []string{"ONLY=this"}, Log: log.Logger()})
	if line := log.Await(t, "msg=environment"); !strings.HasSuffix(strings.TrimSpace(line), "env=\"ONLY=this\"") {
		t.Errorf("environment of the child: %s", line)
	}
}

// kill -9 of a parent must leave no orphan: it would hold the data directory's lock.
func TestNoOrphanAfterKill(t *testing.T) {
	parent, grandchild := childtest.StartParent(t, "part-parent", "part-good")
	if childtest.Gone(grandchild) {
		t.Fatal("grandchild never lived")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	childtest.Await(t, "end of the orphan", func() bool { return childtest.Gone(grandchild) })
}

// Each life has a talk of its own, and ends with it.
func TestTalk(t *testing.T) {
	log := &childtest.Recorder{}
	talks, leave := make(chan net.Conn), make(chan error)
	p := start(t, child.Spec{Name: "signer", Args: []string{"part-echo"}, Log: log.Logger(), Talk: func(conn net.Conn) error {
		talks <- conn
		return <-leave
	}})
	echoes := func(conn net.Conn) {
		t.Helper()
		if _, err := conn.Write([]byte("secret")); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 6)
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "secret" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	echoes(<-talks)
	first := p.Pid()
	leave <- errors.New("it talks nonsense")
	log.Await(t, "it talks nonsense; signal: killed")
	conn := <-talks
	echoes(conn)
	if second := p.Pid(); second == first || !childtest.Gone(first) {
		t.Errorf("pid %d after %d", second, first)
	}
	childtest.Ready(t, p)
	go func() { // a talk ends at the latest with its child
		_, err := io.Copy(io.Discard, conn)
		leave <- err
	}()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestBadSpecs(t *testing.T) {
	for name, spec := range map[string]child.Spec{
		"no name":   {Log: new(childtest.Recorder).Logger()},
		"no log":    {Name: "broker"},
		"no budget": {Name: "broker", Log: new(childtest.Recorder).Logger(), StopBudget: -1},
	} {
		if p, err := child.Start(t.Context(), spec); err == nil {
			t.Errorf("%s: accepted", name)
			p.Close()
		}
	}
}

func start(t *testing.T, spec child.Spec) *child.Process {
	t.Helper()
	p, err := child.Start(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if spec.StopBudget == 0 {
		t.Cleanup(func() { p.Close() })
	}
	return p
}

// sigIgn is the set of signals that the process ignores, bit s-1 for signal s.
func sigIgn(t *testing.T, pid int) uint64 {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "SigIgn:\t")
	line, _, _ := strings.Cut(rest, "\n")
	set, err := strconv.ParseUint(line, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func counter(t *testing.T, reg prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name && len(f.GetMetric()) == 1 {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no single series of %s", name)
	return 0
}
