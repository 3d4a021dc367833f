package fresh

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"tributary/ingest"
	"tributary/ingest/testseed"
)

// stored is a naive set: every version, and what it was about.
type stored map[uint64][]Post

func (s stored) put(p Post) { s[p.ID] = append(s[p.ID], p) }

// newest is the version of a post that counts.
func (s stored) newest(id uint64) Post {
	return slices.MaxFunc(s[id], func(a, b Post) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(b.Tier, a.Tier)) })
}

func (s stored) find(q *Query, lo, hi uint64, n int, upwards bool) (hits []Hit) {
	for id := range s {
		p := s.newest(id)
		slices.Sort(p.Terms)
		if id > lo && (hi == 0 || id < hi) && q.Shown(id, p.Tier) && p.matches(q) {
			hits = append(hits, Hit{id, p.Seq})
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		if upwards {
			return cmp.Compare(a.ID, b.ID)
		}
		return cmp.Compare(b.ID, a.ID)
	})
	return hits[:min(n, len(hits))]
}

type world struct {
	*testing.T
	rand   *rand.Rand
	set    *Set
	stored stored
	seq    uint64
	below  uint64 // what is being loaded
	older  []Post // what the database said then
	reads  bool
}

func (w *world) terms() (terms []Term) {
	for range w.rand.IntN(6) {
		terms = append(terms, Word(fmt.Sprint(w.rand.IntN(8))))
	}
	return terms
}

func (w *world) tier() ingest.Tier {
	return ingest.TierStats + ingest.Tier(w.rand.IntN(3))
}

// step is one of the things that happen: a post, an edit, a withdrawal, the beginning or the end of a load.
func (w *world) step() {
	w.seq++
	switch n := w.rand.IntN(100); {
	case n < 60 || len(w.stored) == 0:
		w.add(Post{ID: 10*w.seq + 5, Seq: w.seq, Tier: w.tier(), Terms: w.terms()})
	case n < 70: // somewhere between others
		w.add(Post{ID: 10*w.rand.Uint64N(w.seq) + 1 + w.rand.Uint64N(4), Seq: w.seq, Tier: w.tier(), Terms: w.terms()})
	case n < 85:
		w.add(Post{ID: w.some(), Seq: w.seq, Tier: w.tier(), Terms: w.terms()})
	case n < 88: // stored twice
		p := w.stored.newest(w.some())
		p.Tier = min(p.Tier, w.tier())
		w.add(p)
	case n < 92:
		p := w.stored.newest(w.some())
		p.Seq, p.Tier = w.seq, min(p.Tier, w.tier())
		w.stored.put(p)
		w.set.Hide(p.ID, p.Seq, p.Tier)
	case !w.reads:
		if w.below, w.reads = w.set.Older(); w.reads {
			w.read()
		}
	case n < 94:
		w.set.Stop()
		w.reads = false
	default:
		w.reads = false
		w.load()
	}
}

