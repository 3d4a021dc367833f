package ingest

import (
	"sort"
	"sync"
)

// Bounds of the ring: the newest records, in memory for everyone who keeps up.
const (
	ringEntries = 1 << 14
	ringBytes   = 32 << 20
)

// ring holds the newest entries in order of seq. From floor on it is complete:
// what is not in it was not appended yet.
type ring struct {
	mu     sync.RWMutex
	buf    []*Entry      // circular, guarded by mu
	first  int           // index of the oldest, guarded by mu
	count  int           // guarded by mu
	bytes  int           // guarded by mu
	floor  uint64        // guarded by mu
	tip    uint64        // seq of the newest, 0 when there was none; guarded by mu
	news   chan struct{} // closed at the next publish; guarded by mu
	closed bool          // guarded by mu
}

func newRing(floor, tip uint64) *ring {
	return &ring{buf: make([]*Entry, ringEntries), floor: floor, tip: tip, news: make(chan struct{})}
}

func (r *ring) at(i int) *Entry { return r.buf[(r.first+i)%len(r.buf)] }

// publish appends entries with increasing seqs and wakes whoever waits.
func (r *ring) publish(entries []*Entry) {
	if len(entries) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range entries {
		for r.count == len(r.buf) || r.count > 0 && r.bytes+e.size > ringBytes {
			r.evict()
		}
		r.buf[(r.first+r.count)%len(r.buf)] = e
		r.count++
		r.bytes += e.size
		r.tip = e.Record.Seq
	}
	if !r.closed {
		close(r.news)
		r.news = make(chan struct{})
	}
}

func (r *ring) evict() {
	oldest := r.at(0)
	r.buf[r.first] = nil
	r.first = (r.first + 1) % len(r.buf)
	r.count--
	r.bytes -= oldest.size
	r.floor = oldest.Record.Seq + 1
}

// read copies up to limit entries with seq >= cursor into dst. hot is false when
// the cursor lies before the ring; news is closed when there is more than was
// read here.
func (r *ring) read(dst []*Entry, cursor uint64, limit int) (entries []*Entry, hot bool, news <-chan struct{}, closed bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if cursor < r.floor {
		return dst, false, r.news, r.closed
	}
	i := sort.Search(r.count, func(i int) bool { return r.at(i).Record.Seq >= cursor })
	for ; i < r.count && limit > 0; i, limit = i+1, limit-1 {
		dst = append(dst, r.at(i))
	}
	return dst, true, r.news, r.closed
}

func (r *ring) span() (floor, tip uint64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.floor, r.tip
}

// close wakes every waiter for good.
func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		close(r.news)
	}
}
