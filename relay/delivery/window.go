package delivery

import (
	"hash/maphash"
	"slices"
	"time"

	"tributary/ingest"
)

// item is a record that a lane has read and not settled.
type item struct {
	seq   uint64
	order uint64        // how many records the lane had taken before it
	keys  [2]uint64     // hashes of its object and its actor
	since time.Time     // when it entered the log
	entry *ingest.Entry // nil: let go of, to be read again
	by    *part         // as whom it goes out

	flying bool
	pass   pass // while flying
	extra  bool // holds a slot while flying

	notBefore   time.Time
	refused     int    // answers that judged it
	okAtRefused int64  // the lane's successes at the first of them
	failures    failed // answers that judged the server
}

// failed is an item's history of answers that judged the server, kept to notice
// the record that a server cannot take while it takes all others.
type failed struct {
	inside    int       // answers 500
	alone     int       // failures with a success of the lane since the one before
	first     time.Time // when the first was
	okAtFirst int64     // the lane's successes then
	okAtLast  int64
}

// window is the order of a lane's work: a pure state machine, without clocks,
// locks or goroutines. It holds what was read and is not settled, oldest
// first.
//
// Records that share an object or an actor go one after another, in the order of
// the log: an item may fly when no older item of the window has one of its keys.
// Others may overtake it. Two URIs with one hash wait for each other without
// need, which harms nothing.
type window struct {
	items  []*item
	next   uint64 // first seq not read yet; everything below it that is not in items is settled
	taken  uint64 // records taken so far
	flying int
	inHand int // items with an entry
}

var keySeed = maphash.MakeSeed()

// position is the lowest seq that is not settled: where to go on after a restart.
func (w *window) position() uint64 {
	if len(w.items) > 0 {
		return w.items[0].seq
	}
	return w.next
}

// owed is the number of items to be read again.
func (w *window) owed() int { return len(w.items) - w.inHand }

// span is how many records were taken since the oldest item: what a crash now would
// repeat, at most.
func (w *window) span() uint64 {
	if len(w.items) == 0 {
		return 0
	}
	return w.taken - w.items[0].order
}

// add takes an entry that the reader brought, in order, and as whom it goes out. One
// below next is either an item that was let go of, or settled since.
func (w *window) add(e *ingest.Entry, by *part) {
	rec := e.Record
	if rec.Seq < w.next {
		if i, ok := w.find(rec.Seq); ok && w.items[i].entry == nil {
			w.items[i].entry, w.items[i].by = e, by
			w.inHand++
		}
		return
	}
	w.items = append(w.items, &item{
		seq: rec.Seq, order: w.taken, entry: e, by: by, since: rec.Time,
		keys: [2]uint64{maphash.String(keySeed, rec.Object), maphash.String(keySeed, rec.Actor)},
	})
	w.next = rec.Seq + 1
	w.taken++
	w.inHand++
}

// passed says that the reader has passed seq. What was let go of below and did
// not come again is not to be sent any more: it was withdrawn, or has expired.
func (w *window) passed(seq uint64) {
	w.items = slices.DeleteFunc(w.items, func(it *item) bool {
		return it.entry == nil && it.seq <= seq
	})
	w.next = max(w.next, seq+1)
}

func (w *window) find(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(w.items, seq, func(it *item, seq uint64) int {
		switch {
		case it.seq < seq:
			return -1
		case it.seq > seq:
			return 1
		}
		return 0
	})
}

// pick chooses the oldest item that may fly now. If there is none but one may
// later, it says when.
func (w *window) pick(now time.Time) (chosen *item, at time.Time) {
	w.ripe(func(it *item) bool {
		if it.notBefore.After(now) {
			if at.IsZero() || it.notBefore.Before(at) {
				at = it.notBefore
			}
			return true
		}
		chosen = it
		return false
	})
	if chosen != nil {
		return chosen, time.Time{}
	}
	return nil, at
}

// pickProbe chooses the item that tries a failing server: the oldest, or, when
// fewest is set, the one that got the fewest answers 500, so that a record which
// alone makes the server fail does not hold up all others.
func (w *window) pickProbe(fewest bool) (chosen *item) {
	w.ripe(func(it *item) bool {
		if chosen == nil || it.failures.inside < chosen.failures.inside {
			chosen = it
		}
		return fewest
	})
	return chosen
}

// ripe calls f with each item that the order lets fly, oldest first, until f returns false.
func (w *window) ripe(f func(*item) bool) {
	var held [2 * 64]uint64 // on the stack for all but huge lookaheads
	keys := held[:0]
	for _, it := range w.items {
		free := it.entry != nil && !it.flying && !slices.Contains(keys, it.keys[0]) && !slices.Contains(keys, it.keys[1])
		if free && !f(it) {
			return
		}
		keys = append(keys, it.keys[0], it.keys[1])
	}
}

// fly marks an item as in flight, land takes the mark off.
func (w *window) fly(it *item) {
	it.flying = true
	w.flying++
}

func (w *window) land(it *item) {
	it.flying = false
	w.flying--
}

// settle removes an item that has landed.
func (w *window) settle(it *item) {
	i, ok := w.find(it.seq)
	if !ok || w.items[i] != it || it.flying {
		panic("delivery: BUG: settling what is in flight or not in the window")
	}
	w.items = slices.Delete(w.items, i, i+1)
	if it.entry != nil {
		w.inHand--
	}
}

// letGo drops the entries of all items that are not in flight. They are to be read
// again from position on: a lane that waits for its server holds no records, and
// finds out what was withdrawn meanwhile.
func (w *window) letGo() {
	for _, it := range w.items {
		if !it.flying && it.entry != nil {
			it.entry = nil
			w.inHand--
		}
	}
}
