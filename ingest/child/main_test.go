package child_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tributary/ingest/child"
	"tributary/ingest/child/childtest"
)

// TestMain lets the test binary play every part: Start re-executes os.Executable(),
// which is this binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if part, ok := parts[os.Args[1]]; ok {
			part(os.Args[2:])
			os.Exit(0)
		}
	}
	goleak.VerifyTestMain(m)
}

var parts = map[string]func(args []string){
	"part-good":     good,
	"part-deaf":     deaf,
	"part-talk":     talk,
	"part-fail":     fail,
	"part-env":      env,
	"part-panicked": func([]string) { panic("lost my mind") },
	"part-parent":   parent,
	"part-echo":     echo,
	"part-quit":     func([]string) { child.Ready() },
}

// good serves until it must end.
func good([]string) {
	ctx, stop := child.Context(context.Background())
	defer stop()
	child.Ready()
	<-ctx.Done()
	child.Logger(slog.LevelInfo).Info("ending in good order")
}

// deaf does not end when its parent closes the pipe.
func deaf([]string) {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	child.Ready()
	time.Sleep(time.Hour)
}

func talk([]string) {
	log := child.Logger(slog.LevelInfo)
	log.Warn("disk nearly full", "free_bytes", 123, "dir", "/somewhere")
	fmt.Fprintln(os.Stderr, strings.Repeat("x", 20<<10))
	fmt.Fprint(os.Stderr, "no newline at the end")
	fmt.Println("hello from standard output")
	<-child.ParentGone()
}

func fail([]string) {
	child.Logger(slog.LevelInfo).Error("cannot open the data directory", "err", "it is in use")
	os.Exit(1)
}

func env([]string) {
	child.Logger(slog.LevelInfo).Info("environment", "env", strings.Join(os.Environ(), "|"))
	good(nil)
}

// parent starts a child of its own, prints its pid and waits to be killed.
func parent(args []string) {
	fmt.Fprintln(os.Stderr, childtest.ParentMain(args))
	os.Exit(1)
}

// echo returns what it is told, until it must end.
func echo([]string) {
	ctx, stop := child.Context(context.Background())
	defer stop()
	conn := os.NewFile(child.TalkFD, "talk")
	go func() { _, _ = io.Copy(conn, conn) }()
	child.Ready()
	<-ctx.Done()
}
