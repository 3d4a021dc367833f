package ingest

import (
	"context"
	"time"
)

// SeqAt is the seq of the oldest record of the log that was appended at a time or
// later; one behind the tip when there is none. Times of neighbours may differ by a clock that was
// set, so it is near enough for people.
func (t *Tail) SeqAt(ctx context.Context, at time.Time) (uint64, error) {
	low, high := t.Start(), t.Tip()+1
	for low < high {
		middle := low + (high-low)/2
		found, err := t.appended(ctx, middle)
		switch {
		case err != nil:
			return 0, err
		case found.Time.Before(at):
			low = found.Seq + 1
		default:
			high = middle // seqs are not dense: found may stand behind it
		}
	}
	return low, nil
}

// appended is the first record at seq or behind it, which is not behind the tip.
func (t *Tail) appended(ctx context.Context, seq uint64) (*Record, error) {
	r := t.Reader(ViewAll, seq)
	for {
		batch, err := r.Next(ctx, 1)
		if err != nil {
			return nil, err
		}
		if len(batch.Entries) > 0 {
			return batch.Entries[0].Record, nil
		}
	}
}
