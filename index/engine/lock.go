package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lock takes the directory for this process and the program that it becomes, waiting up to wait for another engine to
// leave it: the child of a killed parent is on its way out. The kernel frees it when the process ends, however it ends.
func lock(ctx context.Context, dir string, wait time.Duration) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("engine: opening the lock: %w", err)
	}
	if err := flock(ctx, f, wait); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("engine: locking %s: %w", dir, err)
		}
		holder, _ := os.ReadFile(f.Name())
		return nil, fmt.Errorf("%w: %s is held by process %s, waited %s", ErrLocked, dir, strings.TrimSpace(string(holder)), wait)
	}
	// For the message above only. A full disk is no reason not to start.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	}
	return f, nil
}

func flock(ctx context.Context, f *os.File, wait time.Duration) error {
	limit := time.Now().Add(wait)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || time.Now().After(limit) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
