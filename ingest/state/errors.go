package state

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrClosed is what Write returns once Close was called.
	ErrClosed = errors.New("state: database is closed")
	// ErrNewer says that a newer program migrated the database: this one would not understand it.
	ErrNewer = errors.New("state: database is newer than this program")
	// ErrLocked says that another process held the database for longer than the busy timeout.
	ErrLocked = errors.New("state: database is locked by another process")
	// ErrUncertain says that the connection to PostgreSQL broke during COMMIT: all of the transaction
	// is there, or nothing of it.
	ErrUncertain = errors.New("state: connection lost during the commit")
	// ErrAbsent says that there is no state database where one was to be read.
	ErrAbsent = errors.New("state: there is no state database")
	// ErrNotEmpty says that a database cannot be restored into, as something is in it.
	ErrNotEmpty = errors.New("state: the database is not empty")
	// ErrSource says that the data source name is not one that this program can open.
	ErrSource = errors.New("state: unusable data source name")
)

// explain adds ErrLocked to what a database says when another process holds a lock.
func explain(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "55P03" { // lock_not_available
		return fmt.Errorf("%w: did another node stop in the middle of a transaction, or is it migrating? %w", ErrLocked, err)
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff { // the low byte is the primary result code
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: is a second one running on the same data directory? %w", ErrLocked, err)
	}
	return err
}
