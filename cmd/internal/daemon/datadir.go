package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tributary/ingest/folder"
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
	lock, err := folder.Lock(ctx, path, lockWait, ErrInUse)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(path, restoringName)); err == nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", path, ErrRestoring), lock.Close())
	}
	return &dataDir{path: path, lock: lock}, nil
}

func (d *dataDir) join(name string) string { return filepath.Join(d.path, name) }

func (d *dataDir) close() error { return d.lock.Close() }
