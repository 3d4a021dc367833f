package delivery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"tributary/ingest/state"
)

// outboxRow is an activity on its way to one chosen inbox.
type outboxRow struct {
	id       int64
	host     string
	inbox    string
	actor    string
	body     []byte
	attempts int64
	created  time.Time
}

var lastID atomic.Int64

// newID is ordered by time, and within this process by call: μs since 1970, ten
// bits below it against other nodes.
func newID(now time.Time) int64 {
	for {
		last := lastID.Load()
		id := max(last+1, now.UnixMicro()<<10|rand.Int64N(1<<10))
		if lastID.CompareAndSwap(last, id) {
			return id
		}
	}
}

// idAt is below every id made from t on.
func idAt(t time.Time) int64 { return t.UnixMicro() << 10 }

// Enqueue writes an activity of one of our actors to one inbox into the outbox,
// in the caller's transaction. After its commit call Engine.Wake; a row that nobody
// was woken for is found within a minute, or at the next start.
func Enqueue(ctx context.Context, tx *sql.Tx, actor, inbox string, body []byte) error {
	_, host, err := parseInbox(inbox)
	if err != nil {
		return fmt.Errorf("delivery: queueing for %q: %w", inbox, err)
	}
	now := time.Now()
	_, err = tx.ExecContext(ctx, `INSERT INTO outbox (id, host, inbox, actor, body, attempts, next_at, created_at, last_error)
		VALUES ($1, $2, $3, $4, $5, 0, $6, $6, '')`, newID(now), host, inbox, actor, body, now.UnixMilli())
	if err != nil {
		return fmt.Errorf("delivery: queueing for %q: %w", inbox, err)
	}
	return nil
}

// backlog is what the outbox holds for one host.
type backlog struct {
	host string
	due  time.Time // when the first row of one of its inboxes may be sent
}

// headsOnly: an inbox gets its activities in order, so only its first row counts.
const headsOnly = `NOT EXISTS (SELECT 1 FROM outbox p WHERE p.inbox = o.inbox AND p.id < o.id)`

// backlogs lists the hosts with rows, the oldest due first, and counts all rows.
func backlogs(ctx context.Context, db *state.DB) (list []backlog, total int, err error) {
	if err := db.Read().QueryRowContext(ctx, `SELECT COUNT(*) FROM outbox`).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("delivery: counting the outbox: %w", err)
	}
	if total == 0 {
		return nil, 0, nil
	}
	rows, err := db.Read().QueryContext(ctx,
		`SELECT host, MIN(next_at) FROM outbox o WHERE `+headsOnly+` GROUP BY host ORDER BY 2`)
	if err != nil {
		return nil, 0, fmt.Errorf("delivery: reading the outbox: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var b backlog
		var due int64
		if err := rows.Scan(&b.host, &due); err != nil {
			return nil, 0, fmt.Errorf("delivery: reading the outbox: %w", err)
		}
		b.due = fromMillis(due)
		list = append(list, b)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fmt.Errorf("delivery: reading the outbox: %w", err)
	}
	return list, total, nil
}

// nextRow is the row of a host that has been due longest, among the first rows of its
// inboxes: an inbox gets its activities in order.
func nextRow(ctx context.Context, db *state.DB, host string, now time.Time) (r outboxRow, found bool, err error) {
	var created int64
	err = db.Read().QueryRowContext(ctx, `SELECT id, host, inbox, actor, body, attempts, created_at FROM outbox o
		WHERE host = $1 AND next_at <= $2 AND `+headsOnly+` ORDER BY next_at, id LIMIT 1`, host, now.UnixMilli()).
		Scan(&r.id, &r.host, &r.inbox, &r.actor, &r.body, &r.attempts, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("delivery: reading the outbox: %w", err)
	}
	r.created = fromMillis(created)
	return r, true, nil
}

// expired lists rows that were written before t, without bodies.
func expired(ctx context.Context, db *state.DB, t time.Time) ([]outboxRow, error) {
	rows, err := db.Read().QueryContext(ctx, `SELECT id, host, inbox, attempts, created_at FROM outbox WHERE id < $1 LIMIT 1000`, idAt(t))
	if err != nil {
		return nil, fmt.Errorf("delivery: reading the outbox: %w", err)
	}
	defer rows.Close()
	var list []outboxRow
	for rows.Next() {
		var r outboxRow
		var created int64
		if err := rows.Scan(&r.id, &r.host, &r.inbox, &r.attempts, &created); err != nil {
			return nil, fmt.Errorf("delivery: reading the outbox: %w", err)
		}
		r.created = fromMillis(created)
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("delivery: reading the outbox: %w", err)
	}
	return list, nil
}

// remove deletes a row: its inbox took it, or it is given up.
func (r *outboxRow) remove(ctx context.Context, db *state.DB) error {
	err := db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM outbox WHERE id = $1`, r.id)
		return err
	})
	if err != nil {
		return fmt.Errorf("delivery: removing from the outbox: %w", err)
	}
	return nil
}

// postpone keeps a row for another attempt.
func (r *outboxRow) postpone(ctx context.Context, db *state.DB, at time.Time, why string) error {
	err := db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE outbox SET attempts = attempts + 1, next_at = $1, last_error = $2 WHERE id = $3`,
			at.UnixMilli(), why, r.id)
		return err
	})
	if err != nil {
		return fmt.Errorf("delivery: postponing in the outbox: %w", err)
	}
	return nil
}
