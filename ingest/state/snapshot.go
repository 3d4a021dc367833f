package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// A Snapshot is what a database holds at one moment, for a backup. The program may run meanwhile, and
// any other node: a snapshot waits for nobody, and nobody waits for it. While it is open SQLite's WAL
// grows, and PostgreSQL does not clean up.
type Snapshot struct {
	Version int     // newest migration
	Tables  []Table // in an order in which they can be filled

	db *sql.DB
	tx *sql.Tx
}

// OpenSnapshot opens the database that dsn names, as Open does, but neither makes nor migrates it: it may
// be in use by an older program. ErrNewer: this program does not know all of it. ErrAbsent: there is none.
func OpenSnapshot(ctx context.Context, dsn string) (*Snapshot, error) {
	list, err := embeddedMigrations()
	if err != nil {
		return nil, err
	}
	return openSnapshot(ctx, dsn, list)
}

func openSnapshot(ctx context.Context, dsn string, list []migration) (*Snapshot, error) {
	source, err := parseSource(dsn)
	if err != nil {
		return nil, err
	}
	db, err := source.openReaders(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(ctx, nil) // of a reader: it keeps what its first statement saw
	if err != nil {
		return nil, errors.Join(fmt.Errorf("state: beginning to read %s: %w", source, err), db.Close())
	}
	s := &Snapshot{db: db, tx: tx}
	if err := s.read(ctx, list); err != nil {
		return nil, errors.Join(fmt.Errorf("%w (%s)", err, source), s.Close())
	}
	return s, nil
}

func (s *Snapshot) read(ctx context.Context, list []migration) (err error) {
	if err := s.tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM migrations`).Scan(&s.Version); err != nil {
		return fmt.Errorf("%w: no migrations in it: %w", ErrAbsent, err)
	}
	switch {
	case s.Version == 0:
		return fmt.Errorf("%w: it has no tables yet", ErrAbsent)
	case s.Version > len(list):
		return fmt.Errorf("%w: it is at migration %d, this program knows %d", ErrNewer, s.Version, len(list))
	}
	s.Tables, err = schemaOf(ctx, list[:s.Version])
	return err
}

// Count is the number of rows of a table.
func (s *Snapshot) Count(ctx context.Context, t Table) (n int64, err error) {
	if err := s.tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+quote(t.Name)).Scan(&n); err != nil {
		return 0, fmt.Errorf("state: counting %s: %w", t.Name, err)
	}
	return n, nil
}

// Rows hands every row of a table to each, as values of the kinds of its columns, or nil. They are each's
// until it returns.
func (s *Snapshot) Rows(ctx context.Context, t Table, each func(values []any) error) error {
	rows, err := s.tx.QueryContext(ctx, `SELECT `+t.names()+` FROM `+quote(t.Name))
	if err != nil {
		return fmt.Errorf("state: reading %s: %w", t.Name, err)
	}
	defer func() { _ = rows.Close() }()
	values, places := make([]any, len(t.Columns)), make([]any, len(t.Columns))
	for i := range values {
		places[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return fmt.Errorf("state: reading %s: %w", t.Name, err)
		}
		for i, c := range t.Columns {
			if values[i], err = c.value(values[i]); err != nil {
				return fmt.Errorf("%w (table %s)", err, t.Name)
			}
		}
		if err := each(values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("state: reading %s: %w", t.Name, err)
	}
	return nil
}

// Close lets the database go.
func (s *Snapshot) Close() error {
	if err := errors.Join(s.tx.Rollback(), s.db.Close()); err != nil {
		return fmt.Errorf("state: closing a snapshot: %w", err)
	}
	return nil
}
