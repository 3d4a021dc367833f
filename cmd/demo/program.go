package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Times that the relay gets.
const (
	startBudget = 60 * time.Second
	stopBudget  = 40 * time.Second // its own parts have budgets of up to 15 s
)

var errEnded = errors.New("the relay ended by itself")

// program is `tributary serve --dev` as a child.
type program struct {
	data   string
	listen string
	debug  string
	log    string // file
	pid    int
	exited chan struct{} // closed when it was waited for
	state  *os.ProcessState
}

// findProgram says where the relay's binary is: where it was named, beside this one, or
// where make puts it.
func findProgram(named string) (string, error) {
	places := []string{named}
	if named == "" {
		places = []string{filepath.Join("bin", "tributary")}
		if self, err := os.Executable(); err == nil {
			places = append([]string{filepath.Join(filepath.Dir(self), "tributary")}, places...)
		}
	}
	for _, place := range places {
		if info, err := os.Stat(place); err == nil && info.Mode().IsRegular() {
			return filepath.Abs(place)
		}
	}
	return "", fmt.Errorf("there is no program %s: build it with `make build`, or name it with --program", strings.Join(places, " or "))
}

// startProgram starts the relay on a folder. It ends when stop says so, or when this
// process is gone.
func startProgram(binary, data, listen string) (*program, error) {
	listen, err := freeAddress(listen)
	if err != nil {
		return nil, err
	}
	debug, err := freeAddress("127.0.0.1:8081")
	if err != nil {
		return nil, err
	}
	p := &program{data: data, listen: listen, debug: debug, log: filepath.Join(data, "serve.log"), exited: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("demo: the relay's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(binary, "serve", "--dev", "--data", data, "--listen", listen, "--debug-listen", debug)
	cmd.Stdout, cmd.Stderr = log, log
	for _, variable := range os.Environ() { // its own variables are about another relay
		if !strings.HasPrefix(variable, "TRIBUTARY_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.SysProcAttr = family()
	started := make(chan error, 1)
	go p.attend(cmd, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("demo: starting the relay: %w", err)
	}
	return p, nil
}

// attend starts the child and waits for its end. The kernel ties the child's life to the
// thread that started it (family), so the thread stays until then.
func (p *program) attend(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	if err == nil {
		p.pid = cmd.Process.Pid
	}
	started <- err
	if err != nil {
		return
	}
	_ = cmd.Wait()
	p.state = cmd.ProcessState
	close(p.exited)
}

// freeAddress is the address if it is free, else another port of its host. Somebody
// else could take it before the relay does: then the relay says so.
func freeAddress(wanted string) (string, error) {
	for _, address := range []string{wanted, "127.0.0.1:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		return l.Addr().String(), l.Close()
	}
	return "", fmt.Errorf("demo: no free port on 127.0.0.1")
}

// ready waits until the relay may be used.
func (p *program) ready(ctx context.Context, client *http.Client) error {
	ctx, cancel := context.WithTimeout(ctx, startBudget)
	defer cancel()
	for {
		if p.isReady(ctx, client) {
			return nil
		}
		select {
		case <-p.exited:
			return p.failure()
		case <-ctx.Done():
			return fmt.Errorf("demo: the relay is not ready: %w\n%s", ctx.Err(), p.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *program) isReady(ctx context.Context, client *http.Client) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.debug+"/readyz", nil)
	if err != nil {
		return false
	}
	answer, err := client.Do(r)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// failure says how the relay ended, in its own words.
func (p *program) failure() error {
	return fmt.Errorf("demo: %w (%s)\n%s", errEnded, p.state, p.lastWords())
}

// lastWords are the last lines of the relay's log.
func (p *program) lastWords() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for i, l := range lines {
		lines[i] = printable(l)
	}
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// stop ends the relay in good order, or at once when hurry ends or its time is over. It
// returns when it is gone.
func (p *program) stop(hurry context.Context) error {
	_ = syscall.Kill(p.pid, syscall.SIGTERM)
	timer := time.NewTimer(stopBudget)
	defer timer.Stop()
	select {
	case <-p.exited:
		// A relay that was not up yet does not know what SIGTERM means to it.
		if status, ok := p.state.Sys().(syscall.WaitStatus); p.state.Success() || ok && status.Signal() == syscall.SIGTERM {
			return nil
		}
		return p.failure()
	case <-hurry.Done():
	case <-timer.C:
	}
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	<-p.exited
	if hurry.Err() != nil {
		return nil
	}
	return fmt.Errorf("demo: the relay did not end within %s and was killed", stopBudget)
}

func (p *program) base() string { return "http://" + p.listen }
