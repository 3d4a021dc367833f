package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"
)

const (
	busyTimeout = 5 * time.Second // how long another process may hold the database
	walBytesMax = 64 << 20        // the WAL file is cut to this after a checkpoint
)

// sqliteFile is a source sqlite:PATH.
type sqliteFile struct{ path string }

func parseSQLite(dsn string) (source, error) {
	path := strings.TrimPrefix(dsn, "sqlite:")
	switch {
	case path == "":
		return nil, fmt.Errorf("%w: %q names no file", ErrSource, dsn)
	case strings.HasPrefix(path, ":") || strings.ContainsAny(path, "?#\x00"):
		return nil, fmt.Errorf("%w: %q is not the path of a file; options and :memory: are not possible", ErrSource, dsn)
	}
	return sqliteFile{filepath.Clean(path)}, nil
}

func (f sqliteFile) open(_ context.Context, log *slog.Logger) (connections, error) {
	if err := createPrivate(f.path, log); err != nil {
		return connections{}, err
	}
	write, err := openSQLiteWriter(f.path)
	if err != nil {
		return connections{}, err
	}
	read, err := openSQLiteReaders(f.path)
	if err != nil {
		return connections{}, errors.Join(err, write.Close())
	}
	return connections{write: write, read: read, migrate: write}, nil
}

func (f sqliteFile) String() string { return "sqlite:" + f.path }

func (f sqliteFile) openReaders(context.Context) (*sql.DB, error) {
	if _, err := os.Stat(f.path); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	return openSQLiteReaders(f.path)
}

func (f sqliteFile) empty(context.Context, []Table) error {
	for _, path := range f.files() {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: there is a file %s", ErrNotEmpty, path)
		}
	}
	return nil
}

func (f sqliteFile) remove() error {
	var failed []error
	for _, path := range f.files() {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// files are those of a database: itself, its log, the log's index.
func (f sqliteFile) files() []string { return []string{f.path, f.path + "-wal", f.path + "-shm"} }

// createPrivate creates the file before SQLite would, which would do it with mode 0644; the WAL and
// its index inherit the mode. The folder is synced so that a power cut does not lose the name.
func createPrivate(path string, log *slog.Logger) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
			log.Warn("state database can be read by other users of this machine, and it holds private keys", "path", path, "mode", info.Mode().Perm().String())
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("state: creating the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("state: creating the database: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("state: syncing the folder of the database: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("state: syncing the folder of the database: %w", err)
	}
	return nil
}

// openSQLiteWriter opens the one connection that writes.
func openSQLiteWriter(path string) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(sqliteURI(path, url.Values{
		"_txlock": {"immediate"}, // BEGIN waits for another process's lock; a lock taken later could not be waited for
		"_pragma": {
			"busy_timeout(" + milliseconds(busyTimeout) + ")",
			"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
			"journal_size_limit(" + strconv.Itoa(walBytesMax) + ")",
		},
	}))
	if err != nil {
		return nil, fmt.Errorf("state: opening %s: %w", path, err)
	}
	db := sql.OpenDB(steady{connector})
	db.SetMaxOpenConns(1)
	return db, nil
}

func openSQLiteReaders(path string) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(sqliteURI(path, url.Values{
		"_query_only": {"1"},
		"_pragma":     {"busy_timeout(" + milliseconds(busyTimeout) + ")"},
	}))
	if err != nil {
		return nil, fmt.Errorf("state: opening %s: %w", path, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(readersMax)
	db.SetMaxIdleConns(readersIdle)
	return db, nil
}

// sqliteURI is the driver's name for path: a file: URI, so that no character of the path has a meaning.
func sqliteURI(path string, options url.Values) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + options.Encode()
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
