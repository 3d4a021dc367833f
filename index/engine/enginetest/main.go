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
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"tributary/ingest/child/beside"
)

// What all servers take. The password is a word that messages must not hold.
const (
	user     = "tributary"
	password = "geheim"
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
	var environ []string
	for _, start := range []func(context.Context, string) (*server, error){startEngine, startDebian} {
		s, err := start(ctx, dir)
		switch {
		case errors.Is(err, errMissing):
			fmt.Fprintln(os.Stderr, "enginetest: going on without:", err)
			continue
		case err != nil:
			return 1, err
		}
		defer s.Close()
		environ = append(environ, s.environ...)
	}
	return beside.Run(ctx, environ, name, args...)
}

// errMissing says that a server is not installed and that the tests can do without.
var errMissing = errors.New("not installed")

// server is one that runs, and what tests find it by.
type server struct {
	*beside.Server
	environ []string
}

// launch starts a server, which writes to dir/name.log and which end asks to end (nil: SIGTERM),
// and waits until its HTTP port answers.
func launch(ctx context.Context, dir, name, http string, cmd *exec.Cmd, end func(), environ ...string) (*server, error) {
	s, err := beside.Start(ctx, beside.Spec{
		Name: name, Dir: dir, Cmd: cmd, End: end,
		Answers: func(ctx context.Context) bool { return answers(ctx, http) },
	})
	if err != nil {
		return nil, err
	}
	return &server{s, environ}, nil
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
