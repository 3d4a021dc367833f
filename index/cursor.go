package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tributary/ingest/lease"
	"tributary/ingest/state"
)

const cursorName = "index"

func loadCursor(ctx context.Context, db *state.DB) (uint64, error) {
	var seq int64
	err := db.Read().QueryRowContext(ctx, `SELECT seq FROM cursors WHERE name = $1`, cursorName).Scan(&seq)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("index: load cursor: %w", err)
	}
	return uint64(seq), nil
}

// saveCursor fails with lease.ErrLost when another node writes the index.
func saveCursor(ctx context.Context, db *state.DB, term lease.Term, seq uint64) error {
	err := db.Write(ctx, func(tx *sql.Tx) error {
		if err := term.Check(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO cursors (name, seq, updated_at) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at`,
			cursorName, int64(seq), time.Now().UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("index: save cursor: %w", err)
	}
	return nil
}
