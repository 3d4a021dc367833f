package index

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/klauspost/compress/s2"

	"tributary/ingest"
)

// packedBytes bounds the records that are kept compressed: those of some fifty thousand posts.
const packedBytes = 32 << 20

// packedOverhead is what a kept record takes beside its bytes.
const packedOverhead = 160

// packed keeps the records of the newest posts and of those shown lately, compressed, by version. A page whose
// records are all here needs no second statement. Like recent, it does not say which version counts.
type packed struct {
	mu   sync.Mutex
	kept *simplelru.LRU[uint64, packedRecord] // by id
	size int
	most int
}

type packedRecord struct {
	seq     uint64
	arrived int64 // in milliseconds
	tier    uint8
	record  []byte
}

func newPacked(most int) *packed {
	p := &packed{most: most}
	kept, err := simplelru.NewLRU(1<<30, func(_ uint64, k packedRecord) { p.size -= len(k.record) + packedOverhead })
	if err != nil {
		panic(err) // the size is a constant
	}
	p.kept = kept
	return p
}

// add keeps the record of a version, unless it is larger than a page's should be.
func (p *packed) add(v *version) {
	if v.record == "" || len(v.record) > p.most/64 {
		return
	}
	k := packedRecord{seq: v.seq, arrived: v.arrived.UnixMilli(), tier: v.tier, record: s2.Encode(nil, []byte(v.record))}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept.Remove(v.id)
	p.kept.Add(v.id, k)
	for p.size += len(k.record) + packedOverhead; p.size > p.most; {
		p.kept.RemoveOldest()
	}
}

// full reports whether a further record would push another one out.
func (p *packed) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size > p.most-p.most/64
}

// version returns a version that is stored once, or nil.
func (p *packed) version(id, seq uint64) *version {
	p.mu.Lock()
	k, ok := p.kept.Get(id)
	p.mu.Unlock()
	if !ok || k.seq != seq {
		return nil
	}
	record, err := s2.Decode(nil, k.record)
	if err != nil {
		return nil // it is read again
	}
	return &version{id: id, seq: seq, tier: k.tier, arrived: time.UnixMilli(k.arrived), record: string(record)}
}

// keepBehind is how many records behind the log the posts that are stored are not the newest.
const keepBehind = 4 * insertAtOnce

// keep packs the posts of a batch: they are the newest, and will be asked for. While the index catches up
// they are not.
func (x *Index) keep(b *batch) {
	if x.behind() >= keepBehind {
		return
	}
	for i, record := range b.posts.record {
		x.packed.add(&version{id: b.posts.id[i], seq: b.posts.seq[i], tier: b.posts.tier[i], arrived: b.posts.arrived[i], record: record})
	}
}

// Records that one statement of loadPacked reads.
const packedAtOnce = 4096

// loadPacked packs the newest records that are stored, the newest last, until there is no room.
func (x *Index) loadPacked(ctx context.Context) {
	hi := uint64(0)
	for n := packedAtOnce; n == packedAtOnce && !x.packed.full() && ctx.Err() == nil; {
		n = 0
		statement := fmt.Sprintf(`SELECT %s FROM records WHERE %s ORDER BY id DESC LIMIT %d`, versionColumns, between(0, hi), packedAtOnce)
		err := x.ask(ctx, statement, func(rows driver.Rows) error {
			var v version
			if err := v.scan(rows); err != nil {
				return err
			}
			n, hi = n+1, v.id
			if ingest.Tier(v.tier) >= ingest.TierLive && !x.packed.has(v.id) {
				x.packed.add(&v)
			}
			return nil
		})
		if err != nil {
			if ctx.Err() == nil {
				x.log.Warn("the newest records cannot be loaded, pages ask for them", "err", err)
			}
			return
		}
	}
}

func (p *packed) has(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept.Contains(id)
}
