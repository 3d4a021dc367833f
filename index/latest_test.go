package index

import (
	"context"
	"slices"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ap"
)

func TestLatestIsBoundedAndSaysNothingBelowItsFloor(t *testing.T) {
	l := newLatest()
	l.most = 10
	if _, known := l.of(1); known {
		t.Error("it knows before it was loaded")
	}
	l.on = true
	for id := range uint64(11) {
		l.add(later{id, 100 + id})
	}
	if l.floor == 0 || len(l.seqs) > 10 {
		t.Fatalf("floor %d, %d posts", l.floor, len(l.seqs))
	}
	if _, known := l.of(l.floor - 1); known {
		t.Error("it knows what it has forgotten")
	}
	l.add(later{1, 200})
	if _, known := l.of(1); known {
		t.Error("it knows a post below its floor")
	}
	if newest, known := l.of(10); newest != 110 || !known {
		t.Error(newest, known)
	}
	if newest, known := l.of(50); newest != 0 || !known {
		t.Error("of a post with one version:", newest, known)
	}
	l.add(later{10, 105}, later{10, 120})
	if newest, _ := l.of(10); newest != 120 {
		t.Error(newest)
	}
	l.add(later{id: 10}, later{10, 130})
	if _, known := l.of(10); known {
		t.Error("it knows a version that may stand twice")
	}
}

// A page whose records are at hand asks records nothing, also in a process that has just begun.
func TestAPageOfNewPostsNeedsOneStatement(t *testing.T) {
	e := newEnv(t, quick)
	var all []*ingest.Record
	for n := range 20 {
		all = append(all, post("a.example", "alice", n, ingest.TierSearch, "hello"))
	}
	e.put(all...)
	want := must(e.Timeline(context.Background(), Timeline{}))
	e.restart()
	e.await("the newest records are not loaded", func() bool { _, known := e.latest.of(want[0].ID); return known && e.packed.has(want[19].ID) })
	if err := e.conn.Exec(context.Background(), `TRUNCATE TABLE records`); err != nil {
		t.Fatal(err)
	}
	got := must(e.Timeline(context.Background(), Timeline{}))
	if !slices.Equal(objects(got), objects(want)) || len(got) != 20 || got[3].Post.Text != "hello" {
		t.Errorf("got %v, want %v", objects(got), objects(want))
	}
}

func TestPackedIsBoundedAndExact(t *testing.T) {
	p := newPacked(100_000)
	at := time.UnixMilli(1_700_000_000_123)
	for id := range uint64(2000) {
		p.add(&version{id: id, seq: id + 1, tier: 3, arrived: at, record: "a record of some bytes"})
	}
	if p.size > p.most || p.kept.Len() < 100 || !p.full() {
		t.Errorf("%d bytes in %d records", p.size, p.kept.Len())
	}
	if v := p.version(1999, 2000); v == nil || v.record != "a record of some bytes" || !v.arrived.Equal(at) || v.tier != 3 {
		t.Errorf("%+v", v)
	}
	if p.version(1999, 1999) != nil || p.version(0, 1) != nil {
		t.Error("another version, or one that was pushed out")
	}
	p.add(&version{id: 5000, seq: 1, record: string(make([]byte, p.most))})
	if p.has(5000) || p.size == 0 {
		t.Error("one record has pushed out all others")
	}
}

// What stands in the tables is known after a start: of a post that is stored once nothing, of an edited one its
// newest version, of a version that stands twice that it must be asked for.
func TestVersionsAreLoaded(t *testing.T) {
	e := newEnv(t, quick)
	ctx := context.Background()
	for _, table := range []string{"posts", "records"} { // or it would merge them
		if err := e.conn.Exec(ctx, `SYSTEM STOP MERGES `+table); err != nil {
			t.Fatal(err)
		}
	}
	first, second := post("a.example", "alice", 1, ingest.TierSearch, "one"), post("a.example", "alice", 2, ingest.TierSearch, "two")
	third := post("a.example", "alice", 3, ingest.TierSearch, "three")
	e.put(first, second, third)
	e.put(edit(second, func(p *ap.Post) { p.Text, p.Content = "edited", "<p>edited</p>" }))
	found := must(e.Timeline(ctx, Timeline{}))
	if len(found) != 3 {
		t.Fatal(objects(found))
	}
	of := func(text string) *ingest.Record {
		return found[slices.IndexFunc(found, func(r *ingest.Record) bool { return r.Post.Text == text })]
	}
	once, edited, twice := of("one"), of("edited"), of("three").ID
	if err := e.conn.Exec(ctx, `INSERT INTO records (`+recordColumns+`) SELECT id, seq, 0, 1, arrived, '' FROM records WHERE id = `+number(twice)); err != nil {
		t.Fatal(err)
	}
	l := newLatest()
	if err := l.load(ctx, e.conn); err != nil {
		t.Fatal(err)
	}
	if newest, known := l.of(once.ID); newest != 0 || !known {
		t.Error("stored once:", newest, known)
	}
	if newest, known := l.of(edited.ID); newest != edited.Seq || !known {
		t.Error("edited:", newest, known)
	}
	if _, known := l.of(twice); known {
		t.Error("a version that stands twice is known")
	}
}
