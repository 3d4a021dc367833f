package ingest

import (
	"context"
	"fmt"
	"time"

	"tributary/ingest/state"
)

// TierCounts is how many posts stand at each tier.
type TierCounts [TierSearch + 1]int64

// tiersKept is how long hours are kept beside the sum of all.
const tiersKept = 48 * time.Hour

// PostsByTier is how many posts that may be passed on came to stand at each tier in the last
// day, in whole hours, and ever. An edit or a better copy moves a post to another tier; one that is deleted stays
// counted. It is part of what the state cursor folds: a record that is read again counts once (I7).
func PostsByTier(ctx context.Context, db *state.DB, now time.Time) (day, ever TierCounts, err error) {
	since := now.Add(-24 * time.Hour).Truncate(time.Hour).UnixMilli()
	rows, err := db.Read().QueryContext(ctx, `SELECT hour, tier, posts FROM tiers WHERE hour = 0 OR hour >= $1`, since)
	if err != nil {
		return day, ever, fmt.Errorf("ingest: counting posts by tier: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var hour, posts int64
		var tier Tier
		if err := rows.Scan(&hour, &tier, &posts); err != nil {
			return day, ever, fmt.Errorf("ingest: counting posts by tier: %w", err)
		}
		switch {
		case tier > TierSearch:
		case hour == 0:
			ever[tier] = posts
		default:
			day[tier] += posts
		}
	}
	for tier := range day {
		day[tier] = max(0, day[tier]) // more left the tier than came to it
	}
	return day, ever, rows.Err()
}

// tiersMoved is what a batch of records changes of the table tiers.
type tiersMoved map[tierHour]int64

type tierHour struct {
	hour int64 // ms since 1970; 0: ever
	tier Tier
}

func (m tiersMoved) add(r *Record) {
	from, to := tierMove(r)
	if from == to {
		return
	}
	for tier, n := range map[Tier]int64{from: -1, to: 1} {
		if tier == TierNone {
			continue
		}
		for _, hour := range []int64{0, r.Time.Truncate(time.Hour).UnixMilli()} {
			m[tierHour{hour, tier}] += n
		}
	}
}

// tierMove is where a post stood before a record, and where it stands after it, among those that may be
// passed on; TierNone: nowhere.
func tierMove(r *Record) (from, to Tier) {
	if r.Post == nil || !r.Kind.aboutObject() || r.Kind == KindDelete {
		return TierNone, TierNone
	}
	if r.Kind != KindCreate && r.PrevGrant.Relayable() {
		from = r.PrevTier
	}
	if r.Grant.Relayable() {
		to = r.Tier
	}
	return from, to
}

// tiers writes what a batch has moved, if anything.
func (w *stateWriter) tiers(moved tiersMoved, now time.Time) error {
	if len(moved) == 0 {
		return nil
	}
	for at, n := range moved {
		if n == 0 {
			continue
		}
		if err := w.exec(`INSERT INTO tiers (hour, tier, posts) VALUES ($1, $2, $3)
			ON CONFLICT (hour, tier) DO UPDATE SET posts = tiers.posts + excluded.posts`, at.hour, at.tier, n); err != nil {
			return err
		}
	}
	return w.exec(`DELETE FROM tiers WHERE hour > 0 AND hour < $1`, now.Add(-tiersKept).UnixMilli())
}
