package state

import (
	"context"
	"database/sql/driver"
	"errors"
)

// steady opens the writer's connection. Its statements ignore the end of a context: SQLite answers
// an interrupted INSERT, UPDATE or DELETE by rolling back the whole transaction
// (https://sqlite.org/c3ref/interrupt.html), which would undo the work of every caller that shares
// the commit because one of them went away.
type steady struct{ driver.Connector }

func (s steady) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := c.(fullConn)
	if !ok {
		_ = c.Close()
		return nil, errors.New("state: the SQLite driver has lost a method that Write needs")
	}
	return &steadyConn{fullConn: conn, kept: make(map[string]fullStmt, keptMax)}, nil
}

// fullConn is what database/sql looks for in a connection and the SQLite driver has.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// steadyConn also keeps the statements that Exec ran: preparing one costs more than running it.
type steadyConn struct {
	fullConn
	kept map[string]fullStmt // by SQL text; used like the connection by one goroutine at a time
}

const (
	keptMax      = 64   // statements
	keptBytesMax = 2048 // of one statement's text: migrations run once
)

func (c *steadyConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.fullConn.BeginTx(context.WithoutCancel(ctx), opts)
}

func (c *steadyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	ctx = context.WithoutCancel(ctx)
	stmt, ok := c.kept[query]
	if !ok {
		if len(query) > keptBytesMax {
			return c.fullConn.ExecContext(ctx, query, args)
		}
		var err error
		if stmt, err = c.prepare(ctx, query); err != nil {
			return nil, err
		}
		c.keep(query, stmt)
	}
	return stmt.ExecContext(ctx, args)
}

// keep remembers a statement, in the place of any other when there are too many.
func (c *steadyConn) keep(query string, stmt fullStmt) {
	if len(c.kept) >= keptMax {
		for old, s := range c.kept {
			_ = s.Close()
			delete(c.kept, old)
			break
		}
	}
	c.kept[query] = stmt
}

// Close also closes the kept statements: SQLite keeps the file open for those that are left.
func (c *steadyConn) Close() error {
	for _, s := range c.kept {
		_ = s.Close()
	}
	clear(c.kept)
	return c.fullConn.Close()
}

func (c *steadyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.fullConn.QueryContext(context.WithoutCancel(ctx), query, args)
}

func (c *steadyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.prepare(context.WithoutCancel(ctx), query)
	if err != nil {
		return nil, err
	}
	return &steadyStmt{stmt}, nil
}

func (c *steadyConn) prepare(ctx context.Context, query string) (fullStmt, error) {
	s, err := c.fullConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	stmt, ok := s.(fullStmt)
	if !ok {
		_ = s.Close()
		return nil, errors.New("state: the SQLite driver has lost a method that Write needs")
	}
	return stmt, nil
}

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type steadyStmt struct{ fullStmt }

func (s *steadyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.fullStmt.ExecContext(context.WithoutCancel(ctx), args)
}

func (s *steadyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.fullStmt.QueryContext(context.WithoutCancel(ctx), args)
}
