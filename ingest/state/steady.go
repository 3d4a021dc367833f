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
	return &steadyConn{conn}, nil
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

type steadyConn struct{ fullConn }

func (c *steadyConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.fullConn.BeginTx(context.WithoutCancel(ctx), opts)
}

func (c *steadyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.fullConn.ExecContext(context.WithoutCancel(ctx), query, args)
}

func (c *steadyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.fullConn.QueryContext(context.WithoutCancel(ctx), query, args)
}

func (c *steadyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.fullConn.PrepareContext(context.WithoutCancel(ctx), query)
	if err != nil {
		return nil, err
	}
	stmt, ok := s.(fullStmt)
	if !ok {
		_ = s.Close()
		return nil, errors.New("state: the SQLite driver has lost a method that Write needs")
	}
	return &steadyStmt{stmt}, nil
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
