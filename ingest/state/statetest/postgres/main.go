// Command postgres starts a PostgreSQL from the machine's packages in a temporary folder, runs a
// command with TRIBUTARY_TEST_DATABASE naming it, and ends it again:
//
//	go run ./ingest/state/statetest/postgres go test ./ingest/...
//
// It exits as the command does. It is for tests: nothing it starts outlives it, nothing is synced.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tributary/ingest/child/beside"
	"tributary/ingest/state/statetest"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	if len(args) == 0 {
		return 2, errors.New("usage: postgres COMMAND [ARGUMENT …]")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := statetest.Start("fsync=off", "full_page_writes=off")
	if err != nil {
		return 1, err
	}
	code, err = beside.Run(ctx, []string{statetest.Variable + "=" + server.URL()}, args[0], args[1:]...)
	return code, errors.Join(err, server.Close())
}
