package relay

import (
	"context"
	"crypto/rsa"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tributary/ingest/signature"
	"tributary/ingest/state"
)

// LoadKey returns the private key of one of our actors, and makes it (RSA-2048:
// 4096 costs seven times as much per delivery) at the first start. It is kept
// in the state database: a relay that comes back with another key under its old
// name gets 401 from every server that remembers the old one.
func LoadKey(ctx context.Context, db *state.DB, actor string) (*rsa.PrivateKey, error) {
	pem, err := readKey(ctx, db, actor)
	if errors.Is(err, sql.ErrNoRows) {
		if err = createKey(ctx, db, actor); err == nil {
			// Read again: another node may have been first.
			pem, err = readKey(ctx, db, actor)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("relay: loading the key of %s: %w", actor, err)
	}
	key, err := signature.ParsePrivate(pem)
	if err != nil {
		return nil, fmt.Errorf("relay: reading the key of %s: %w", actor, err)
	}
	return key, nil
}

func readKey(ctx context.Context, db *state.DB, actor string) (pem string, err error) {
	err = db.Read().QueryRowContext(ctx, `SELECT private FROM keys WHERE actor = $1`, actor).Scan(&pem)
	return pem, err
}

func createKey(ctx context.Context, db *state.DB, actor string) error {
	key, err := signature.GenerateKey()
	if err != nil {
		return err
	}
	pem := signature.MarshalPrivate(key)
	return db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO keys (actor, private, created_at) VALUES ($1, $2, $3)
			ON CONFLICT (actor) DO NOTHING`, actor, pem, time.Now().UnixMilli())
		return err
	})
}
