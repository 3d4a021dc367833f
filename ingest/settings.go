package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// stateCursorName is the row in cursors of the fold over the log.
const stateCursorName = "state"

// querier is the state database, or one snapshot of it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func loadCeiling(ctx context.Context, db querier) (uint64, error) {
	var v int64
	err := db.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = 'ceiling'`).Scan(&v)
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

func loadCursor(ctx context.Context, db querier, name string) (uint64, error) {
	var v int64
	err := db.QueryRowContext(ctx, `SELECT seq FROM cursors WHERE name = $1`, name).Scan(&v)
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

// raiseCeiling makes the ceiling at least this, and returns what it is: every node
// raises it for what it shows.
func raiseCeiling(ctx context.Context, tx *sql.Tx, ceiling uint64) (uint64, error) {
	var now int64
	err := tx.QueryRowContext(ctx, `INSERT INTO settings (name, value) VALUES ('ceiling', $1)
		ON CONFLICT (name) DO UPDATE SET value = CASE WHEN settings.value < excluded.value THEN excluded.value ELSE settings.value END
		RETURNING value`, int64(ceiling)).Scan(&now)
	if err != nil {
		return 0, fmt.Errorf("ingest: raise ceiling: %w", err)
	}
	return uint64(now), nil
}
