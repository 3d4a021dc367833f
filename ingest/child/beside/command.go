package beside

import (
	"context"
	"errors"
	"os"
	"os/exec"
)

// Run runs a command with more environment than ours ("NAME=value") and returns its exit
// code, or why it was not run. When ctx ends it is interrupted, and waited for.
func Run(ctx context.Context, environ []string, name string, args ...string) (code int, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), environ...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), nil // -1: a signal ended it
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}
