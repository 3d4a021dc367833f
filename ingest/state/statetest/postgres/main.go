// Command postgres starts a PostgreSQL from the machine's packages in a temporary folder, runs a
// command with TRIBUTARY_TEST_DATABASE naming it, and ends it again:
//
//	go run ./ingest/state/statetest/postgres go test ./ingest/...
//
// It exits as the command does. It is for tests: nothing it starts outlives it, nothing is synced.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

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
	interrupted := make(chan os.Signal, 1) // the command hears it too, and ends; then the server does
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	server, err := statetest.Start("fsync=off", "full_page_writes=off")
	if err != nil {
		return 1, err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), statetest.Variable+"="+server.URL())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code, err = max(exit.ExitCode(), 1), nil
	} else if err != nil {
		code = 1
	}
	return code, errors.Join(err, server.Close())
}
