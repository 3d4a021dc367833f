package folder

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

// lockFile is the file in the folder that is locked. It stays.
const lockFile = "lock"

// lockPause is the time between two tries.
const lockPause = 20 * time.Millisecond

// Lock takes the folder for this process, and for the program that it may become, until
// the file is closed. It waits up to wait for another process to leave: one that was
// killed, or the child of such a one, needs some milliseconds to end. If that one stays,
// the error is inUse, with the folder and the process.
func Lock(ctx context.Context, dir string, wait time.Duration, inUse error) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("folder: opening the lock: %w", err)
	}
	if err := flock(ctx, f, wait); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("folder: locking %s: %w", dir, err)
		}
		holder, _ := os.ReadFile(f.Name())
		return nil, fmt.Errorf("%w: %s is held by process %s, waited %s", inUse, dir, strings.TrimSpace(string(holder)), wait)
	}
	// For the message above only: who holds the lock is the kernel's knowledge. A full
	// disk is no reason not to start.
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
		case <-time.After(lockPause):
		}
	}
}
