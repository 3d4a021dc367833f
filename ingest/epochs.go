package ingest

import (
	"context"
	"database/sql"
	"fmt"
	"sort"
	"time"
)

// firstBase makes the first seq of a new log 1, so that 0 can mean "from the start".
const firstBase = 1

// An epoch is a run of offsets with one base: seq = base + offset from offset
// start on, until the next epoch starts.
type epoch struct {
	start  int64
	base   uint64
	reason string
}

// Reasons of an epoch.
const (
	epochFirst     = "first"
	epochStopped   = "stopped"   // the process did not end cleanly: seqs up to the ceiling may have been shown
	epochRegressed = "regressed" // records that were read are gone from the log
	epochMoved     = "moved"     // the log was copied to other offsets, and begins with the epoch record
)

// epochs maps seq to offset and back. Offsets and seqs of it increase together.
// It is a value: raising the base makes a new one.
type epochs []epoch

func (e epochs) seqOf(offset int64) uint64 {
	return e.at(offset).base + uint64(offset)
}

// offsetOf is the offset of the first record with seq >= seq, as far as the
// epochs tell: it may be past the log's end, or have expired.
func (e epochs) offsetOf(seq uint64) int64 {
	i := sort.Search(len(e), func(i int) bool { return e[i].firstSeq() > seq }) - 1
	if i < 0 {
		return e[0].start
	}
	offset := int64(seq - e[i].base)
	if i+1 < len(e) && offset >= e[i+1].start {
		return e[i+1].start // seq lies in the gap that a raised base leaves
	}
	return offset
}

func (e epoch) firstSeq() uint64 { return e.base + uint64(e.start) }

// lostBetween returns the event for a reader that goes from seq from to seq to
// across the start of an epoch that stands for lost records.
func (e epochs) lostBetween(from, to uint64) (Event, bool) {
	for _, x := range e {
		if x.reason == epochRegressed && from > 0 && from < x.firstSeq() && x.firstSeq() <= to {
			return Event{Name: EventRegressed, From: from, To: x.firstSeq()}, true
		}
	}
	return Event{}, false
}

// raised returns the epochs with a new one from offset start on, whose first
// seq is first. Epochs that started at or after start describe offsets that no
// longer mean what they meant.
func (e epochs) raised(start int64, first uint64, reason string) epochs {
	kept := make(epochs, 0, len(e)+1)
	for _, x := range e {
		if x.start < start {
			kept = append(kept, x)
		}
	}
	return append(kept, epoch{start: start, base: first - uint64(start), reason: reason})
}

// adopted returns the epochs after an epoch record of the log, if it raises the
// base. Its Seq and Offset are set.
func (e epochs) adopted(r *Record) (epochs, bool) {
	seq := r.Base + uint64(r.Offset)
	known := e.at(r.Offset)
	if seq <= r.Seq || known.reason == epochMoved && known.start == r.Offset {
		return e, false
	}
	reason := epochStopped
	if r.Reason == epochMoved {
		reason = epochMoved
	}
	raised := e.raised(r.Offset, seq, reason)
	for _, x := range e {
		if x.start > r.Offset && x.base > raised[len(raised)-1].base {
			raised = append(raised, x) // whoever raised it there knew of more
		}
	}
	return raised, true
}

// agrees reports whether both give offset the same seq wherever other's epochs start.
func (e epochs) agrees(other epochs) bool {
	for _, x := range other {
		if e.at(x.start).base != x.base {
			return false
		}
	}
	return true
}

// before are the epochs that start at offsets below offset.
func (e epochs) before(offset int64) epochs {
	return e[:sort.Search(len(e), func(i int) bool { return e[i].start >= offset })]
}

// at is the epoch of an offset.
func (e epochs) at(offset int64) epoch {
	i := sort.Search(len(e), func(i int) bool { return e[i].start > offset }) - 1
	return e[max(i, 0)]
}

// first is the offset of the first record of a log that starts at start, without
// the epoch record that a copied log begins with: its seq was that of a record
// that had expired, and a reader who asks for that one is told so.
func (e epochs) first(start int64) int64 {
	for _, x := range e {
		if x.reason == epochMoved && x.start == start {
			return start + 1
		}
	}
	return start
}

func loadEpochs(ctx context.Context, db querier) (epochs, error) {
	rows, err := db.QueryContext(ctx, `SELECT start_offset, base, reason FROM epochs ORDER BY start_offset`)
	if err != nil {
		return nil, fmt.Errorf("ingest: load epochs: %w", err)
	}
	defer rows.Close()
	var all epochs
	for rows.Next() {
		var e epoch
		if err := rows.Scan(&e.start, &e.base, &e.reason); err != nil {
			return nil, fmt.Errorf("ingest: load epochs: %w", err)
		}
		all = append(all, e)
	}
	return all, rows.Err()
}

// saveAll replaces all stored epochs in tx.
func (e epochs) saveAll(ctx context.Context, tx *sql.Tx, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM epochs`); err != nil {
		return fmt.Errorf("ingest: save epochs: %w", err)
	}
	for i := range e {
		if err := e[:i+1].save(ctx, tx, now); err != nil {
			return err
		}
	}
	return nil
}

// remember stores the epochs that start between two offsets, both included, beside the others.
func (e epochs) remember(ctx context.Context, tx *sql.Tx, from, to int64, now time.Time) error {
	for _, x := range e {
		if x.start < from || x.start > to {
			continue
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO epochs (start_offset, base, reason, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (start_offset) DO UPDATE SET base = excluded.base, reason = excluded.reason`,
			x.start, int64(x.base), x.reason, now.UnixMilli())
		if err != nil {
			return fmt.Errorf("ingest: save epochs: %w", err)
		}
	}
	return nil
}

// save replaces the stored epochs from the newest one on in tx.
func (e epochs) save(ctx context.Context, tx *sql.Tx, now time.Time) error {
	newest := e[len(e)-1]
	if _, err := tx.ExecContext(ctx, `DELETE FROM epochs WHERE start_offset >= $1`, newest.start); err != nil {
		return fmt.Errorf("ingest: save epochs: %w", err)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO epochs (start_offset, base, reason, created_at) VALUES ($1, $2, $3, $4)`,
		newest.start, int64(newest.base), newest.reason, now.UnixMilli())
	if err != nil {
		return fmt.Errorf("ingest: save epochs: %w", err)
	}
	return nil
}
