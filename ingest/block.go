package ingest

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/singleflight"
)

// Bounds of the block cache, which all readers behind the ring share: however
// many of them there are and wherever they stand, it holds no more than this.
const (
	blockRecords    = 64
	blockCacheBytes = 8 << 20
)

// blocks reads the log behind the ring in blocks of adjacent offsets, each
// fetched and decoded once for all who want it at the time.
type blocks struct {
	load       func(ctx context.Context, from, to int64) ([]*Entry, error)
	flight     singleflight.Group
	generation atomic.Uint64 // raised by purge: what was loading is not kept

	mu    sync.Mutex
	cache *simplelru.LRU[int64, *block] // by block number; guarded by mu
	bytes int                           // of cache; guarded by mu
}

// block is the decoded records of [number*blockRecords, end).
type block struct {
	entries []*Entry
	end     int64
	size    int
}

func newBlocks(load func(ctx context.Context, from, to int64) ([]*Entry, error)) *blocks {
	b := &blocks{load: load}
	b.cache, _ = simplelru.NewLRU(1<<20, func(_ int64, x *block) { b.bytes -= x.size }) // bounded by bytes
	return b
}

// read returns the entries from offset on that are in its block, below limit.
// none means that the block has no record from offset on.
func (b *blocks) read(ctx context.Context, offset, limit int64) ([]*Entry, error) {
	number := offset / blockRecords
	end := min((number+1)*blockRecords, limit)
	x := b.cached(number, end)
	if x == nil {
		var err error
		if x, err = b.fetch(ctx, number, end); err != nil {
			return nil, err
		}
	}
	i := sort.Search(len(x.entries), func(i int) bool { return x.entries[i].Record.Offset >= offset })
	return x.entries[i:], nil
}

func (b *blocks) cached(number, end int64) *block {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x, ok := b.cache.Get(number); ok && x.end >= end {
		return x
	}
	return nil
}

// fetch loads a block once for all who ask for it meanwhile. A caller whose ctx
// ends leaves; the load goes on for the others.
func (b *blocks) fetch(ctx context.Context, number, end int64) (*block, error) {
	generation := b.generation.Load()
	key := fmt.Sprintf("%d/%d/%d", generation, number, end)
	loading := b.flight.DoChan(key, func() (any, error) {
		loadCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		entries, err := b.load(loadCtx, number*blockRecords, end)
		if err != nil {
			return nil, err
		}
		x := &block{entries: entries, end: end}
		for _, e := range entries {
			x.size += e.size
		}
		b.keep(number, x, generation)
		return x, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case res := <-loading:
		if res.Err != nil {
			return nil, res.Err
		}
		return res.Val.(*block), nil
	}
}

func (b *blocks) keep(number int64, x *block, generation uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if generation != b.generation.Load() {
		return
	}
	b.cache.Remove(number)
	b.cache.Add(number, x)
	b.bytes += x.size
	for b.bytes > blockCacheBytes {
		b.cache.RemoveOldest()
	}
}

func (b *blocks) purge() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.generation.Add(1)
	b.cache.Purge()
}

// Bytes of one fetch behind the ring: for readers of some records, and for those that read much.
const (
	blockFetchBytes = 128 << 10
	bulkFetchBytes  = 512 << 10
)

// loadBlock fetches and decodes [from, to) and applies what the window said.
func (t *Tail) loadBlock(ctx context.Context, from, to int64) ([]*Entry, error) {
	return t.loadRecords(ctx, from, to, false)
}

// loadBulk is loadBlock for one who reads much and shares it with nobody: no more than one fetch brings, or is
// left of.
func (t *Tail) loadBulk(ctx context.Context, from, to int64) ([]*Entry, error) {
	return t.loadRecords(ctx, from, to, true)
}

// fetchCold reads records behind the ring.
func (t *Tail) fetchCold(ctx context.Context, offset, maxBytes int64) (page, error) {
	p, err := t.topic.fetch(ctx, offset, maxBytes, time.Second)
	if err == nil {
		t.logStart.Store(p.start)
	}
	return p, err
}

func (t *Tail) loadRecords(ctx context.Context, from, to int64, bulk bool) ([]*Entry, error) {
	e, maxBytes := *t.epochs.Load(), int64(blockFetchBytes)
	if bulk {
		maxBytes = bulkFetchBytes
	}
	var entries []*Entry
	for offset := from; offset < to; {
		records, err := t.pages.read(ctx, offset, maxBytes)
		if errors.Is(err, kafka.OffsetOutOfRange) {
			start, _, err := t.topic.bounds(ctx)
			if err != nil {
				return nil, err
			}
			t.logStart.Store(start)
			if start <= offset {
				return entries, nil // beyond the end: the log regressed and verify will say so
			}
			offset = start
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(records) == 0 {
			return entries, nil
		}
		for _, f := range records {
			if f.offset >= to {
				break
			}
			entry, _ := newEntry(f, e.seqOf(f.offset)) // counted when it was read hot
			t.recall(entry)
			entries = append(entries, entry)
		}
		if offset = records[len(records)-1].offset + 1; bulk && len(entries) > 0 {
			break
		}
	}
	return entries, nil
}
