package index

import (
	"context"
	"slices"
	"testing"

	"tributary/index/status"
	"tributary/ingest"
)

// A timeline of posts that are at hand and a search among them ask the server nothing, also in a process that has
// just begun.
func TestQuestionsAboutNewPostsNeedNoStatement(t *testing.T) {
	e := newEnv(t, quick)
	var all []*ingest.Record
	for n := range 30 {
		all = append(all, post("a.example", []string{"alice", "bob"}[n%3%2], n, ingest.TierSearch, []string{"red apples", "大阪城 red"}[n%2], []string{"even", "odd"}[n%2]))
	}
	e.put(all...)
	ask := Timeline{Any: []string{"odd"}}
	want := must(e.Timeline(context.Background(), ask))
	e.restart()
	e.await("the newest posts are not loaded", func() bool { return e.packed.has(want[14].ID) && e.fresh.On() })
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
	for text, most := range map[string]int{"red": 30, "red apples": 15, "阪城 red": 15, "城大": 0} {
		if got = must(e.SearchStatuses(context.Background(), Search{Text: text, Page: Page{Limit: 100}})); len(got) != most {
			t.Errorf("%s: %d found, want %d", text, len(got), most)
		}
	}
	alice := status.AccountID(all[0].Actor)
	if got = must(e.AccountStatuses(context.Background(), alice, Timeline{Page: Page{Limit: 100}})); len(got) != 20 {
		t.Errorf("%d posts of an author", len(got))
	}
	if got = must(e.SearchStatuses(context.Background(), Search{Text: "apples", AccountID: alice})); len(got) != 10 {
		t.Errorf("%d posts of an author found", len(got))
	}
}
