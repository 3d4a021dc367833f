package index

import (
	"context"
	"time"
)

// While the index catches up, what it stores waits for its merges: they cost half as much as storing it, and less
// when they find much at once. Bounds: for how many batches merges are held, as each part that waits costs
// a search half a millisecond.
const (
	holdFor   = 64
	holdPause = 2 * time.Second // without a batch, after which nothing is held any more
)

// merges are held by the goroutine that stores.
type merges struct {
	held   bool
	behind int // batches that were stored behind the log, in a row
	last   time.Time
}

// paceMerges holds merges or lets them go, after a batch was stored.
func (x *Index) paceMerges(ctx context.Context) {
	if !x.holdsMerges {
		return
	}
	x.merges.last = time.Now()
	bound := x.tune.holdBehind
	if x.merges.held {
		bound /= 16 // until it has nearly caught up
	}
	if x.behind() < bound {
		x.merges.behind = 0
		x.holdMerges(ctx, false)
		return
	}
	x.merges.behind++
	x.holdMerges(ctx, x.merges.behind%(2*holdFor) < holdFor)
}

// idleMerges lets merges go if no batch came for a while.
func (x *Index) idleMerges(ctx context.Context) {
	if x.merges.held && time.Since(x.merges.last) > holdPause {
		x.merges.behind = 0
		x.holdMerges(ctx, false)
	}
}

// holdMerges tries: the next batch tries again.
func (x *Index) holdMerges(ctx context.Context, hold bool) {
	if hold == x.merges.held {
		return
	}
	statement := "SYSTEM START MERGES "
	if hold {
		statement = "SYSTEM STOP MERGES "
	}
	for _, table := range []string{"records", "posts"} {
		if err := x.exec(ctx, "merges", statement+table); err != nil {
			x.log.Warn("merges cannot be held or let go", "hold", hold, "err", err)
			return
		}
	}
	x.merges.held = hold
}

// letGo ends what the writer holds, when it ends.
func (x *Index) letGo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	x.holdMerges(ctx, false)
}
