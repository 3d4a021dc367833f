package ingest

import (
	"context"
	"sort"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Bounds of what pages keeps, decompressed: all are looked through for one offset.
const (
	pageCacheBytes = 4 << 20
	pagesMost      = 64
)

// pages keeps the records of the last fetches behind the ring, as they stand in the log: a server sends
// whole batches, of which one block is a small part, and whoever reads on wants what follows.
type pages struct {
	fetch func(ctx context.Context, offset, maxBytes int64) (page, error)

	mu         sync.Mutex
	kept       *simplelru.LRU[int64, keptPage] // by the offset that was asked for; guarded by mu
	bytes      int                             // guarded by mu
	generation int                             // raised by purge: what was on its way is not kept; guarded by mu
}

type keptPage struct {
	records []fetched // in order, one at least
	bytes   int
}

func newPages(fetch func(ctx context.Context, offset, maxBytes int64) (page, error)) *pages {
	p := &pages{fetch: fetch}
	p.kept, _ = simplelru.NewLRU(pagesMost, func(_ int64, k keptPage) { p.bytes -= k.bytes })
	return p
}

// read returns records from offset on, as many as one fetch brought; none: there are none.
func (p *pages) read(ctx context.Context, offset, maxBytes int64) ([]fetched, error) {
	records, generation := p.find(offset)
	if len(records) > 0 {
		return records, nil
	}
	brought, err := p.fetch(ctx, offset, maxBytes)
	if err != nil {
		return nil, err
	}
	p.keep(offset, brought.records, generation)
	return brought.records, nil
}

// find returns what is kept from offset on.
func (p *pages) find(offset int64) (records []fetched, generation int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, from := range p.kept.Keys() {
		k, _ := p.kept.Peek(from)
		if last := k.records[len(k.records)-1].offset; from > offset || offset > last {
			continue
		}
		p.kept.Get(from)
		i := sort.Search(len(k.records), func(i int) bool { return k.records[i].offset >= offset })
		return k.records[i:], p.generation
	}
	return nil, p.generation
}

func (p *pages) keep(offset int64, records []fetched, generation int) {
	k := keptPage{records: records}
	for i := range records {
		k.bytes += len(records[i].value) + fetchedOverhead
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(records) == 0 || generation != p.generation || k.bytes > pageCacheBytes/2 {
		return
	}
	p.kept.Remove(offset)
	p.kept.Add(offset, k)
	for p.bytes += k.bytes; p.bytes > pageCacheBytes; {
		p.kept.RemoveOldest()
	}
}

// fetchedOverhead is what a record takes beside its value.
const fetchedOverhead = 64

func (p *pages) purge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.generation++
	p.kept.Purge()
}
