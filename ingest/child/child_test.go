package child_test

import (
	"bufio"
	"context"
	"errors"
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

	"tributary/ingest/child"

	"github.com/prometheus/client_golang/prometheus"
)

func TestServesUntilClosed(t *testing.T) {
	log := newRecorder()
	p := start(t, child.Spec{Name: "broker", Args: []string{"part-good"}, Log: log.logger()})
	ready(t, p)
	pid := p.Pid()
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("pid %d: %v", pid, err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if p.Pid() != 0 || !gone(pid) {
		t.Fatalf("child %d outlives Close", pid)
	}
	log.await(t, "ending in good order") // it was asked, not killed
	if err := p.Close(); err != nil {
		t.Fatalf("second Close: %v", err)
	}
	if err := p.Ready(context.Background()); !errors.Is(err, child.ErrClosed) {
		t.Fatalf("Ready after Close: %v", err)
	}
}

func TestContextEndsTheChild(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	p, err := child.Start(ctx, child.Spec{Name: "broker", Args: []string{"part-good"}, Log: newRecorder().logger()})
	if err != nil {
		t.Fatal(err)
	}
	ready(t, p)
	pid := p.Pid()
	cancel()
	await(t, "end of the child", func() bool { return gone(pid) })
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// Ctrl-C and systemd signal the whole family; the parent alone decides when the child ends.
func TestSignalsToTheFamilyAreIgnored(t *testing.T) {
	p := start(t, child.Spec{Name: "broker", Args: []string{"part-good"}, Log: newRecorder().logger()})
	ready(t, p)
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
	p := start(t, child.Spec{Name: "broker", Args: []string{"part-good"}, Log: newRecorder().logger(), Metrics: metrics})
	ready(t, p)
	first := p.Pid()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "the next child", func() bool { pid := p.Pid(); return pid != 0 && pid != first })
	ready(t, p)
	if n := counter(t, reg, "tributary_child_restarts_total"); n != 1 {
		t.Fatalf("restarts counted: %v, want 1", n)
	}
}

// Exit status 0 without having been asked is a failure like any other.
func TestQuittingIsRestarted(t *testing.T) {
	log := newRecorder()
	start(t, child.Spec{Name: "broker", Args: []string{"part-quit"}, Log: log.logger()})
	log.await(t, "ended unasked")
}

func TestDeafChildIsKilled(t *testing.T) {
	p := start(t, child.Spec{
		Name: "broker", Args: []string{"part-deaf"}, Log: newRecorder().logger(), StopBudget: 100 * time.Millisecond,
	})
	ready(t, p)
	pid := p.Pid()
	if err := p.Close(); !errors.Is(err, child.ErrKilled) {
		t.Fatalf("Close: %v, want ErrKilled", err)
	}
	if !gone(pid) {
		t.Fatal("deaf child is still there")
	}
}

func TestReadyTellsTheLastWords(t *testing.T) {
	for part, want := range map[string]string{
		"part-fail":     "cannot open the data directory: it is in use",
		"part-panicked": "panic: lost my mind",
	} {
		log := newRecorder()
		p := start(t, child.Spec{Name: "broker", Args: []string{part}, Log: log.logger()})
		log.await(t, "starting it again")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := p.Ready(ctx)
		if !errors.Is(err, context.Canceled) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: Ready: %v, want %q in it", part, err, want)
		}
	}
}

func TestLogLinesAreForwarded(t *testing.T) {
	log := newRecorder()
	start(t, child.Spec{Name: "broker", Args: []string{"part-talk"}, Log: log.logger()})
	log.await(t, "level=WARN msg=\"disk nearly full\" component=child child=broker dir=/somewhere free_bytes=123")
	log.await(t, "line=\"hello from standard output\"")
	long := log.await(t, "cut_bytes=")
	if want := fmt.Sprintf("cut_bytes=%d", 20<<10-child.LineMax); !strings.Contains(long, want) || len(long) > child.LineMax+300 {
		t.Errorf("long line of %d bytes, want it cut with %s", len(long), want)
	}
}

func TestEnvironmentIsNotInherited(t *testing.T) {
	t.Setenv("SECRET", "of the parent")
	log := newRecorder()
	start(t, child.Spec{Name: "broker", Args: []string{"part-env"}, Env: []string{"ONLY=this"}, Log: log.logger()})
	if line := log.await(t, "msg=environment"); !strings.HasSuffix(strings.TrimSpace(line), "env=\"ONLY=this\"") {
		t.Errorf("environment of the child: %s", line)
	}
}

// kill -9 of a parent must leave no orphan: it would hold the data directory's lock.
func TestNoOrphanAfterKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "part-parent")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("parent did not print its child's pid: %v", err)
	}
	grandchild, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if gone(grandchild) {
		t.Fatal("grandchild never lived")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	await(t, "end of the orphan", func() bool { return gone(grandchild) })
}

func TestBadSpecs(t *testing.T) {
	for name, spec := range map[string]child.Spec{
		"no name":   {Log: newRecorder().logger()},
		"no log":    {Name: "broker"},
		"no budget": {Name: "broker", Log: newRecorder().logger(), StopBudget: -1},
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

func ready(t *testing.T, p *child.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := p.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

// await waits for a condition; the limit only ends a test that would hang.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waiting for %s", what)
		}
	}
}

// gone says whether the process has ended. A zombie that nobody reaps counts as ended.
func gone(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
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

// recorder keeps what is logged.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func newRecorder() *recorder { return &recorder{} }

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, string(b))
	return len(b), nil
}

func (r *recorder) logger() *slog.Logger { return slog.New(slog.NewTextHandler(r, nil)) }

func (r *recorder) await(t *testing.T, part string) (line string) {
	t.Helper()
	await(t, fmt.Sprintf("log line with %q", part), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, l := range r.lines {
			if strings.Contains(l, part) {
				line = l
				return true
			}
		}
		return false
	})
	return line
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
