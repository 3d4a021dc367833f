package index

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// rollupKept is how long hours are kept: the seven days of a tag's history.
const rollupKept = 8 * 24 * time.Hour

// recomputeAtOnce bounds how long a batch waits for hours to be computed again.
const recomputeAtOnce = 4

// rollups are the hours whose counts hold posts that are gone. Only the goroutine that stores
// uses them, so no insert falls between computing an hour and replacing it.
type rollups struct {
	pending map[time.Time]struct{}
	count   uint64 // of the newest row in touched
	size    atomic.Int64
}

// load reads the hours that a stopped writer left.
func (u *rollups) load(ctx context.Context, conn driver.Conn) error {
	u.pending = map[time.Time]struct{}{}
	if err := conn.QueryRow(ctx, `SELECT max(count) FROM touched`).Scan(&u.count); err != nil {
		return fmt.Errorf("index: load touched hours: %w", err)
	}
	rows, err := conn.Query(ctx, `SELECT hour FROM touched FINAL WHERE pending = 1`)
	if err != nil {
		return fmt.Errorf("index: load touched hours: %w", err)
	}
	defer rows.Close() //nolint:errcheck // its error is that of Err
	for rows.Next() {
		var hour time.Time
		if err := rows.Scan(&hour); err != nil {
			return fmt.Errorf("index: load touched hours: %w", err)
		}
		u.pending[hour.UTC()] = struct{}{}
	}
	u.size.Store(int64(len(u.pending)))
	return rows.Err()
}

// touchHours queues hours, before what they count changes.
func (x *Index) touchHours(ctx context.Context, hours []time.Time) error {
	kept := x.now().Add(-rollupKept)
	hours = slices.DeleteFunc(hours, func(h time.Time) bool {
		_, queued := x.rollups.pending[h]
		return queued || h.Before(kept)
	})
	if err := x.saveHours(ctx, hours, 1); err != nil {
		return err
	}
	for _, h := range hours {
		x.rollups.pending[h] = struct{}{}
	}
	x.rollups.size.Store(int64(len(x.rollups.pending)))
	return nil
}

func (x *Index) saveHours(ctx context.Context, hours []time.Time, pending uint8) error {
	counts, flags := make([]uint64, len(hours)), make([]uint8, len(hours))
	for i := range hours {
		x.rollups.count++
		counts[i], flags[i] = x.rollups.count, pending
	}
	return x.insert(ctx, "touched", "hour, count, pending", []any{hours, counts, flags}, len(hours))
}

// recomputeSome computes the newest touched hours again, and reports whether some are left.
func (x *Index) recomputeSome(ctx context.Context) (more bool) {
	hours := keys(x.rollups.pending)
	slices.SortFunc(hours, func(a, b time.Time) int { return b.Compare(a) })
	for i, h := range hours {
		if i == recomputeAtOnce {
			break
		}
		if err := x.recompute(ctx, h); err != nil {
			if ctx.Err() == nil {
				x.log.Warn("hour of hashtags cannot be computed, trying again later", "hour", h, "err", err)
			}
			return false
		}
	}
	return len(x.rollups.pending) > 0
}

// recompute counts an hour again and puts the result in its place in one step.
//
// Crash before the last statement: the hour is still queued. After it: done.
func (x *Index) recompute(ctx context.Context, hour time.Time) error {
	lo, hi := number(firstID(hour)), number(firstID(hour.Add(time.Hour)))
	partition := strconv.FormatInt(hour.Unix(), 10)
	again := `INSERT INTO tag_hours_again SELECT toDateTime(` + partition + `, 'UTC') AS hour, arrayJoin(tags) AS tag, uniqState(id), uniqState(actor)
FROM posts FINAL WHERE id >= ` + lo + ` AND id < ` + hi + ` AND tier >= ` + stats + ` GROUP BY hour, tag`
	if err := x.exec(ctx, "recompute hour", `TRUNCATE TABLE tag_hours_again`); err != nil {
		return err
	}
	if err := x.exec(ctx, "recompute hour", again); err != nil {
		return err
	}
	var left uint64
	if err := x.conn.QueryRow(ctx, `SELECT count() FROM tag_hours_again`).Scan(&left); err != nil {
		return fmt.Errorf("index: recompute hour: %w", err)
	}
	replace := `ALTER TABLE tag_hours REPLACE PARTITION ` + partition + ` FROM tag_hours_again`
	if left == 0 { // which the server refuses to put in place of something
		replace = `ALTER TABLE tag_hours DROP PARTITION ` + partition
	}
	if err := x.exec(ctx, "recompute hour", replace); err != nil {
		return err
	}
	if err := x.saveHours(ctx, []time.Time{hour}, 0); err != nil {
		return err
	}
	delete(x.rollups.pending, hour)
	x.rollups.size.Store(int64(len(x.rollups.pending)))
	x.metrics.recomputed()
	return nil
}
