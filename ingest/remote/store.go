package remote

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"tributary/ingest/state"
)

// pruneEvery is the number of actors stored between two prunings of the table.
const pruneEvery = 256

// store keeps actors in the table `actors`, as the documents that were received, so
// that a restart asks nobody again. It is a cache: what cannot be stored is not an error
// for anybody, and a crash before a write costs one fetch.
type store struct {
	db      *state.DB // nil: nothing is stored
	rows    int
	expires time.Duration // age at which a row is of no use
	writes  atomic.Int64
}

// stored is a row.
type stored struct {
	raw     []byte
	gone    bool
	fetched time.Time
}

func newStore(db *state.DB, cfg Config) *store {
	return &store{db: db, rows: cfg.StoredActors, expires: cfg.ActorTTL + cfg.StaleFor}
}

// load returns the row of an actor, or nil.
func (s *store) load(ctx context.Context, uri string) (*stored, error) {
	if s.db == nil {
		return nil, nil
	}
	var row stored
	var gone int
	var fetched int64
	err := s.db.Read().QueryRowContext(ctx,
		`SELECT document, gone, fetched_at FROM actors WHERE hash = $1 AND uri = $2`, state.Hash(uri), uri,
	).Scan(&row.raw, &gone, &fetched)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("remote: reading actor: %w", err)
	}
	row.gone, row.fetched = gone != 0, time.UnixMilli(fetched)
	return &row, nil
}

// save stores the document of an actor, unless it is too large.
func (s *store) save(ctx context.Context, uri string, raw []byte, now time.Time) error {
	if s.db == nil || len(raw) > maxStoredBytes {
		return nil
	}
	prune := s.writes.Add(1)%pruneEvery == 0
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			`INSERT INTO actors (hash, uri, document, gone, fetched_at) VALUES ($1, $2, $3, 0, $4)
			 ON CONFLICT (hash) DO UPDATE SET uri = excluded.uri, document = excluded.document,
			   gone = excluded.gone, fetched_at = excluded.fetched_at`,
			state.Hash(uri), uri, raw, now.UnixMilli())
		if err == nil && prune {
			err = s.prune(ctx, tx, now)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("remote: storing actor: %w", err)
	}
	return nil
}

// prune deletes what is of no use any more, and what exceeds the bound.
func (s *store) prune(ctx context.Context, tx *sql.Tx, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM actors WHERE fetched_at < $1`, now.Add(-s.expires).UnixMilli()); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx,
		`DELETE FROM actors WHERE fetched_at <= (SELECT fetched_at FROM actors ORDER BY fetched_at DESC LIMIT 1 OFFSET $1)`, s.rows)
	return err
}

// markGone empties the row of an actor that we knew. Others leave no row: deletions
// of accounts that nobody here ever heard of are most of what arrives.
func (s *store) markGone(ctx context.Context, uri string, now time.Time) error {
	return s.exec(ctx, "marking actor as gone",
		`UPDATE actors SET gone = 1, document = $1, fetched_at = $2 WHERE hash = $3`, []byte{}, now.UnixMilli(), state.Hash(uri))
}

func (s *store) remove(ctx context.Context, uri string) error {
	return s.exec(ctx, "forgetting actor", `DELETE FROM actors WHERE hash = $1`, state.Hash(uri))
}

func (s *store) exec(ctx context.Context, doing, query string, args ...any) error {
	if s.db == nil {
		return nil
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("remote: %s: %w", doing, err)
	}
	return nil
}
