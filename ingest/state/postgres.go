package state

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	connectTimeout = 5 * time.Second  // for one address, unless the URL says connect_timeout
	answerTimeout  = 60 * time.Second // for one statement of the writer: a server that vanished without a word must not stop it for good
)

// What every connection of a kind says first.
const (
	// Another node waits for lock_timeout as another process does for SQLite's busy timeout. One that
	// froze inside a transaction is cut off by the server. What Write acknowledged must be on disk,
	// even where somebody chose speed for the whole server.
	writerSettings = `SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '60s';
		SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`
	readerSettings   = `SET default_transaction_read_only = on; SET default_transaction_isolation = 'repeatable read'`
	migratorSettings = `SET lock_timeout = 0; SET statement_timeout = 0`
)

// beginLocked is BEGIN IMMEDIATE of SQLite: one writer at a time, over all nodes, so that a function
// given to Write finds the same guarantees on both, and two nodes never block each other in a circle.
// The lock is let go after the commit is visible. Its first number spells "trib"; the second keeps
// schemas of one database apart.
const beginLocked = `BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(1953655138, hashtext(current_schema()))`

// postgres is a source postgres://….
type postgres struct {
	config *pgx.ConnConfig
	shown  string
}

func parsePostgres(dsn string) (source, error) {
	shown := redact(dsn)
	if _, err := url.Parse(dsn); err != nil { // its text may hold a part of the password
		return nil, fmt.Errorf("%w: %q is not a URL; in a name or password, write @ : / ? # %% as %%40 %%3A %%2F %%3F %%23 %%25", ErrSource, shown)
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		text := err.Error() // cannot parse `URL`: reason
		return nil, fmt.Errorf("%w: %q: %s", ErrSource, shown, text[strings.LastIndex(text, "`")+1:])
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "tributary"
	}
	return postgres{config, shown}, nil
}

func (p postgres) String() string { return p.shown }

func (p postgres) open(ctx context.Context, _ *slog.Logger) (connections, error) {
	c := connections{
		write:   p.connect(writerSettings, bounded, func(c pgConn) driver.Conn { return pgWriter{pgLocker{c}} }),
		read:    p.connect(readerSettings, nil, func(c pgConn) driver.Conn { return pgReader{c} }),
		beside:  p.connect(writerSettings, bounded, func(c pgConn) driver.Conn { return c }),
		migrate: p.connect(migratorSettings, nil, func(c pgConn) driver.Conn { return pgLocker{c} }),
	}
	c.write.SetMaxOpenConns(1)
	c.beside.SetMaxOpenConns(1)
	c.read.SetMaxOpenConns(readersMax)
	c.read.SetMaxIdleConns(readersIdle)
	c.migrate.SetMaxOpenConns(1)
	if err := p.check(ctx, c.migrate); err != nil {
		return connections{}, errors.Join(err, c.migrate.Close(), c.read.Close(), c.write.Close(), c.beside.Close())
	}
	return c, nil
}

func (p postgres) openReaders(ctx context.Context) (*sql.DB, error) {
	db := p.connect(readerSettings, nil, func(c pgConn) driver.Conn { return pgReader{c} })
	if err := p.check(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// empty lets tables without a row pass: a restore that failed leaves them. Those of others are not looked at.
func (p postgres) empty(ctx context.Context, tables []Table) error {
	db, err := p.openReaders(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it only read
	for _, t := range tables {
		var found, rows bool
		err := db.QueryRowContext(ctx, `SELECT to_regclass(quote_ident(current_schema()) || '.' || quote_ident($1)) IS NOT NULL`, t.Name).Scan(&found)
		if err == nil && found {
			err = db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+quote(t.Name)+`)`).Scan(&rows)
		}
		switch {
		case err != nil:
			return fmt.Errorf("state: looking into %s: %w", p.shown, err)
		case rows:
			return fmt.Errorf("%w: %s has rows in the table %s; to restore, give it another database, or a schema of its own by ?search_path=NAME", ErrNotEmpty, p.shown, t.Name)
		}
	}
	return nil
}

func (p postgres) remove() error { return nil }

// check refuses a database that could not hold every text.
func (p postgres) check(ctx context.Context, db *sql.DB) error {
	var encoding string
	if err := db.QueryRowContext(ctx, `SELECT current_setting('server_encoding')`).Scan(&encoding); err != nil {
		return fmt.Errorf("state: connecting to %s: %w", p.shown, err)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("%w: %s has encoding %s and must have UTF8: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", ErrSource, p.shown, encoding)
	}
	return nil
}

// connect returns a pool whose connections begin with settings; wrap says how they behave.
func (p postgres) connect(settings string, dial func(pgconn.DialFunc) pgconn.DialFunc, wrap func(pgConn) driver.Conn) *sql.DB {
	config := p.config.Copy()
	if dial != nil {
		config.DialFunc = dial(config.DialFunc)
	}
	begin := stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, settings); err != nil {
			return errors.Join(err, conn.Close(ctx)) // the driver forgets it
		}
		return nil
	})
	return sql.OpenDB(pgConnector{stdlib.GetConnector(*config, begin), wrap})
}

type pgConnector struct {
	driver.Connector
	wrap func(pgConn) driver.Conn
}

func (c pgConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	pg, ok := conn.(*stdlib.Conn)
	if !ok {
		return nil, errors.Join(errors.New("state: the PostgreSQL driver has changed its type of a connection"), conn.Close())
	}
	return c.wrap(pgConn{pg}), nil
}

// bounded gives every answer answerTimeout. The writer can have that instead of contexts, which it
// does not hear: nothing else sets deadlines on its connection once it stands.
func bounded(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return boundedConn{conn}, nil
	}
}

type boundedConn struct{ net.Conn }

func (c boundedConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(answerTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}