func (w *world) some() uint64 {
	ids := make([]uint64, 0, len(w.stored))
	for id := range w.stored {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids[w.rand.IntN(len(ids))]
}

func (w *world) add(p Post) {
	w.stored.put(p)
	w.set.Add(p)
}

func (w *world) read() {
	w.older = nil
	for id, versions := range w.stored {
		if id < w.below {
			w.older = append(w.older, versions...)
		}
	}
}

// load brings the newest of what was read, all of it at times.
func (w *world) load() {
	slices.SortFunc(w.older, func(a, b Post) int { return cmp.Compare(b.ID, a.ID) })
	floor := uint64(0)
	if most := 1 + w.rand.IntN(60); len(w.older) > most {
		floor = w.older[most].ID + 1
	}
	w.set.Load(slices.Clone(w.older), floor)
}

func (w *world) ask() {
	q := &Query{Shown: func(id uint64, tier ingest.Tier) bool {
		return tier >= ingest.TierSearch || tier == ingest.TierLive && id%3 > 0
	}}
	for range w.rand.IntN(3) {
		q.All = append(q.All, Word(fmt.Sprint(w.rand.IntN(9))))
	}
	for range w.rand.IntN(2) {
		q.Any = append(q.Any, w.terms())
	}
	for range w.rand.IntN(2) {
		q.None = append(q.None, Word(fmt.Sprint(w.rand.IntN(9))))
	}
	var lo, hi uint64
	if w.rand.IntN(2) == 0 {
		lo = w.rand.Uint64N(10 * w.seq)
	}
	if w.rand.IntN(2) == 0 {
		hi = 1 + w.rand.Uint64N(10*w.seq)
	}
	n, upwards := 1+w.rand.IntN(20), w.rand.IntN(2) == 0
	floor := w.set.floor
	got, next, over, ok := w.set.Find(q, lo, hi, n, upwards)
	if useless := !w.set.On() || upwards && lo+1 < floor || hi != 0 && hi <= floor; ok == useless {
		w.Fatalf("between %d and %d, upwards %v, from %d on: ok is %v", lo, hi, upwards, floor, ok)
	}
	if !ok {
		return
	}
	whole := lo
	if floor > 0 {
		whole = max(lo, floor-1)
	}
	want := w.stored.find(q, whole, hi, n, upwards)
	if !slices.Equal(got, want) {
		w.Fatalf("between %d and %d, upwards %v, from %d on: found %v, want %v", lo, hi, upwards, floor, got, want)
	}
	switch {
	case len(got) == n:
		if over || next != got[n-1].ID {
			w.Fatalf("go on at %d, over %v", next, over)
		}
	case next != floor || over != (whole == lo):
		w.Fatalf("go on at %d, over %v: from %d on", next, over, floor)
	}
}

// TestModel: whatever comes in, is hidden, loaded and let go of, a question has the answer of a naive set.
func TestModel(t *testing.T) {
	for _, most := range []int{2_000, 20_000, 1 << 20} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			w := &world{T: t, rand: rand.New(rand.NewPCG(testseed.Of(t), 1)), set: New(most), stored: stored{}}
			for range 3000 {
				w.step()
				if w.rand.IntN(3) == 0 {
					w.ask()
				}
			}
			if open := w.set.segments[len(w.set.segments)-1].size; w.set.Size() > most+open {
				t.Errorf("%d bytes, of which the newest segment has %d", w.set.Size(), open)
			}
			t.Logf("%d posts of %d from %d on, %d segments", w.set.Len(), len(w.stored), w.set.floor, len(w.set.segments))
		})
	}
}

func TestASetThatMayHoldNothingSaysNothing(t *testing.T) {
	s := New(-1)
	if _, ok := s.Older(); ok {
		t.Error("it loads")
	}
	s.Add(Post{ID: 1, Tier: ingest.TierSearch})
	if _, _, _, ok := s.Find(&Query{Shown: func(uint64, ingest.Tier) bool { return true }}, 0, 0, 1, false); ok {
		t.Error("it answers")
	}
}

// What was let go of while older posts were read is a gap that they must not stand behind.
func TestPostsAreLetGoOfDuringALoad(t *testing.T) {
	s := New(4000)
	s.Older()
	s.Load(nil, 100)
	below, _ := s.Older()
	for id := uint64(100); s.floor == below; id++ {
		s.Add(Post{ID: id, Seq: id, Tier: ingest.TierLive, Terms: []Term{Word("all")}})
	}
	floor := s.floor
	s.Load([]Post{{ID: 50, Seq: 50, Tier: ingest.TierLive}}, 0)
	if s.floor != floor {
		t.Errorf("it speaks of posts from %d on, and has those from %d on", s.floor, floor)
	}
}

// A segment is filled to its last number, and its lists are the same when it is packed.
func TestFullSegments(t *testing.T) {
	s := New(1 << 30)
	s.Older()
	s.Load(nil, 0)
	const posts = 2*segmentMost + 10
	for id := range uint64(posts) {
		terms := []Term{Word("all")}
		if id%1000 == 7 {
			terms = append(terms, Word("some"))
		}
		s.Add(Post{ID: id + 1, Seq: id, Tier: ingest.TierLive, Terms: terms})
	}
	if len(s.segments) != 3 {
		t.Fatalf("%d segments", len(s.segments))
	}
	shown := func(uint64, ingest.Tier) bool { return true }
	if found, _, _, _ := s.Find(&Query{All: []Term{Word("all")}, Shown: shown}, 0, 0, posts+1, true); len(found) != posts {
		t.Errorf("%d of %d posts found", len(found), posts)
	}
	found, _, _, _ := s.Find(&Query{All: []Term{Word("some"), Word("all")}, Shown: shown}, 0, 0, posts, false)
	if len(found) != (posts+992)/1000 || found[0].ID%1000 != 8 {
		t.Errorf("found %v", found)
	}
}
