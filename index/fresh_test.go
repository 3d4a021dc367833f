package index

import (
	"context"
	"slices"
	"testing"

	"tributary/ingest"
)

// A timeline of posts that are at hand asks the server nothing, also in a process that has just begun, and
// what is edited, deleted or withdrawn since counts.
func TestATimelineOfNewPostsNeedsNoStatement(t *testing.T) {
	e := newEnv(t, quick)
	var all []*ingest.Record
	for n := range 30 {
		all = append(all, post("a.example", "alice", n, ingest.TierSearch, "hello", []string{"even", "odd"}[n%2]))
	}
	e.put(all...)
	ask := Timeline{Any: []string{"odd"}}
	want := must(e.Timeline(context.Background(), ask))
	e.restart()
	e.await("the newest posts are not loaded", func() bool { return e.packed.has(want[14].ID) && isOn(e.fresh) })
	for _, table := range []string{"posts", "records"} {
		if err := e.conn.Exec(context.Background(), "TRUNCATE TABLE "+table); err != nil {
			t.Fatal(err)
		}
	}
	got := must(e.Timeline(context.Background(), ask))
	if !slices.Equal(objects(got), objects(want)) || len(got) != 15 {
		t.Errorf("got %v, want %v", objects(got), objects(want))
	}
	got = must(e.Timeline(context.Background(), Timeline{Any: []string{"odd"}, Page: Page{MinID: want[5].ID}}))
	if len(got) != 5 || got[0].ID != want[4].ID {
		t.Errorf("upwards: got %v", objects(got))
	}
}

func TestFreshIsBoundedAndSaysNothingBelowItsFloor(t *testing.T) {
	f := &fresh{most: 100}
	any := func(*freshPost) bool { return true }
	if _, _, _, ok := f.find(any, 0, 0, 10, false); ok {
		t.Error("it knows before it was loaded")
	}
	f.on = true
	for id := range uint64(1000) {
		f.add(&postRows{
			id: []uint64{id}, seq: []uint64{id}, tier: []uint8{uint8(ingest.TierLive)}, local: []uint8{0}, media: []uint8{0},
			domain: []string{"a.example"}, language: []string{""}, tags: [][]string{nil},
		})
	}
	if len(f.posts) > 100 || len(f.posts) < 50 || f.floor != f.posts[0].id {
		t.Fatalf("%d posts from %d", len(f.posts), f.floor)
	}
	found, next, over, ok := f.find(any, 0, 0, 1000, false)
	if !ok || over || next != f.floor || len(found) != len(f.posts) || found[0].id != 999 {
		t.Errorf("%d found, then below %d, %v %v", len(found), next, over, ok)
	}
	if _, _, _, ok := f.find(any, 0, f.floor, 10, false); ok {
		t.Error("it answers for what is below its floor")
	}
	if _, _, _, ok := f.find(any, f.floor-2, 0, 10, true); ok {
		t.Error("it answers upwards from below its floor")
	}
	found, next, over, ok = f.find(any, 990, 995, 2, false)
	if !ok || over || next != 993 || len(found) != 2 || found[0].id != 994 {
		t.Errorf("%+v, then below %d, %v %v", found, next, over, ok)
	}
	found, _, over, ok = f.find(any, 990, 0, 100, true)
	if !ok || !over || len(found) != 9 || found[0].id != 991 {
		t.Errorf("upwards: %+v, %v %v", found, over, ok)
	}
	f.hide(995, 2000, ingest.TierStats)
	f.put(freshPost{id: 995, seq: 1000, tier: ingest.TierSearch}) // older than the withdrawal
	if found, _, _, _ = f.find(any, 994, 996, 10, false); len(found) != 0 {
		t.Error("it finds what was withdrawn")
	}
	f.put(freshPost{id: 996, seq: 996, tier: ingest.TierRelay}) // the same version, of which less is left
	if found, _, _, _ = f.find(any, 995, 997, 10, false); len(found) != 0 {
		t.Error("it finds the version that shows more")
	}
}

func isOn(f *fresh) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.on
}
