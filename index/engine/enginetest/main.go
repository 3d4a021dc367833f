// Command enginetest runs another command with ClickHouse servers by address beside it, for
// `make test-clickhouse`:
//
//	go run ./index/engine/enginetest go test ./index/...
//
// The first is a second engine of ours, on a TCP port with a name and a password, as any
// ClickHouse by HTTP. The other is the clickhouse-server of Debian's packages, 18.16, if
// it is installed: too old for our tables, but the one with the native protocol that can
// be had everywhere. Both listen on loopback, live in a temporary directory that is
// removed, and end with this command. The tests find them by their environment:
//
//	TRIBUTARY_TEST_CLICKHOUSE              http://tributary:geheim@127.0.0.1:PORT
//	TRIBUTARY_TEST_CLICKHOUSE_NATIVE       clickhouse://… of the old one; not set without it
//	TRIBUTARY_TEST_CLICKHOUSE_NATIVE_HTTP  http://… of the old one
//
//	main.go    the command
//	engine.go  the engine
//	debian.go  clickhouse-server
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// What all servers take. The password is a word that messages must not hold.
const (
	user     = "tributary"
	password = "geheim"
)

const (
	startMax = time.Minute
	stopMax  = 20 * time.Second
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: enginetest COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	if os.Args[1] == becomeEngine && len(os.Args) == 4 {
		fmt.Fprintln(os.Stderr, engineMain(os.Args[2], os.Args[3])) // it returns errors only
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := run(ctx, os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "enginetest:", err)
	}
	os.Exit(code)
}

// run returns the exit code of the command, or why it was not run.
func run(ctx context.Context, name string, args []string) (code int, err error) {
	dir, err := os.MkdirTemp("", "tributary-clickhouse-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	environ := os.Environ()
	for _, start := range []func(context.Context, string) (*server, error){startEngine, startDebian} {
		s, err := start(ctx, dir)
		switch {
		case errors.Is(err, errMissing):
			fmt.Fprintln(os.Stderr, "enginetest: going on without:", err)
			continue
		case err != nil:
			return 1, err
		}
		defer s.close()
		environ = append(environ, s.environ...)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), nil
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}

// errMissing says that a server is not installed and that the tests can do without.
var errMissing = errors.New("not installed")

// server is one that runs.
type server struct {
	cmd     *exec.Cmd
	ended   chan error
	log     string // path
	environ []string
	end     func()
}

// launch starts a server, which writes to dir/name.log and which end asks to end, and waits until its HTTP
// port answers.
func launch(ctx context.Context, dir, name, http string, cmd *exec.Cmd, end func()) (*server, error) {
	s := &server{cmd: cmd, ended: make(chan error, 1), log: filepath.Join(dir, name+".log"), end: end}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the command: the servers end after it
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.ended <- cmd.Wait() }()
	if err := s.await(ctx, http); err != nil {
		s.close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func (s *server) await(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	for {
		if answers(ctx, address) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w\n%s", ctx.Err(), s.tail())
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("it ended: %w\n%s", err, s.tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func answers(ctx context.Context, address string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/ping", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

func (s *server) tail() string {
	b, _ := os.ReadFile(s.log)
	return string(b[max(0, len(b)-4000):])
}

func (s *server) close() {
	s.end()
	select {
	case <-s.ended:
	case <-time.After(stopMax):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
}

// freePorts are addresses on loopback that nobody listens on now.
func freePorts(n int) ([]string, error) {
	var all []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		all = append(all, l.Addr().String())
	}
	return all, nil
}
