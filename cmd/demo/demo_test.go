package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if built != "" {
			_ = os.RemoveAll(built)
		}
		os.Exit(code)
	}))
}

// built is the folder of the relay, if a test needed one.
var built string

// relayProgram builds the relay once. Beside it is no library for the index.
var relayProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "demo-test-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "tributary")
	if out, err := exec.Command("go", "build", "-o", path, "tributary/cmd/tributary").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// printed collects what is printed, and tells when something was.
type printed struct {
	mu    sync.Mutex
	text  strings.Builder
	await string
	then  func(soFar string)
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text.Write(b)
	if p.then != nil && strings.Contains(p.text.String(), p.await) {
		p.then(p.text.String())
		p.then = nil
	}
	return len(b), nil
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// show runs the demo in a folder of its own until it has printed something, then does
// what then says. It fails the test when anything of it is left.
func show(t *testing.T, o options, await string, then func(soFar string, end, hurry func())) (string, error) {
	t.Helper()
	program, err := relayProgram()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	o.program, o.seed, o.listen = program, 1, "127.0.0.1:0"
	ctx, end := context.WithTimeout(t.Context(), 2*time.Minute)
	defer end()
	hurry, now := context.WithCancel(context.Background())
	defer now()
	out := &printed{await: await, then: func(soFar string) { then(soFar, end, now) }}
	err = run(ctx, hurry, o, lines{out: out, every: 50 * time.Millisecond}, out)
	if ctx.Err() == context.DeadlineExceeded {
		t.Errorf("%q was never printed", await)
	}
	if pid := pidIn(out.String()); pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		t.Errorf("the relay is still there, pid %d", pid)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "tributary-demo-*")); len(left) > 0 && !o.keep {
		t.Errorf("left behind: %q", left)
	}
	t.Log(out)
	return out.String(), err
}

func pidIn(text string) (pid int) {
	_, rest, _ := strings.Cut(text, "(pid ")
	_, _ = fmt.Sscanf(rest, "%d", &pid)
	return pid
}

// A few servers without a terminal and without the index: it shows, and ends clean.
func TestDemo(t *testing.T) {
	out, err := show(t, options{servers: 8, rate: 20}, "newest ", func(_ string, end, _ func()) { end() })
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"among 8 simulated servers, ", "export TOKEN=trib_", "websocat \"ws://127.0.0.1:", searchOff, "posts in ", "ending the relay",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q was not printed", want)
		}
	}
	if strings.Contains(out, "q=river") {
		t.Error("it tells of a search that is off")
	}
}

// The second Ctrl-C.
func TestHurriedEnd(t *testing.T) {
	if _, err := show(t, options{servers: 3, rate: 20}, "newest ", func(_ string, end, hurry func()) { end(); hurry() }); err != nil {
		t.Fatal(err)
	}
}

// Ctrl-C while it starts.
func TestEndWhileStarting(t *testing.T) {
	if _, err := show(t, options{servers: 3, rate: 20}, "starting", func(_ string, end, _ func()) { end() }); err != nil {
		t.Fatal(err)
	}
}

func TestDurationAndKeep(t *testing.T) {
	out, err := show(t, options{servers: 2, rate: 20, duration: 100 * time.Millisecond, keep: true}, "kept: ", func(string, func(), func()) {})
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(out, "kept: ")
	folder, _, _ := strings.Cut(rest, ";")
	if _, err := os.Stat(filepath.Join(folder, "state.db")); err != nil {
		t.Error(err)
	}
}

// Somebody kills the relay: that is told.
func TestRelayEnds(t *testing.T) {
	_, err := show(t, options{servers: 2, rate: 20}, "newest ", func(soFar string, _, _ func()) {
		_ = syscall.Kill(pidIn(soFar), syscall.SIGKILL)
	})
	if !errors.Is(err, errEnded) {
		t.Errorf("%v, want %v", err, errEnded)
	}
}

// demo | head
func TestNobodyReads(t *testing.T) {
	program, err := relayProgram()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	defer func() { _ = w.Close() }()
	o := options{servers: 2, rate: 20, program: program, listen: "127.0.0.1:0"}
	if err := run(t.Context(), t.Context(), o, lines{out: w, every: time.Millisecond}, io.Discard); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFreeAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	taken := l.Addr().String()
	if got, err := freeAddress(taken); err != nil || got == taken {
		t.Errorf("%s is taken, got %s, %v", taken, got, err)
	}
}

func TestNoProgram(t *testing.T) {
	err := run(t.Context(), t.Context(), options{program: filepath.Join(t.TempDir(), "tributary")}, lines{}, os.Stdout)
	if err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("%v", err)
	}
}

func TestOptions(t *testing.T) {
	good := options{servers: 50, rate: 5}
	for name, o := range map[string]options{
		"no servers": {rate: 5}, "no rate": {servers: 5}, "too fast": {servers: 5, rate: 1e9}, "back in time": {servers: 5, rate: 5, duration: -1},
	} {
		if o.validate() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := good.validate(); err != nil {
		t.Error(err)
	}
}
