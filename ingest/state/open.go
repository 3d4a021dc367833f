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
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
)

const (
	busyTimeout = 5 * time.Second // how long another process may hold the database
	readersMax  = 8               // connections of the read pool; each caches up to 2 MB of pages
	readersIdle = 4
	walBytesMax = 64 << 20 // the WAL file is cut to this after a checkpoint
)

// DB is an open state database. It is safe for many goroutines.
type DB struct {
	write *sql.DB // exactly one connection, used by the writer goroutine only
	read  *sql.DB
	log   *slog.Logger

	calls   chan *call
	closing chan struct{}
	closed  sync.Once
	writer  sync.WaitGroup
	metrics atomic.Pointer[Metrics]
}

// Open opens the database named by dsn, creates it if it is missing, and migrates it.
//
//	sqlite:/var/lib/tributary/state.db   absolute
//	sqlite:data/state.db                 from the working directory
//
// The folder must exist. The file is created with mode 0600: it holds private keys.
// ErrNewer: a newer program migrated it. ErrLocked: another process is writing to it.
func Open(ctx context.Context, dsn string, log *slog.Logger) (*DB, error) {
	dir, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, fmt.Errorf("state: reading migrations: %w", err)
	}
	list, err := readMigrations(dir)
	if err != nil {
		return nil, err
	}
	return open(ctx, dsn, log, list)
}

func open(ctx context.Context, dsn string, log *slog.Logger, list []migration) (*DB, error) {
	path, err := parseSource(dsn)
	if err != nil {
		return nil, err
	}
	if err := createPrivate(path, log); err != nil {
		return nil, err
	}
	write, err := openWriter(path)
	if err != nil {
		return nil, err
	}
	applied, err := migrate(ctx, write, list)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := openReaders(path)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	log.DebugContext(ctx, "state database open", "path", path, "migrations_applied", applied)

	db := &DB{
		write: write, read: read, log: log,
		calls: make(chan *call), closing: make(chan struct{}),
	}
	db.writer.Go(db.commitLoop)
	return db, nil
}

// parseSource returns the path in a data source name.
func parseSource(dsn string) (string, error) {
	kind, path, _ := strings.Cut(dsn, ":")
	switch {
	case kind != "sqlite":
		return "", fmt.Errorf("%w: %q is not sqlite:PATH", ErrSource, redact(dsn))
	case path == "":
		return "", fmt.Errorf("%w: %q names no file", ErrSource, dsn)
	case strings.HasPrefix(path, ":") || strings.ContainsAny(path, "?#\x00"):
		return "", fmt.Errorf("%w: %q is not the path of a file; options and :memory: are not possible", ErrSource, dsn)
	}
	return filepath.Clean(path), nil
}

// redact keeps a password out of messages: what is not ours to open may be somebody's real address.
func redact(dsn string) string {
	if u, err := url.Parse(dsn); err == nil {
		return u.Redacted()
	}
	kind, _, _ := strings.Cut(dsn, ":")
	return kind + ":…"
}

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

// openWriter opens the one connection that writes.
func openWriter(path string) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(source(path, url.Values{
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

func openReaders(path string) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(source(path, url.Values{
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

// source is the driver's name for path: a file: URI, so that no character of the path has a meaning.
func source(path string, options url.Values) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + options.Encode()
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Read is the pool for queries. It sees what is committed, never waits for the writer, and refuses
// to write. Close the rows: an open one keeps the WAL from being cut.
func (db *DB) Read() *sql.DB { return db.read }

// Observe makes m count from now on.
func (db *DB) Observe(m *Metrics) { db.metrics.Store(m) }

// Close lets the transaction under way commit, refuses what comes after with ErrClosed, and closes
// the file. It must not be called from inside a Write.
func (db *DB) Close() error {
	db.closed.Do(func() { close(db.closing) })
	db.writer.Wait()
	// Readers first: the last connection to close moves the WAL into the file and removes it.
	if err := errors.Join(db.read.Close(), db.write.Close()); err != nil {
		return fmt.Errorf("state: closing: %w", err)
	}
	return nil
}
