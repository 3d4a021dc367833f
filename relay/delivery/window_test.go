package delivery

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/testseed"
)

// entry makes a create of an actor's post.
func entry(seq uint64, object, actor string) *ingest.Entry {
	return &ingest.Entry{Record: &ingest.Record{
		Kind: ingest.KindCreate, Seq: seq, ID: seq, Object: object, Actor: actor, Time: time.Now(),
		Activity: "Create", LDSigned: true, Verified: ingest.VerifiedHTTP,
		Tier: ingest.TierSearch, Grant: ingest.GrantSubscriber,
		Domain: "origin.example", Giver: "giver.example",
		Raw: fmt.Appendf(nil, `{"seq":%d,"object":%q}`, seq, object),
	}}
}

// checkWindow holds what must be true of a window at any time.
func checkWindow(t *testing.T, w *window) {
	t.Helper()
	flying, inHand := 0, 0
	for i, it := range w.items {
		if i > 0 && w.items[i-1].seq >= it.seq {
			t.Fatalf("items out of order: %d before %d", w.items[i-1].seq, it.seq)
		}
		if it.seq >= w.next {
			t.Fatalf("item %d is not below next %d", it.seq, w.next)
		}
		if it.entry != nil {
			inHand++
		}
		if !it.flying {
			continue
		}
		flying++
		for _, older := range w.items[:i] {
			for _, k := range older.keys {
				if slices.Contains(it.keys[:], k) {
					t.Fatalf("%d flies though %d of the same object or actor is not settled", it.seq, older.seq)
				}
			}
		}
	}
	if flying != w.flying || inHand != w.inHand {
		t.Fatalf("counted %d flying, %d in hand; window says %d, %d", flying, inHand, w.flying, w.inHand)
	}
}

// TestWindowEveryOrder walks every order in which answers may come for every
// short log of two actors and three objects, with at most two in flight.
func TestWindowEveryOrder(t *testing.T) {
	kinds := [][2]string{{"o1", "a"}, {"o2", "a"}, {"o3", "b"}, {"b", "b"}, {"o1", "b"}}
	const length = 4
	var choose func(log [][2]string)
	runs := 0
	choose = func(log [][2]string) {
		if len(log) < length {
			for _, k := range kinds {
				choose(append(slices.Clone(log), k))
			}
			return
		}
		runs += walkWindow(t, log)
	}
	choose(nil)
	t.Logf("%d runs", runs)
}

func walkWindow(t *testing.T, log [][2]string) (runs int) {
	var walk func(settled []uint64)
	// A window cannot be copied, so each branch replays its way there.
	replay := func(settled []uint64) *window {
		w := &window{next: 1}
		for i, k := range log {
			w.add(entry(uint64(i+1), k[0], k[1]), nil)
		}
		fill := func() {
			for w.flying < 2 {
				it, _ := w.pick(time.Time{})
				if it == nil {
					return
				}
				w.fly(it)
				checkWindow(t, w)
			}
		}
		fill()
		for _, seq := range settled {
			i, _ := w.find(seq)
			it := w.items[i]
			w.land(it)
			w.settle(it)
			fill()
		}
		return w
	}
	walk = func(settled []uint64) {
		w := replay(settled)
		if len(w.items) == 0 {
			runs++
			if w.position() != end(log) {
				t.Fatalf("position %d after everything is settled", w.position())
			}
			return
		}
		if w.flying == 0 {
			t.Fatalf("log %v, settled %v: nothing flies", log, settled)
		}
		for _, it := range w.items {
			if it.flying {
				walk(append(slices.Clone(settled), it.seq))
			}
		}
	}
	walk(nil)
	return runs
}

func end(log [][2]string) uint64 { return uint64(len(log) + 1) }

// TestWindowAgainstModel drives a window through reads, answers, failures, letting
// go and reading again, and compares it with a model: a set of settled seqs.
func TestWindowAgainstModel(t *testing.T) {
	seed := testseed.Of(t)
	for round := range uint64(300) {
		modelRound(t, rand.New(rand.NewPCG(seed, round)))
	}
}

