package delivery

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"tributary/ingest/state"
)

// row is a lane in the table lanes.
type row struct {
	inbox      string
	host       string
	position   uint64 // lowest seq not settled
	generation int64  // ours: a row with another one is somebody else's
	made       bool   // by our claim: nobody else removes it

	delivered    int64
	givenUp      int64
	lastSuccess  time.Time // zero: never
	lastFailure  time.Time
	lastError    string
	failingSince time.Time // zero: not failing
	waitingSince time.Time // when the record at position entered the log; zero: nothing waits, or not known
	silence      silence
}

// columns are those of a row behind inbox and host, in the order of fields.
const columns = `position, generation, delivered, given_up, last_success, last_failure, last_error, failing_since,
	waiting_since, untaken_since, gone_since, paused_at`

// scan reads columns, and before them into what stands before.
func (r *row) scan(scan func(...any) error, before ...any) error {
	var at, success, failure, failing, waiting, untaken, gone, paused int64
	err := scan(append(before, &at, &r.generation, &r.delivered, &r.givenUp, &success, &failure, &r.lastError, &failing,
		&waiting, &untaken, &gone, &paused)...)
	r.position = uint64(at)
	r.lastSuccess, r.lastFailure, r.failingSince = fromMillis(success), fromMillis(failure), fromMillis(failing)
	r.waitingSince = fromMillis(waiting)
	r.silence = silence{since: fromMillis(untaken), gone: fromMillis(gone), paused: fromMillis(paused)}
	return err
}

// claim takes a lane over: whoever ran it before can write its row no more. An
// inbox without a row (relay makes it together with the subscription) starts at
// position.
func claim(ctx context.Context, tx *sql.Tx, inbox, host string, position uint64) (row, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO lanes
		(inbox, host, position, generation, delivered, given_up, last_success, last_failure, last_error, failing_since)
		VALUES ($1, $2, $3, 0, 0, 0, 0, 0, '', 0)
		ON CONFLICT (inbox) DO NOTHING`, inbox, host, int64(position))
	var inserted int64
	if err == nil {
		inserted, err = res.RowsAffected()
	}
	if err != nil {
		return row{}, fmt.Errorf("delivery: making the lane of %s: %w", inbox, err)
	}
	r := row{inbox: inbox, host: host, made: inserted > 0}
	err = r.scan(tx.QueryRowContext(ctx, `UPDATE lanes SET generation = generation + 1 WHERE inbox = $1 RETURNING `+columns, inbox).Scan)
	if err != nil {
		return row{}, fmt.Errorf("delivery: claiming the lane of %s: %w", inbox, err)
	}
	return r, nil
}

// release removes the row of a lane that has ended and whose row our claim has made, unless
// it is somebody else's by now.
//
// Not so others. A row that relay made goes with the subscription, in relay's own transaction. What we know
// of the subscribers may be behind: our claim may have met the row of a server that left and
// is back, before we hear even that it left. If that row were removed here, its lane would
// begin once more, at the tip of that time, and what was posted since it came back would be
// lost to it.
func (r *row) release(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM lanes WHERE inbox = $1 AND generation = $2`, r.inbox, r.generation)
	if err != nil {
		return fmt.Errorf("delivery: removing the lane of %s: %w", r.inbox, err)
	}
	return nil
}

// stored lists the lanes of the table.
func stored(ctx context.Context, db *state.DB) ([]row, error) {
	rows, err := db.Read().QueryContext(ctx, `SELECT inbox, host, `+columns+` FROM lanes`)
	if err != nil {
		return nil, fmt.Errorf("delivery: listing lanes: %w", err)
	}
	defer rows.Close()
	var list []row
	for rows.Next() {
		var r row
		if err := r.scan(rows.Scan, &r.inbox, &r.host); err != nil {
			return nil, fmt.Errorf("delivery: listing lanes: %w", err)
		}
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("delivery: listing lanes: %w", err)
	}
	return list, nil
}

// generations lists the generations of the lanes in the table.
func generations(ctx context.Context, db *state.DB) (map[string]int64, error) {
	rows, err := db.Read().QueryContext(ctx, `SELECT inbox, generation FROM lanes`)
	if err != nil {
		return nil, fmt.Errorf("delivery: listing lanes: %w", err)
	}
	defer rows.Close()
	list := make(map[string]int64)
	for rows.Next() {
		var inbox string
		var generation int64
		if err := rows.Scan(&inbox, &generation); err != nil {
			return nil, fmt.Errorf("delivery: listing lanes: %w", err)
		}
		list[inbox] = generation
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("delivery: listing lanes: %w", err)
	}
	return list, nil
}

// save writes rows in one transaction. It returns those that are not ours any
// more: removed, or claimed by another node.
//
// A position never goes back, whoever writes: WHERE generation = ours, and
// position only forwards. Replay alone sets one back, and makes a generation of its own for that.
func save(ctx context.Context, db *state.DB, rows []row) (lost []string, err error) {
	err = db.Write(ctx, func(tx *sql.Tx) error {
		lost = lost[:0]
		stmt, err := tx.PrepareContext(ctx, `UPDATE lanes
			SET position = CASE WHEN position < $1 THEN $1 ELSE position END,
				delivered = $2, given_up = $3, last_success = $4, last_failure = $5, last_error = $6, failing_since = $7,
				waiting_since = $8, untaken_since = $9, gone_since = $10, paused_at = $11
			WHERE inbox = $12 AND generation = $13`)
		if err != nil {
			return err
		}
		defer stmt.Close()
		for _, r := range rows {
			done, err := stmt.ExecContext(ctx, int64(r.position), r.delivered, r.givenUp, millis(r.lastSuccess),
				millis(r.lastFailure), r.lastError, millis(r.failingSince),
				millis(r.waitingSince), millis(r.silence.since), millis(r.silence.gone), millis(r.silence.paused), r.inbox, r.generation)
			if err != nil {
				return err
			}
			n, err := done.RowsAffected()
			if err != nil {
				return err
			}
			if n == 0 {
				lost = append(lost, r.inbox)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("delivery: saving positions: %w", err)
	}
	return lost, nil
}

// millis is the time in the database: ms since 1970, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
