package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ErrInUse: another instance runs on the data directory.
var ErrInUse = errors.New("in use by another instance of tributary")

// lockWait is how long a killed instance may take to be gone.
const lockWait = 3 * time.Second

// dataDir is the locked data directory.
type dataDir struct {
	path string
	lock *os.File
}

// openDataDir makes the directory if it is missing and locks it. The lock ends
// with the process, however it ends.
func openDataDir(ctx context.Context, path string) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	for deadline := time.Now().Add(lockWait); ; {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return &dataDir{path: path, lock: lock}, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) || ctx.Err() != nil {
			_ = lock.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				err = ErrInUse
			}
			return nil, fmt.Errorf("data directory %s: %w", path, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (d *dataDir) join(name string) string { return filepath.Join(d.path, name) }

func (d *dataDir) close() error { return d.lock.Close() }
