package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tributary/ingest/state"
)

// stateCursorName is the row in cursors of the fold over the log.
const stateCursorName = "state"

func loadCeiling(ctx context.Context, db *state.DB) (uint64, error) {
	var v int64
	err := db.Read().QueryRowContext(ctx, `SELECT value FROM settings WHERE name = 'ceiling'`).Scan(&v)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("ingest: load ceiling: %w", err)
	}
	return uint64(v), nil
}

func saveCeiling(ctx context.Context, ceiling uint64) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES ('ceiling', $1)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, int64(ceiling))
		if err != nil {
			return fmt.Errorf("ingest: save ceiling: %w", err)
		}
		return nil
	}
}

func loadCursor(ctx context.Context, db *state.DB, name string) (uint64, error) {
	var v int64
	err := db.Read().QueryRowContext(ctx, `SELECT seq FROM cursors WHERE name = $1`, name).Scan(&v)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("ingest: load cursor %s: %w", name, err)
	}
	return uint64(v), nil
}

func saveCursor(ctx context.Context, tx *sql.Tx, name string, seq uint64, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO cursors (name, seq, updated_at) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at`,
		name, int64(seq), now.UnixMilli())
	if err != nil {
		return fmt.Errorf("ingest: save cursor %s: %w", name, err)
	}
	return nil
}

// install writes a raised base and its ceiling in one transaction.
func (e epochs) install(ctx context.Context, ceiling uint64) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		if err := e.save(ctx, tx, time.Now()); err != nil {
			return err
		}
		return saveCeiling(ctx, ceiling)(tx)
	}
}
