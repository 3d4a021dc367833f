package index

import (
	"context"
	"slices"
	"testing"

	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/ingesttest"
)

func TestRecentIsBoundedAndExact(t *testing.T) {
	r := newRecent(100)
	of := func(id, seq uint64) *ingest.Record { return &ingest.Record{ID: id, Seq: seq, Tier: ingest.TierLive} }
	for n := range uint64(20) {
		r.add(of(n, n), 10)
		r.add(of(n, n+1), 10) // in the place of the one before
	}
	if r.size != 100 || r.kept.Len() != 10 {
		t.Errorf("%d bytes in %d records", r.size, r.kept.Len())
	}
	r.add(of(30, 30), 101)
	if r.size != 0 || r.kept.Len() != 0 {
		t.Errorf("%d bytes in %d records after one that is too large", r.size, r.kept.Len())
	}
	r.add(of(1, 7), 10)
	live := uint8(ingest.TierLive)
	for _, v := range []version{{id: 1, seq: 6, tier: live}, {id: 1, seq: 8, tier: live}, {id: 1, seq: 7, tier: live + 1}, {id: 2, seq: 7, tier: live}} {
		if got := r.get(&v); got != nil {
			t.Errorf("%+v: got %+v", v, got)
		}
	}
	if got := r.get(&version{id: 1, seq: 7, tier: live}); got == nil || got.Seq != 7 {
		t.Errorf("got %+v", got)
	}
	if !r.haveMost([]uint64{1}) || r.haveMost([]uint64{1, 2}) {
		t.Error("most of one, not of two")
	}
}

// What was read a moment ago is shown as it is now.
func TestARecentRecordIsNoLongerShown(t *testing.T) {
	ctx := context.Background()
	e := newEnv(t, quick)
	var all []*ingest.Record
	for n := range 10 {
		all = append(all, post("a.example", "alice", n, ingest.TierSearch, "hello"))
	}
	e.put(all...)
	texts := func() (texts []string) {
		for _, r := range must(e.Timeline(ctx, Timeline{})) {
			texts = append(texts, r.Post.Text)
		}
		return texts
	}
	before := texts()
	if again := texts(); !slices.Equal(again, before) || len(again) != 10 {
		t.Errorf("the second time %v, the first %v", again, before)
	}
	e.put(edit(all[9], func(p *ap.Post) { p.Text, p.Content = "edited", "<p>edited</p>" }), ingesttest.Delete(all[8]), withdrawing(ingest.ScopeObject, all[7].Object, ingest.TierStats),
		withdrawing(ingest.ScopeObject, all[6].Object, ingest.TierLive))
	want := append([]string{"edited"}, before[3:]...)
	if got := texts(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if found := must(e.SearchStatuses(ctx, Search{Text: "hello"})); len(found) != 6 {
		t.Errorf("searched: %v", objects(found))
	}
}
