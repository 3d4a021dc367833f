package index

import (
	"context"
	"errors"
	"slices"
	"testing"

	"tributary/index/status"
	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/ingesttest"
)

func TestPostsComeAndGo(t *testing.T) {
	ctx := context.Background()
	e := newEnv(t, quick)
	hello := post("a.example", "alice", 1, ingest.TierSearch, "Hello, “Café” world", "go", "fedi")
	tokyo := post("b.example", "bob", 2, ingest.TierSearch, "東京タワーに行った", "tokyo")
	shown := post("b.example", "carol", 3, ingest.TierLive, "hello, not for search", "go")
	counted := post("b.example", "dan", 4, ingest.TierStats, "hello, only counted", "go")
	passed := post("b.example", "eve", 5, ingest.TierRelay, "hello, only relayed", "go")
	e.put(hello, tokyo, shown, counted, passed)

	expect := func(what string, want []*ingest.Record, got []*ingest.Record, err error) {
		t.Helper()
		if err != nil || !slices.Equal(objects(got), objects(want)) {
			t.Errorf("%s: %v, %v; want %v", what, objects(got), err, objects(want))
		}
	}
	timeline := func(q Timeline, want ...*ingest.Record) {
		t.Helper()
		got, err := e.Timeline(ctx, q)
		expect("timeline", want, got, err)
	}
	search := func(text string, want ...*ingest.Record) {
		t.Helper()
		got, err := e.SearchStatuses(ctx, Search{Text: text})
		expect("search "+text, want, got, err)
	}
	timeline(Timeline{}, shown, tokyo, hello)
	timeline(Timeline{Any: []string{"go", "tokyo"}}, shown, tokyo, hello)
	timeline(Timeline{Any: []string{"go"}, All: []string{"fedi"}}, hello)
	timeline(Timeline{Any: []string{"go"}, None: []string{"fedi"}}, shown)
	timeline(Timeline{Domain: "b.example"}, shown, tokyo)
	timeline(Timeline{Language: "en", Remote: true}, shown, tokyo, hello)
	timeline(Timeline{Local: true})
	search("HELLO", hello)
	search("world café", hello)
	search("world nothing")
	search("東京", tokyo)
	search("京タ", tokyo)
	search("京 行", tokyo)
	search("大阪")
	search("'); DROP TABLE posts; --\\")

	got := must(e.Timeline(ctx, Timeline{Page: Page{Limit: 1}, Any: []string{"fedi"}}))[0]
	if got.Post.Content != hello.Post.Content || got.Author.Username != "alice" || got.Raw != nil || got.Time.IsZero() || got.Tier != ingest.TierSearch {
		t.Errorf("the record came back as %+v", got)
	}
	if again, err := e.Status(ctx, got.ID); err != nil || again.Object != hello.Object {
		t.Errorf("status: %v, %v", again, err)
	}
	a, err := e.AccountByName(ctx, "Alice", "a.example")
	if err != nil || a.Statuses != 1 || a.LastStatus.IsZero() || a.Author.URI != hello.Actor {
		t.Errorf("account: %+v, %v", a, err)
	}
	if found := must(e.SearchAccounts(ctx, "ali", 5, 0)); len(found) != 1 {
		t.Errorf("search accounts: %v", found)
	}
	if found := must(e.SearchAccounts(ctx, "carol", 5, 0)); len(found) != 0 {
		t.Errorf("an author below search was found: %v", found)
	}
	if _, err := e.Account(ctx, status.AccountID(counted.Actor)); !errors.Is(err, ErrNotFound) {
		t.Errorf("an author who is not shown: %v", err)
	}

	if o := must(e.Overview(ctx)); o.Posts != 4 || !slices.Equal(o.Domains, []string{"a.example", "b.example"}) {
		t.Errorf("overview: %+v", o)
	}
	if tag := must(e.Tag(ctx, "nothing")); tag.Name != "nothing" || len(tag.History) != historyDays || tag.History[0].Uses != 0 {
		t.Errorf("a hashtag that nobody used: %+v", tag)
	}

	edited := edit(hello, func(p *ap.Post) { p.Text, p.Tags = "goodbye", []string{"rust"} })
	e.put(edited)
	search("hello")
	search("goodbye", edited)
	timeline(Timeline{Any: []string{"fedi"}})
	timeline(Timeline{Any: []string{"rust"}}, edited)

	e.put(ingesttest.Delete(tokyo))
	search("東京")
	timeline(Timeline{}, shown, edited)

	e.put(withdrawing(ingest.ScopeActor, hello.Actor, ingest.TierLive))
	search("goodbye")
	timeline(Timeline{}, shown, edited)
	if found := must(e.SearchAccounts(ctx, "ali", 5, 0)); len(found) != 0 {
		t.Errorf("an author who withdrew was found: %v", found)
	}
	if _, err := e.Account(ctx, status.AccountID(hello.Actor)); err != nil {
		t.Errorf("an author who is still shown: %v", err)
	}
	e.put(withdrawing(ingest.ScopeDomain, "b.example", ingest.TierNone))
	timeline(Timeline{}, edited)
	if _, err := e.AccountByName(ctx, "carol", "b.example"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an author of a withdrawn domain: %v", err)
	}
	e.put(withdrawing(ingest.ScopeObject, edited.Object, ingest.TierStats))
	timeline(Timeline{})
	if _, err := e.Status(ctx, got.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("a withdrawn post: %v", err)
	}
	e.restart()
	timeline(Timeline{})
}