func modelRound(t *testing.T, r *rand.Rand) {
	const n = 60
	log := make([]*ingest.Entry, n)
	for i := range log {
		log[i] = entry(uint64(i)*2+2, fmt.Sprint("o", r.IntN(20)), fmt.Sprint("a", r.IntN(6))) // seqs have holes
	}
	last := log[n-1].Record.Seq
	var (
		w         = &window{next: 1}
		settled   = map[uint64]bool{}
		withdrawn = map[uint64]bool{}
		order     = map[string][]uint64{} // what was settled, by actor and object
		now       = time.Unix(1000, 0)
		cursor    = uint64(1)
		position  uint64
	)
	read := func(limit int) {
		for _, e := range log {
			if e.Record.Seq < cursor || limit == 0 || withdrawn[e.Record.Seq] {
				continue
			}
			w.add(e, nil)
			cursor = e.Record.Seq + 1
			limit--
		}
		if limit > 0 {
			cursor = last + 1
		}
		w.passed(cursor - 1)
	}
	flying := func() (list []*item) {
		for _, it := range w.items {
			if it.flying {
				list = append(list, it)
			}
		}
		return list
	}
	for step := 0; w.position() <= last; step++ {
		if step > 5000 {
			t.Fatalf("stuck at %d", w.position())
		}
		now = now.Add(time.Second)
		switch r.IntN(8) {
		case 0, 1:
			if w.inHand < 10 {
				read(1 + r.IntN(10-w.inHand))
			}
		case 2, 3, 4:
			it, at := w.pick(now)
			if r.IntN(4) == 0 {
				it, at = w.pickProbe(r.IntN(2) == 0), time.Time{}
			}
			if it != nil {
				w.fly(it)
			} else if !at.IsZero() && !at.After(now) {
				t.Fatalf("pick says to come at %v, now is %v", at, now)
			}
		case 5, 6:
			if list := flying(); len(list) > 0 {
				it := list[r.IntN(len(list))]
				w.land(it)
				if r.IntN(3) == 0 {
					it.notBefore = now.Add(time.Duration(r.IntN(5)) * time.Second)
					break
				}
				rec := it.entry.Record
				if settled[it.seq] {
					t.Fatalf("%d settled twice", it.seq)
				}
				settled[it.seq] = true
				order[rec.Object] = append(order[rec.Object], it.seq)
				order[rec.Actor] = append(order[rec.Actor], it.seq)
				w.settle(it)
			}
		case 7:
			if r.IntN(4) == 0 {
				w.letGo()
				if w.owed() > 0 {
					cursor = w.position()
					withdrawn[log[r.IntN(n)].Record.Seq] = true
				}
			}
		}
		checkWindow(t, w)
		if p := w.position(); p < position {
			t.Fatalf("position went back from %d to %d", position, p)
		} else {
			position = p
		}
		for _, e := range log {
			if s := e.Record.Seq; s < position && !settled[s] && !withdrawn[s] {
				t.Fatalf("position %d is past %d, which is not settled", position, s)
			}
		}
	}
	for key, seqs := range order {
		if !slices.IsSorted(seqs) {
			t.Fatalf("%s went out of order: %v", key, seqs)
		}
	}
}

func TestWindowProbeSparesTheRecordThatBreaksTheServer(t *testing.T) {
	w := &window{next: 1}
	for seq := range uint64(3) {
		w.add(entry(seq+1, fmt.Sprint("o", seq), fmt.Sprint("a", seq)), nil)
	}
	w.items[0].failures.inside = 3
	if it := w.pickProbe(false); it.seq != 1 {
		t.Errorf("the oldest is 1, probed with %d", it.seq)
	}
	if it := w.pickProbe(true); it.seq != 2 {
		t.Errorf("2 failed least, probed with %d", it.seq)
	}
}

func BenchmarkWindow(b *testing.B) {
	w := &window{next: 1}
	entries := make([]*ingest.Entry, 64)
	for i := range entries {
		entries[i] = entry(0, fmt.Sprintf("https://origin.example/notes/%d", i), fmt.Sprintf("https://origin.example/users/%d", i%24))
	}
	now := time.Now()
	b.ReportAllocs()
	var seq uint64
	for b.Loop() {
		for len(w.items) < 32 {
			seq++
			e := entries[seq%64]
			e.Record.Seq = seq
			w.add(e, nil)
			w.passed(seq)
		}
		for w.flying < 8 {
			it, _ := w.pick(now)
			if it == nil {
				break
			}
			w.fly(it)
		}
		for _, it := range w.items {
			if it.flying {
				w.land(it)
				w.settle(it)
				break
			}
		}
	}
}
