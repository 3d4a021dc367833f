package relay

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"time"

	"tributary/ingest/state"
)

// Mode is who may subscribe.
type Mode string

// The modes. A block of the operator goes before all of them; one of a list before none of the allowed.
const (
	ModeOpen      Mode = "open"       // everybody
	ModeApproval  Mode = "approval"   // whom the operator approves, and the allowed at once
	ModeAllowList Mode = "allow-list" // the allowed only
)

// Modes are all modes.
var Modes = []Mode{ModeOpen, ModeApproval, ModeAllowList}

// Allowed is a domain, with its subdomains, that need not be approved.
type Allowed struct {
	Domain  string // lower case, punycode
	Note    string // the operator's own
	Created time.Time
}

// AllowList is the table allowed, with a copy in memory. Safe for concurrent use.
type AllowList struct {
	db      *state.DB
	current atomic.Pointer[map[string]Allowed]
}

func newAllowList(ctx context.Context, db *state.DB) (*AllowList, error) {
	a := &AllowList{db: db}
	a.current.Store(&map[string]Allowed{})
	return a, a.Refresh(ctx)
}

// Host reports whether a host[:port], or a domain above it, is allowed.
func (a *AllowList) Host(host string) bool {
	domains := *a.current.Load()
	for name := range parents(host) {
		if _, ok := domains[name]; ok {
			return true
		}
	}
	return false
}

const selectAllowed = `SELECT domain, note, created_at FROM allowed`

// List returns all allowed domains, oldest first.
func (a *AllowList) List(ctx context.Context) (list []Allowed, err error) {
	rows, err := a.db.Read().QueryContext(ctx, selectAllowed+` ORDER BY created_at, domain`)
	if err != nil {
		return nil, fmt.Errorf("relay: listing allowed domains: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var entry Allowed
		var created int64
		if err := rows.Scan(&entry.Domain, &entry.Note, &created); err != nil {
			return nil, fmt.Errorf("relay: listing allowed domains: %w", err)
		}
		entry.Created = time.UnixMilli(created).UTC()
		list = append(list, entry)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("relay: listing allowed domains: %w", err)
	}
	return list, nil
}

// Refresh reads the table anew.
func (a *AllowList) Refresh(ctx context.Context) error {
	list, err := a.List(ctx)
	if err != nil {
		return err
	}
	domains := make(map[string]Allowed, len(list))
	for _, entry := range list {
		domains[entry.Domain] = entry
	}
	a.current.Store(&domains)
	return nil
}

// Add allows a domain; one that is there gets the new note.
func (a *AllowList) Add(ctx context.Context, domain, note string) error {
	err := a.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO allowed (domain, note, created_at) VALUES ($1, $2, $3)
			ON CONFLICT (domain) DO UPDATE SET note = excluded.note`, domain, note, time.Now().UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("relay: allowing %s: %w", domain, err)
	}
	return a.Refresh(context.WithoutCancel(ctx))
}

// Remove takes a domain from the list. Its subscriptions stay.
func (a *AllowList) Remove(ctx context.Context, domain string) error {
	err := a.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM allowed WHERE domain = $1`, domain)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err == nil && n == 0 {
			err = ErrNotAllowed
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("relay: removing %s from the allowed: %w", domain, err)
	}
	return a.Refresh(context.WithoutCancel(ctx))
}

// decision is what becomes of a Follow.
type decision uint8

const (
	acceptNow decision = iota
	waitForOperator
	rejectNow
)

// decide says what becomes of the Follow of a host, whose subscription stood in
// state before ("" when there was none). What the operator decided once holds.
func (m Mode) decide(before string, allowed bool) decision {
	switch {
	case before == StateAccepted:
		return acceptNow
	case before == StateRejected:
		return rejectNow
	case m == ModeOpen, allowed:
		return acceptNow
	case m == ModeApproval:
		return waitForOperator
	}
	return rejectNow
}
