package index

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"tributary/ingest"
)

// recentBytes bounds the records that are kept decoded, by what they take encoded: in memory they take some
// three times as much.
const recentBytes = 8 << 20

// recent keeps records that were shown lately, decoded, by version: reading one again and decoding it
// costs more than all else about a page. It never says which version counts, and nobody changes what it
// holds.
type recent struct {
	mu   sync.Mutex
	kept *simplelru.LRU[uint64, keptRecord] // by id
	size int
	most int
}

type keptRecord struct {
	*ingest.Record
	size int
}

func newRecent(most int) *recent {
	r := &recent{most: most}
	kept, err := simplelru.NewLRU(1<<30, func(_ uint64, k keptRecord) { r.size -= k.size })
	if err != nil {
		panic(err) // the size is a constant
	}
	r.kept = kept
	return r
}

// get returns the record of a version, or nil.
func (r *recent) get(v *version) *ingest.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k, ok := r.kept.Get(v.id); ok && k.Seq == v.seq && k.Tier == ingest.Tier(v.tier) {
		return k.Record
	}
	return nil
}

// version returns the record of a version that is stored once, or nil.
func (r *recent) version(id, seq uint64) *ingest.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k, ok := r.kept.Get(id); ok && k.Seq == seq {
		return k.Record
	}
	return nil
}

// add keeps a record of size bytes.
func (r *recent) add(of *ingest.Record, size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept.Remove(of.ID)
	r.kept.Add(of.ID, keptRecord{of, size})
	for r.size += size; r.size > r.most; {
		r.kept.RemoveOldest()
	}
}

// haveMost reports whether a version of most of the posts is kept.
func (r *recent) haveMost(ids []uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, id := range ids {
		if r.kept.Contains(id) {
			n++
		}
	}
	return 4*n >= 3*len(ids)
}
