package state

import (
	"context"
	"database/sql"
	"errors"
)

// A call is one Write on its way through the writer goroutine.
type call struct {
	ctx  context.Context // of the Write that waits; asked once, before its function starts
	turn chan *sql.Tx    // the transaction, when it is this call's turn; closed without one when there will be none
	ran  chan error      // what the function returned
	done chan error      // what Write returns
}

// errUnwound stands for the error of a function that panicked or left by runtime.Goexit.
var errUnwound = errors.New("state: function did not return")

// Write runs f inside a transaction and returns after the commit: nil means that what f did is on
// disk. Callers that arrive together share the transaction; see the package doc.
//
// If f returns an error or panics, what it did is undone, that of the others is not, and Write
// returns the error, or panics on. If the commit fails, every caller of that transaction gets the
// error. ctx counts only until f starts.
//
// f must not call Write, nor Commit or Rollback of tx, nor keep tx; it should be quick, and do
// nothing but SQL: every writer waits for it.
func (db *DB) Write(ctx context.Context, f func(tx *sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &call{ctx: ctx, turn: make(chan *sql.Tx), ran: make(chan error, 1), done: make(chan error, 1)}
	select {
	case db.calls <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.closing:
		return ErrClosed
	}
	if tx, ok := <-c.turn; ok {
		c.run(tx, f)
	}
	return <-c.done
}

// run calls f and hands the transaction back to the writer, even when f unwinds the goroutine.
func (c *call) run(tx *sql.Tx, f func(tx *sql.Tx) error) {
	err := errUnwound
	defer func() { c.ran <- err }()
	err = f(tx)
}
