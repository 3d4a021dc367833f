package state

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	groupMax     = 512                   // functions in one transaction: bounds how much one failed commit undoes
	groupTimeMax = 20 * time.Millisecond // after this no more join: bounds what the first of them waits
)

// commitLoop is the writer goroutine. It owns the writer's connection and lends it to one caller at
// a time.
func (db *DB) commitLoop() {
	for {
		select {
		case c := <-db.calls:
			db.commitGroup(c)
		case <-db.closing:
			return
		}
	}
}

// commitGroup runs first and those who arrive meanwhile in one transaction. A crash before Commit
// returns leaves all of them or none, and none was told; after it, all of them are on disk.
func (db *DB) commitGroup(first *call) {
	begun := time.Now()
	tx, err := db.write.BeginTx(context.Background(), nil)
	if err != nil {
		first.refuse(fmt.Errorf("state: beginning a transaction: %w", explain(err)))
		return
	}
	succeeded, failed, err := db.runGroup(tx, first, begun)
	if err == nil {
		err = tx.Commit()
	} else {
		_ = tx.Rollback() // err says why; the transaction is gone either way
	}
	if err != nil {
		err = fmt.Errorf("state: committing: %w", explain(err))
		db.log.Error("state database did not commit", "writes", len(succeeded), "err", err)
	}
	db.metrics.Load().committed(len(succeeded), failed, time.Since(begun), err)
	for _, c := range succeeded {
		c.done <- err
	}
}

// runGroup runs first and then whoever is waiting. err means that the transaction is unusable.
func (db *DB) runGroup(tx *sql.Tx, first *call, begun time.Time) (succeeded []*call, failed int, err error) {
	for c := first; c != nil; c = db.next(len(succeeded)+failed, begun) {
		ok, err := c.take(tx)
		if ok {
			succeeded = append(succeeded, c)
		} else {
			failed++
		}
		if err != nil { // SQLite gave the transaction up by itself (disk full, I/O error, out of memory); the connection to PostgreSQL is gone
			return succeeded, failed, fmt.Errorf("the transaction was lost: %w", err)
		}
	}
	return succeeded, failed, nil
}

// next is a caller that is waiting now, or nil when the group should commit.
func (db *DB) next(size int, begun time.Time) *call {
	if size >= groupMax || time.Since(begun) >= groupTimeMax {
		return nil
	}
	select {
	case c := <-db.calls:
		return c
	default:
		return nil
	}
}

// take lets the caller run its function in a savepoint. ok: its work is part of the transaction and
// it waits for the commit; otherwise it was told why not. err: the transaction is unusable, and the
// caller waits to be told so like the others if ok.
func (c *call) take(tx *sql.Tx) (ok bool, err error) {
	if err := c.ctx.Err(); err != nil { // gave up while BEGIN waited for another process
		c.refuse(err)
		return false, nil
	}
	if err := execute(tx, "SAVEPOINT f"); err != nil {
		close(c.turn)
		return true, err
	}
	c.turn <- tx
	failure := <-c.ran
	if failure == nil {
		released := execute(tx, "RELEASE f")
		if released == nil {
			return true, nil
		}
		if err := execute(tx, "ROLLBACK TO f; RELEASE f"); err != nil {
			return true, released
		}
		// PostgreSQL runs nothing after a statement that failed, RELEASE neither.
		c.done <- fmt.Errorf("state: a statement failed, and its function went on and returned nil: %w", released)
		return false, nil
	}
	err = execute(tx, "ROLLBACK TO f; RELEASE f")
	c.done <- failure
	return false, err
}

// refuse ends a call whose function was not run.
func (c *call) refuse(err error) {
	close(c.turn)
	c.done <- err
}

func execute(tx *sql.Tx, statement string) error {
	_, err := tx.Exec(statement)
	return err
}
