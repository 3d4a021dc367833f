package token

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"tributary/ingest/state"
)

// usedStep is how exact Token.Used is: a write per request would be a commit per request.
const usedStep = time.Hour

// Store is the table of tokens. It is safe for many goroutines.
type Store struct {
	db    *state.DB
	cache *cache
	now   func() time.Time
}

// New returns the tokens of a state database.
func New(db *state.DB) *Store {
	return &Store{db: db, cache: newCache(), now: time.Now}
}

// Create makes a token and returns its secret, which cannot be had again. name is free text; ttl 0
// means that it never expires.
func (s *Store) Create(ctx context.Context, name string, scopes []string, ttl time.Duration) (secret string, t Token, err error) {
	scopes, err = checkScopes(scopes)
	if err != nil {
		return "", Token{}, err
	}
	if ttl < 0 {
		return "", Token{}, fmt.Errorf("token: lifetime %v is negative", ttl)
	}
	secret, id := newSecret()
	t = Token{ID: id, Name: name, Scopes: scopes, Created: fromMilli(s.now().UnixMilli())}
	if ttl > 0 {
		t.Expires = fromMilli(s.now().Add(ttl).UnixMilli())
	}
	h, _ := hashSecret(secret)
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO tokens (hash, id, name, scopes, created_at, expires_at, used_at)
			VALUES ($1, $2, $3, $4, $5, $6, 0)`,
			h[:], t.ID, t.Name, strings.Join(t.Scopes, " "), toMilli(t.Created), toMilli(t.Expires))
		return err
	})
	if err != nil {
		return "", Token{}, fmt.Errorf("token: storing a token: %w", err)
	}
	return secret, t, nil
}

// Verify returns the token of a secret if it opens scope; otherwise ErrUnknown, ErrExpired or
// ErrScope, or the database's error.
func (s *Store) Verify(ctx context.Context, secret, scope string) (Token, error) {
	h, ok := hashSecret(secret)
	if !ok {
		return Token{}, ErrUnknown
	}
	now := s.now()
	t, err := s.lookup(ctx, h, now)
	if err != nil {
		return Token{}, err
	}
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return Token{}, fmt.Errorf("%w: %s ended on %s", ErrExpired, t.ID, t.Expires.Format(time.RFC3339))
	}
	if !t.Allows(scope) {
		return Token{}, fmt.Errorf("%w: token %s has %q and this needs %q", ErrScope, t.ID, strings.Join(t.Scopes, " "), scope)
	}
	return t, nil
}

func (s *Store) lookup(ctx context.Context, h hash, now time.Time) (Token, error) {
	if t, ok := s.cache.get(h, now); ok {
		return t, nil
	}
	generation := s.cache.begin()
	row := s.db.Read().QueryRowContext(ctx,
		`SELECT id, name, scopes, created_at, expires_at, used_at FROM tokens WHERE hash = $1`, h[:])
	t, err := scan(row)
	if errors.Is(err, sql.ErrNoRows) {
		return Token{}, ErrUnknown
	}
	if err != nil {
		return Token{}, fmt.Errorf("token: reading a token: %w", err)
	}
	if now.Sub(t.Used) >= usedStep {
		t.Used = fromMilli(now.UnixMilli())
		if err := s.touch(ctx, t); err != nil {
			return Token{}, err
		}
	}
	s.cache.put(h, t, now, generation)
	return t, nil
}

func (s *Store) touch(ctx context.Context, t Token) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE tokens SET used_at = $1 WHERE id = $2`, toMilli(t.Used), t.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("token: noting the use of a token: %w", err)
	}
	return nil
}

// List returns all tokens, oldest first, expired ones too.
func (s *Store) List(ctx context.Context) ([]Token, error) {
	rows, err := s.db.Read().QueryContext(ctx,
		`SELECT id, name, scopes, created_at, expires_at, used_at FROM tokens ORDER BY created_at, id`)
	if err != nil {
		return nil, fmt.Errorf("token: listing tokens: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []Token
	for rows.Next() {
		t, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("token: listing tokens: %w", err)
		}
		list = append(list, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("token: listing tokens: %w", err)
	}
	return list, nil
}

// Revoke ends a token by its id. ErrUnknown if there is none.
func (s *Store) Revoke(ctx context.Context, id string) error {
	var found int64
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `DELETE FROM tokens WHERE id = $1`, id)
		if err != nil {
			return err
		}
		found, err = r.RowsAffected()
		return err
	})
	s.cache.forget() // after the commit, so that no lookup finds the row and keeps it
	if err != nil {
		return fmt.Errorf("token: revoking a token: %w", err)
	}
	if found == 0 {
		return fmt.Errorf("%w: %q", ErrUnknown, id)
	}
	return nil
}

func scan(row interface{ Scan(...any) error }) (Token, error) {
	var (
		t                      Token
		scopes                 string
		created, expires, used int64
	)
	if err := row.Scan(&t.ID, &t.Name, &scopes, &created, &expires, &used); err != nil {
		return Token{}, err
	}
	t.Scopes = strings.Fields(scopes)
	t.Created, t.Expires, t.Used = fromMilli(created), fromMilli(expires), fromMilli(used)
	return t, nil
}

// The database has milliseconds since 1970, and 0 for never.
func toMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
