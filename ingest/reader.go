package ingest

import (
	"context"
	"sort"
	"time"
)

// View says for which surface a Reader reads, and so what is hidden from it.
type View uint8

// The views.
const (
	ViewAll    View = iota // everything, repeats too; for the state cursor
	ViewLane               // what may go to subscribed servers (tier relay, relayable grant)
	ViewStream             // what may be shown as it happens (tier live)
	ViewIndex              // every record that changes what is shown or counted, withdrawn since or not
)

// Event is something about the log itself that a reader must be told.
type Event struct {
	Name string // EventExpired, EventRegressed
	From uint64 // first seq missing
	To   uint64 // first seq there again
}

// The named events.
const (
	EventExpired   = "expired"   // the records were deleted before they could be read
	EventRegressed = "regressed" // the log lost the records
)

// Batch is what one call of Next brings, in order: the events stand before the entries.
type Batch struct {
	Events  []Event
	Entries []*Entry
}

// Reader is a pull cursor. It is not safe for concurrent use and holds no queue:
// a reader that stands still costs nothing but this struct.
type Reader struct {
	tail   *Tail
	view   View
	cursor uint64 // first seq not passed yet
	buf    []*Entry
}

// Reader starts at cursor: the first record that it brings is the first one
// visible in the view with seq >= cursor. A cursor of 0 is the log's start.
func (t *Tail) Reader(v View, cursor uint64) *Reader {
	return &Reader{tail: t, view: v, cursor: cursor}
}

// Position is the seq of the last record that the reader has passed, brought or
// hidden: resuming at Position skips nothing. It starts as cursor-1 (0 for 0).
func (r *Reader) Position() uint64 {
	if r.cursor == 0 {
		return 0
	}
	return r.cursor - 1
}

// coldPause is how long a reader behind the ring waits when the log cannot be read.
const coldPause = 100 * time.Millisecond

// Next waits until there is something to bring, and brings at most limit
// entries. When ctx ends first it returns ctx's error and the reader stays
// usable: hidden records may have moved Position on. While the broker is away it
// waits. After the log was closed it returns ErrClosed.
//
// The entries' slice is the reader's own and valid until the next call.
func (r *Reader) Next(ctx context.Context, limit int) (Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Batch{}, err
		}
		before := r.cursor
		events, news, closed, err := r.fill(ctx, limit)
		if err != nil {
			if closed {
				return Batch{}, ErrClosed
			}
			sleep(ctx, coldPause)
			continue
		}
		visible := r.visible()
		switch {
		case len(visible) > 0 || len(events) > 0:
			return Batch{Events: events, Entries: visible}, nil
		case r.cursor != before:
			continue
		case closed:
			return Batch{}, ErrClosed
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
	}
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Release lets go of the entries of the last batch: a reader that is about to
// wait for a slow client keeps nothing alive.
func (r *Reader) Release() { clear(r.buf) }

// fill reads the next entries, hidden ones too, into buf and moves the cursor.
func (r *Reader) fill(ctx context.Context, limit int) (events []Event, news <-chan struct{}, closed bool, err error) {
	var hot bool
	from := r.cursor
	r.buf, hot, news, closed = r.tail.ring.read(r.buf[:0], r.cursor, limit)
	if !hot {
		if events, err = r.fillCold(ctx, limit); err != nil {
			return nil, news, closed, err
		}
	}
	if n := len(r.buf); n > 0 {
		r.cursor = r.buf[n-1].Record.Seq + 1
	}
	return r.tell(from, events), news, closed, nil
}

// tell puts the events of lost records where they were lost: before the entries
// behind them. What stands before such a place is brought first, alone. What the
// reader is told already, as expired, is not told again.
func (r *Reader) tell(from uint64, events []Event) []Event {
	for _, e := range events {
		from = e.To
	}
	for {
		lost, ok := r.tail.epochs.Load().lostBetween(from, r.cursor)
		if !ok {
			return events
		}
		before := sort.Search(len(r.buf), func(i int) bool { return r.buf[i].Record.Seq >= lost.To })
		if before > 0 {
			clear(r.buf[before:])
			r.buf = r.buf[:before]
			r.cursor = r.buf[before-1].Record.Seq + 1
			return events
		}
		events, from = append(events, lost), lost.To
	}
}

