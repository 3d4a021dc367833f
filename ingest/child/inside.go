package child

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// LingerMax is how long a child may take to end once its parent is gone. Nobody is
// left to kill it then, so it leaves by itself.
const LingerMax = 15 * time.Second

// supervised says whether standard input is a pipe, that is, whether Start made this process.
var supervised = sync.OnceValue(func() bool {
	info, err := os.Stdin.Stat()
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
})

var parentGone = sync.OnceValue(func() <-chan struct{} {
	if !supervised() {
		return nil
	}
	gone := make(chan struct{})
	go func() { // lives as long as the process
		defer close(gone)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	return gone
})

// ParentGone is for the child: the channel is closed when the parent closed the pipe
// or ended. A process that nobody supervises gets nil, which is never closed.
func ParentGone() <-chan struct{} { return parentGone() }

// Context is for the child's main: the context ends when the child must end. That is
// when the parent is gone; in a process started by hand, at SIGINT or SIGTERM.
// A supervised child ignores these signals, and SIGPIPE too: a line logged after the
// parent's end must not keep it from closing its files.
func Context(parent context.Context) (context.Context, context.CancelFunc) {
	if !supervised() {
		return signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(parent)
	go func() {
		select {
		case <-ParentGone():
			time.AfterFunc(LingerMax, func() { os.Exit(3) })
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// Ready is for the child: it tells the parent that the child serves.
func Ready() { fmt.Println(readyLine) }

// Logger is for the child: its log in the form that the parent forwards with level
// and attributes, or as text in a process started by hand.
func Logger(level slog.Leveler) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if supervised() {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts))
}
