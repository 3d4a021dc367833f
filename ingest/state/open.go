package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	readersMax  = 8 // connections of the read pool; on SQLite each caches up to 2 MB of pages
	readersIdle = 4
)

// DB is an open state database. It is safe for many goroutines.
type DB struct {
	write *sql.DB // exactly one connection, used by the writer goroutine only
	read  *sql.DB
	// single statements of PostgreSQL's beside the writer; nil on SQLite
	beside *sql.DB
	log    *slog.Logger
	local  bool // a file: a query by key takes microseconds

	lookupsMu sync.RWMutex
	lookups   map[string]*sql.Stmt // by query; guarded by lookupsMu

	calls   chan *call
	closing chan struct{}
	closed  sync.Once
	writer  sync.WaitGroup
	metrics atomic.Pointer[Metrics]
}

// A source is a database that can be opened: a file of SQLite's, or one of a PostgreSQL's.
type source interface {
	open(ctx context.Context, log *slog.Logger) (connections, error)
	openReaders(ctx context.Context) (*sql.DB, error) // only if it is there (ErrAbsent)
	empty(ctx context.Context, tables []Table) error  // nil, or ErrNotEmpty: it may not be restored into
	remove() error                                    // what open made, if that was a file
	String() string                                   // for messages: no password is in it
}

// connections to one database. Of all processes at most one is in a transaction of write or
// migrate; BEGIN waits for the others.
type connections struct {
	write   *sql.DB // exactly one, which no context interrupts
	read    *sql.DB // refuse to write; a transaction keeps its snapshot
	beside  *sql.DB // writes single statements without the writers' lock; nil: there is no such way
	migrate *sql.DB // write, or one of its own, closed after use
}

// Open opens the database named by dsn and migrates it.
//
//	sqlite:/var/lib/tributary/state.db      absolute; the file is created if it is missing
//	sqlite:data/state.db                    from the working directory
//	postgres://user:password@host/name      PostgreSQL 14 or newer
//	postgres:///name?host=/run/postgresql   over its unix socket
//
// SQLite: the folder must exist. The file is created with mode 0600: it holds private keys.
//
// PostgreSQL: the database must exist, with encoding UTF8. The parameters of its URLs are understood
// (sslmode, sslrootcert, connect_timeout, target_session_attrs …; search_path for a schema, which
// must exist), and what is not said comes from PGHOST, PGPASSWORD and the like. A pooler in between
// must keep sessions, not only transactions. Several nodes may open it, also at once.
//
// ErrNewer: a newer program migrated it. ErrLocked: another process is writing to it.
func Open(ctx context.Context, dsn string, log *slog.Logger) (*DB, error) {
	list, err := embeddedMigrations()
	if err != nil {
		return nil, err
	}
	return open(ctx, dsn, log, list)
}

func open(ctx context.Context, dsn string, log *slog.Logger, list []migration) (*DB, error) {
	source, err := parseSource(dsn)
	if err != nil {
		return nil, err
	}
	conns, err := source.open(ctx, log)
	if err != nil {
		return nil, err
	}
	applied, err := migrate(ctx, conns.migrate, list)
	if conns.migrate != conns.write {
		err = errors.Join(err, conns.migrate.Close())
	}
	if err != nil {
		return nil, errors.Join(err, conns.read.Close(), conns.write.Close(), closeIf(conns.beside))
	}
	log.DebugContext(ctx, "state database open", "source", source.String(), "migrations_applied", applied)

	_, local := source.(sqliteFile)
	db := &DB{
		write: conns.write, read: conns.read, beside: conns.beside, log: log, local: local, lookups: make(map[string]*sql.Stmt),
		calls: make(chan *call), closing: make(chan struct{}),
	}
	db.writer.Go(db.commitLoop)
	return db, nil
}

// parseSource looks at a data source name and opens nothing.
func parseSource(dsn string) (source, error) {
	kind, rest, _ := strings.Cut(dsn, ":")
	switch {
	case kind == "sqlite":
		return parseSQLite(dsn)
	case (kind == "postgres" || kind == "postgresql") && strings.HasPrefix(rest, "//"):
		return parsePostgres(dsn)
	}
	return nil, fmt.Errorf("%w: %q is neither sqlite:PATH nor postgres://…", ErrSource, redact(dsn))
}

// redact keeps passwords out of messages: that of a URL, among its parameters too, and whatever else
// could be somebody's real address in another form.
func redact(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Opaque != "" || (u.Scheme == "" && strings.Contains(dsn, "=")) {
		kind, _, _ := strings.Cut(dsn, ":")
		kind, _, _ = strings.Cut(kind, "=")
		return kind + "…"
	}
	if strings.Contains(u.RawQuery, "password") {
		u.RawQuery = "…"
	}
	return u.Redacted()
}

// Read is the pool for queries. It sees what is committed, never waits for the writer, and refuses
// to write. Close the rows: open ones keep SQLite's WAL from being cut, and PostgreSQL from
// cleaning up.
func (db *DB) Read() *sql.DB { return db.read }

// Exec runs one statement in a transaction of its own, beside the others where the database can:
// PostgreSQL then neither waits for the writers nor orders it among them, so that it must be right
// whatever they do. It is for what cannot wait, such as the renewal of a lease. ctx may end it; what was
// committed is then not known. On SQLite it is a Write.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (done sql.Result, err error) {
	if db.beside != nil {
		return db.beside.ExecContext(ctx, query, args...)
	}
	err = db.Write(ctx, func(tx *sql.Tx) (err error) {
		done, err = tx.ExecContext(ctx, query, args...)
		return err
	})
	return done, err
}

func closeIf(db *sql.DB) error {
	if db == nil {
		return nil
	}
	return db.Close()
}

// Observe makes m count from now on.
func (db *DB) Observe(m *Metrics) { db.metrics.Store(m) }

// Close lets the transaction under way commit, refuses what comes after with ErrClosed, and closes
// the connections. It must not be called from inside a Write.
func (db *DB) Close() error {
	db.closed.Do(func() { close(db.closing) })
	db.writer.Wait()
	// Readers first: the last connection to close moves SQLite's WAL into the file and removes it.
	if err := errors.Join(db.read.Close(), db.write.Close(), closeIf(db.beside)); err != nil {
		return fmt.Errorf("state: closing: %w", err)
	}
	return nil
}