// fillCold reads behind the ring, from Kafka through the shared blocks. It
// always moves the cursor.
func (r *Reader) fillCold(ctx context.Context, limit int) ([]Event, error) {
	t := r.tail
	floor, _ := t.ring.span()
	e := *t.epochs.Load()
	offset, end := e.offsetOf(r.cursor), e.offsetOf(floor)
	var events []Event
	if start := e.first(t.logStart.Load()); offset < start {
		to := min(e.seqOf(start), floor)
		if r.cursor > 0 {
			events = append(events, Event{Name: EventExpired, From: r.cursor, To: to})
		}
		r.cursor, offset = to, start
	}
	if offset >= end {
		r.cursor = max(r.cursor, floor)
		return events, nil
	}
	entries, next, err := t.cold(ctx, offset, end, limit)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 { // or they have just expired
		if start := t.logStart.Load(); start > offset {
			next = start
			events = append(events, Event{Name: EventExpired, From: r.cursor, To: e.seqOf(start)})
		}
		r.cursor = min(e.seqOf(next), floor)
		return events, nil
	}
	for _, x := range entries {
		if len(r.buf) == limit || x.Record.Seq >= floor {
			break
		}
		if x.Record.Seq >= r.cursor {
			r.buf = append(r.buf, x)
		}
	}
	if len(r.buf) == 0 {
		r.cursor = floor
	}
	return events, nil
}

// bulkLeast is how many records a reader asks for at once that gets them past the shared blocks.
const bulkLeast = 256

// cold reads records from offset on and below end; where there are none, next is where the next may be.
func (t *Tail) cold(ctx context.Context, offset, end int64, limit int) (entries []*Entry, next int64, err error) {
	if limit >= bulkLeast {
		next = min(offset+int64(limit), end)
		entries, err = t.loadBulk(ctx, offset, next)
		return entries, next, err
	}
	entries, err = t.blocks.read(ctx, offset, end)
	return entries, (offset/blockRecords + 1) * blockRecords, err
}

// visible drops from buf what the view does not show.
func (r *Reader) visible() []*Entry {
	if r.view == ViewAll {
		return r.buf
	}
	out := r.buf[:0]
	for _, e := range r.buf {
		if !e.dropped && r.shows(e.Record) {
			out = append(out, e)
		}
	}
	return out
}

// shows says whether the view shows a record, now that all is known that Tail
// has read: replay is live minus what was withdrawn.
func (r *Reader) shows(rec *Record) bool {
	switch r.view {
	case ViewStream:
		return r.tail.showsLive(rec)
	case ViewIndex:
		return rec.Kind.aboutObject() || rec.Kind == KindWithdraw
	}
	return r.tail.showsLane(rec)
}

// showsLive: what stands at live or above, and whatever takes something away
// that stood there.
func (t *Tail) showsLive(r *Record) bool {
	switch r.Kind {
	case KindCreate, KindUpgrade:
		return t.withdrawn.left(r) >= TierLive && (r.Kind == KindCreate || r.PrevTier < TierLive)
	case KindUpdate:
		return t.withdrawn.left(r) >= TierLive || r.Tier < TierLive && r.PrevTier >= TierLive
	case KindDelete, KindWithdraw:
		return r.PrevTier >= TierLive
	}
	return false
}

// showsLane: what may pass between servers. A Delete passes whenever its giver
// may give, known object or not: a receiver may have it from elsewhere.
func (t *Tail) showsLane(r *Record) bool {
	switch r.Kind {
	case KindCreate, KindUpdate:
		return r.Grant.Relayable() && t.withdrawn.left(r) >= TierRelay
	case KindUpgrade:
		before := r.PrevGrant.Relayable() && r.PrevTier >= TierRelay
		return !before && r.Grant.Relayable() && t.withdrawn.left(r) >= TierRelay
	case KindDelete:
		return r.Grant.Relayable() || r.PrevGrant.Relayable()
	}
	return false
}
