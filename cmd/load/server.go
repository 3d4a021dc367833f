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
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const (
	startTimeout = time.Minute
	stopTimeout  = 30 * time.Second // its own drains are shorter
)

// server is the relay under load.
type server struct {
	target string // base URL
	pid    int    // 0: not known, nothing of it is measured
	data   string // its folder, when it was started here
	stop   func()
}

// serverFlags say which relay it is: one that runs already, or a program to start.
type serverFlags struct {
	target  string
	pid     int
	program string
	index   bool
}

func (f *serverFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.target, "target", "http://127.0.0.1:8080", "base URL of a relay that runs with --dev")
	cmd.Flags().IntVar(&f.pid, "pid", 0, "its process, to report processor time and memory")
	cmd.Flags().StringVar(&f.program, "program", "", "start this program (bin/tributary) on a temporary folder instead")
	cmd.Flags().BoolVar(&f.index, "index", false, "with --program: with the index, which is off otherwise")
}

// open returns the relay; env is added to that of a program that is started.
func (f *serverFlags) open(ctx context.Context, env ...string) (*server, error) {
	if f.program == "" {
		return &server{target: f.target, pid: f.pid, stop: func() {}}, nil
	}
	dir, err := os.MkdirTemp("", "load")
	if err != nil {
		return nil, err
	}
	s, err := f.start(ctx, dir, env)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (f *serverFlags) start(ctx context.Context, dir string, env []string) (*server, error) {
	public, debug, err := freeAddresses()
	if err != nil {
		return nil, err
	}
	logPath := filepath.Join(dir, "log.txt")
	logFile, err := os.Create(logPath)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	cmd := exec.Command(f.program, "serve", "--dev", "--data", filepath.Join(dir, "data"), "--listen", public, "--debug-listen", debug)
	cmd.Env = append(os.Environ(), env...)
	if !f.index {
		cmd.Env = append(cmd.Env, "TRIBUTARY_CLICKHOUSE_URL=off")
	}
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM} // Ctrl-C is ours: what was measured is reported first
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	s := &server{target: "http://" + public, pid: cmd.Process.Pid, data: filepath.Join(dir, "data")}
	s.stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(stopTimeout):
			_ = cmd.Process.Kill()
			<-ended
		}
		_ = os.RemoveAll(dir)
	}
	if err := awaitReady(ctx, "http://"+debug+"/readyz", ended); err != nil {
		said, _ := os.ReadFile(logPath)
		s.stop()
		return nil, fmt.Errorf("starting %s: %w\n%.2000s", f.program, err, said)
	}
	return s, nil
}

// freeAddresses finds two that nobody listens on now.
func freeAddresses() (a, b string, err error) {
	var found [2]string
	for i := range found {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", err
		}
		defer l.Close()
		found[i] = l.Addr().String()
	}
	return found[0], found[1], nil
}

func awaitReady(ctx context.Context, url string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(r); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
