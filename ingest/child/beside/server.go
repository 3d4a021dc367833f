package beside

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	startMax = time.Minute
	stopMax  = 20 * time.Second
	askEvery = 50 * time.Millisecond
	tailMax  = 4000 // bytes of its log in an error
)

// Spec says how to start a server.
type Spec struct {
	Name    string // of its log, and in errors
	Dir     string // folder that gets NAME.log
	Cmd     *exec.Cmd
	Answers func(context.Context) bool // says whether it can be used
	End     func()                     // asks it to end; nil: SIGTERM
}

// Server is one that runs.
type Server struct {
	spec  Spec
	ended chan error
}

// Start starts a server and waits until it answers. The caller closes it.
func Start(ctx context.Context, spec Spec) (*Server, error) {
	s := &Server{spec: spec, ended: make(chan error, 1)}
	log, err := os.Create(s.log())
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := spec.Cmd
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the command: the servers end after it
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Name, err)
	}
	go func() { s.ended <- cmd.Wait() }()
	if err := s.await(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", spec.Name, err)
	}
	return s, nil
}

func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	for {
		if s.spec.Answers(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w\n%s", ctx.Err(), s.tail())
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("it ended: %w\n%s", err, s.tail())
		case <-time.After(askEvery):
		}
	}
}

func (s *Server) log() string { return filepath.Join(s.spec.Dir, s.spec.Name+".log") }

func (s *Server) tail() string {
	b, _ := os.ReadFile(s.log())
	return string(b[max(0, len(b)-tailMax):])
}

// Close asks the server to end, and kills it if it does not.
func (s *Server) Close() {
	if s.spec.End != nil {
		s.spec.End()
	} else {
		_ = s.spec.Cmd.Process.Signal(syscall.SIGTERM) // an error says that it ended already
	}
	select {
	case <-s.ended:
	case <-time.After(stopMax):
		_ = s.spec.Cmd.Process.Kill()
		<-s.ended
	}
}

// Addresses are n on loopback that nobody listens on now.
func Addresses(n int) ([]string, error) {
	var all []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		all = append(all, l.Addr().String())
	}
	return all, nil
}
