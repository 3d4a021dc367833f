package relay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tributary/ingest/remote"
	"tributary/ingest/state"
)

// ListSubscription is a block-list of somebody else that is fetched again and again.
type ListSubscription struct {
	URL      string
	Reason   string // public, for domains to which the list gives none
	Silenced bool   // block those too that the list silences only
	Every    time.Duration

	Domains  int // that it blocks
	Added    int // by its last change
	Removed  int
	Changed  time.Time // its last change
	Checked  time.Time // when it was last had and found in order
	Next     time.Time // when it is fetched again
	Failures int       // in a row
	Error    string    // of the last try; "" if that went well
	Created  time.Time

	known remote.Validators // of the list that is applied
}

const selectLists = `SELECT url, reason, silenced, every_ms, etag, modified, domains, added, removed,
	changed_at, checked_at, next_at, failures, last_error, created_at FROM block_lists`

func scanList(scan func(...any) error) (s ListSubscription, err error) {
	var silenced, every, changed, checked, next, created int64
	err = scan(&s.URL, &s.Reason, &silenced, &every, &s.known.ETag, &s.known.Modified, &s.Domains, &s.Added, &s.Removed,
		&changed, &checked, &next, &s.Failures, &s.Error, &created)
	s.Silenced, s.Every = silenced != 0, time.Duration(every)*time.Millisecond
	s.Changed, s.Checked, s.Next, s.Created = ofMilli(changed), ofMilli(checked), ofMilli(next), ofMilli(created)
	return s, err
}

// ofMilli is a time of a column; 0 is none.
func ofMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Lists are the subscriptions to block-lists, oldest first.
func (r *Relay) Lists(ctx context.Context) (list []ListSubscription, err error) {
	rows, err := r.db.Read().QueryContext(ctx, selectLists+` ORDER BY created_at, url`)
	if err != nil {
		return nil, fmt.Errorf("relay: listing block-lists: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		s, err := scanList(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("relay: listing block-lists: %w", err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("relay: listing block-lists: %w", err)
	}
	return list, nil
}

func listOf(ctx context.Context, db *state.DB, url string) (ListSubscription, error) {
	s, err := scanList(db.Read().QueryRowContext(ctx, selectLists+` WHERE url = $1`, url).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoList
	}
	if err != nil {
		return s, fmt.Errorf("relay: the block-list %s: %w", url, err)
	}
	return s, nil
}

// enterList makes the row of a subscription, or changes what the operator said of it.
func enterList(ctx context.Context, tx *sql.Tx, s ListSubscription, now int64) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO block_lists
		(url, reason, silenced, every_ms, etag, modified, domains, added, removed, changed_at, checked_at, next_at, failures, last_error, created_at)
		VALUES ($1, $2, $3, $4, '', '', 0, 0, 0, 0, 0, $5, 0, '', $5)
		ON CONFLICT (url) DO UPDATE SET reason = excluded.reason, silenced = excluded.silenced, every_ms = excluded.every_ms`,
		s.URL, s.Reason, asNumber(s.Silenced), s.Every.Milliseconds(), now)
	return err
}

func asNumber(b bool) int {
	if b {
		return 1
	}
	return 0
}

// listRow is what a list says of a domain.
type listRow struct {
	domain, reason string
}

// listedBy are the rows of a list, by domain.
func listedBy(ctx context.Context, q interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, url string,
) (map[string]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT domain, reason FROM listed WHERE list = $1`, url)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	had := make(map[string]string)
	for rows.Next() {
		var row listRow
		if err := rows.Scan(&row.domain, &row.reason); err != nil {
			return nil, err
		}
		had[row.domain] = row.reason
	}
	return had, rows.Err()
}

// listChange is what a list makes different.
type listChange struct {
	added, removed []string
	reworded       bool // another reason for a domain that stays
}

func changeOf(had map[string]string, list []listRow) (c listChange) {
	stays := make(map[string]bool, len(list))
	for _, row := range list {
		reason, known := had[row.domain]
		stays[row.domain] = true
		if !known {
			c.added = append(c.added, row.domain)
		}
		c.reworded = c.reworded || known && reason != row.reason
	}
	for domain := range had {
		if !stays[domain] {
			c.removed = append(c.removed, domain)
		}
	}
	return c
}

func (c listChange) nothing() bool { return len(c.added)+len(c.removed) == 0 && !c.reworded }

// applyList makes the rows of a list what it says now, and its subscription say so. ErrNoList:
// it was ended meanwhile.
func applyList(ctx context.Context, tx *sql.Tx, s ListSubscription, list []listRow, now int64) (listChange, error) {
	had, err := listedBy(ctx, tx, s.URL)
	if err != nil {
		return listChange{}, err
	}
	change := changeOf(had, list)
	for _, row := range list {
		if reason, known := had[row.domain]; known && reason == row.reason {
			continue
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO listed (list, domain, reason, withdrawn, created_at) VALUES ($1, $2, $3, 0, $4)
			ON CONFLICT (list, domain) DO UPDATE SET reason = excluded.reason`, s.URL, row.domain, row.reason, now); err != nil {
			return listChange{}, err
		}
	}
	for _, domain := range change.removed {
		if _, err := tx.ExecContext(ctx, `DELETE FROM listed WHERE list = $1 AND domain = $2`, s.URL, domain); err != nil {
			return listChange{}, err
		}
	}
	err = changedList(ctx, tx, s, change, len(list), now)
	return change, err
}

// changedList notes what came of a list that was applied. Its version rises with each
// change, whatever the clock says.
func changedList(ctx context.Context, tx *sql.Tx, s ListSubscription, c listChange, domains int, now int64) error {
	version := `changed_at, added = added, removed = removed`
	args := []any{s.URL, s.known.ETag, s.known.Modified, domains, now, now + s.Every.Milliseconds()}
	if !c.nothing() {
		version = `CASE WHEN changed_at >= $5 THEN changed_at + 1 ELSE $5 END, added = $7, removed = $8`
		args = append(args, len(c.added), len(c.removed))
	}
	res, err := tx.ExecContext(ctx, `UPDATE block_lists SET etag = $2, modified = $3, domains = $4, checked_at = $5, next_at = $6,
		failures = 0, last_error = '', changed_at = `+version+` WHERE url = $1`, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrNoList)
	}
	return nil
}
