package state

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// pgConn is a connection to PostgreSQL that takes the arguments that SQLite takes.
type pgConn struct{ *stdlib.Conn }

// CheckNamedValue turns an argument into one of the few types that both databases store: booleans
// into 0 and 1, for SMALLINT. PostgreSQL refuses a text with NUL or with broken UTF-8, such as an
// answer of a stranger that was cut in the middle of a letter; SQLite takes any bytes. Such a text is
// mended, the same way in what is written and in what is asked for.
func (pgConn) CheckNamedValue(v *driver.NamedValue) error {
	value, err := driver.DefaultParameterConverter.ConvertValue(v.Value)
	if err != nil {
		return err
	}
	switch x := value.(type) {
	case bool:
		value = int64(0)
		if x {
			value = int64(1)
		}
	case string:
		value = mendText(x)
	}
	v.Value = value
	return nil
}

func mendText(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.Contains(s, "\x00") {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return s
}

// lost reports whether the connection ended with err; otherwise the server refused something.
func (c pgConn) lost(err error) bool {
	if err == nil {
		return false
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC"
	}
	return c.Conn.Conn().IsClosed()
}

// retry makes database/sql take another connection when this one turned out to be dead, as all are
// after a restart of the server. It is for what may safely be sent again.
func (c pgConn) retry(ctx context.Context, err error) error {
	if ctx.Err() == nil && c.lost(err) {
		return driver.ErrBadConn
	}
	return err
}

// pgReader reads, so that all it does may be sent again.
type pgReader struct{ pgConn }

func (c pgReader) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.pgConn.QueryContext(ctx, query, args)
	return rows, c.retry(ctx, err)
}

func (c pgReader) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.pgConn.PrepareContext(ctx, query)
	return stmt, c.retry(ctx, err)
}

func (c pgReader) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.pgConn.BeginTx(ctx, opts)
	return tx, c.retry(ctx, err)
}

// pgLocker is a connection of whose transactions only one runs at a time: beginLocked.
type pgLocker struct{ pgConn }

func (c pgLocker) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if c.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	tx, err := c.Conn.Conn().BeginTx(ctx, pgx.TxOptions{BeginQuery: beginLocked})
	if err == nil {
		return pgTx{c.pgConn, tx}, nil
	}
	if !c.lost(err) { // BEGIN was done, the lock was not to be had
		_, _ = c.Conn.Conn().Exec(ctx, "ROLLBACK") // if this fails, the driver finds the connection unusable
	}
	return nil, c.retry(ctx, err)
}

// pgTx is a transaction of the writer or the migrator.
type pgTx struct {
	conn pgConn
	tx   pgx.Tx
}

func (t pgTx) Commit() error {
	err := t.tx.Commit(context.Background())
	if t.conn.lost(err) {
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	return err // of a transaction that the server gave up, COMMIT does a ROLLBACK: that is an error here
}

func (t pgTx) Rollback() error { return t.tx.Rollback(context.Background()) }

// pgWriter is the writer's connection. Like SQLite's (steady.go) its statements ignore the end of a
// context, which makes the driver close the connection, and keep what they prepared.
type pgWriter struct{ pgLocker }

func (c pgWriter) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.pgLocker.BeginTx(context.WithoutCancel(ctx), opts)
}

func (c pgWriter) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.pgLocker.ExecContext(context.WithoutCancel(ctx), query, args)
}

func (c pgWriter) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.pgLocker.QueryContext(context.WithoutCancel(ctx), query, args)
}

// PrepareContext sends nothing: the driver keeps a prepared statement for every text that was run.
func (c pgWriter) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	return pgStmt{c, query}, nil
}

type pgStmt struct {
	conn  pgWriter
	query string
}

func (s pgStmt) Close() error  { return nil }
func (s pgStmt) NumInput() int { return -1 } // the server counts

func (s pgStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

func (s pgStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

var errNoContext = errors.New("state: BUG: a statement was run without a context")

// Exec is never called, since there is ExecContext.
func (s pgStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errNoContext }

// Query is never called, since there is QueryContext.
func (s pgStmt) Query([]driver.Value) (driver.Rows, error) { return nil, errNoContext }
