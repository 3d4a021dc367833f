package index

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"tributary/index/fresh"
	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/ingesttest"
	"tributary/ingest/lease"
	"tributary/ingest/testseed"
)

var stepsFlag = flag.Int("index.steps", 60, "records of the property test")

// TestModel: whatever is created, edited, deleted, withdrawn, repeated, replayed
// and cut into batches, every question has the model's answer (I4, I5, I7).
func TestModel(t *testing.T) {
	seed := testseed.Of(t)
	w := &world{env: newEnv(t, quick), rand: rand.New(rand.NewPCG(seed, 1))}
	for n := 0; n < *stepsFlag && !t.Failed(); n++ {
		w.step()
		switch w.rand.IntN(25) {
		case 0:
			w.disturb()
		case 1:
			w.compare()
		}
	}
	w.compare()
}

type world struct {
	*env
	rand  *rand.Rand
	posts []*ingest.Record // every post version that was appended
	count int
}

var (
	someWords = []string{"red", "green", "blue", "straße", "東京", "大阪城", "阪城跡大阪"}
	someTags  = []string{"go", "fedi", "猫"}
	someHosts = []string{"a.example", "b.example"}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (w *world) some(from []string, most int) (out []string) {
	for range w.rand.IntN(most + 1) {
		if s := pick(w.rand, from); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (w *world) text() string { return join(w.some(someWords, 4)) }

func join(words []string) (s string) {
	for i, x := range words {
		if i > 0 {
			s += " "
		}
		s += x
	}
	return s
}

func (w *world) tier() ingest.Tier {
	return pick(w.rand, []ingest.Tier{ingest.TierRelay, ingest.TierStats, ingest.TierLive, ingest.TierSearch, ingest.TierSearch, ingest.TierSearch})
}

func (w *world) step() {
	r := w.next()
	if r == nil {
		return
	}
	w.Append(r)
	if r.Post != nil {
		w.posts = append(w.posts, r)
	}
	if w.rand.IntN(10) == 0 {
		again := *r
		w.Append(&again)
	}
}

// next is some record.
func (w *world) next() *ingest.Record {
	action := w.rand.IntN(100)
	if action < 50 || len(w.posts) == 0 {
		return w.create()
	}
	of := pick(w.rand, w.posts)
	switch {
	case action < 65:
		return edit(of, func(p *ap.Post) {
			p.Text, p.Tags = w.text(), w.some(someTags, 2)
			p.Published = p.Published.Add(time.Duration(w.rand.IntN(1000)-500) * 24 * time.Hour)
		})
	case action < 70: // with another tier
		r := edit(of, func(p *ap.Post) { p.Text = w.text() })
		r.Tier = w.tier()
		return r
	case action < 75:
		r := *of
		r.Kind, r.Tier = ingest.KindUpgrade, w.tier()
		return &r
	case action < 85:
		return ingesttest.Delete(of)
	case action < 88:
		return withdrawing(ingest.ScopeObject, of.Object, w.tier()-1)
	case action < 92:
		return withdrawing(ingest.ScopeActor, of.Actor, w.tier()-1)
	case action < 94:
		return withdrawing(ingest.ScopeDomain, of.Domain, w.tier()-1)
	case action < 98:
		return w.updateActor(of)
	case action < 99:
		return &ingest.Record{Kind: ingest.KindDelete, Object: of.Actor, Actor: of.Actor, Domain: of.Domain, Grant: of.Grant}
	}
	return ingesttest.Delete(post("c.example", "nobody", w.rand.IntN(100), ingest.TierSearch, ""))
}

func (w *world) create() *ingest.Record {
	w.count++
	user := fmt.Sprintf("user%d", w.rand.IntN(8))
	r := post(pick(w.rand, someHosts), user, w.count, w.tier(), w.text(), w.some(someTags, 2)...)
	if w.rand.IntN(4) == 0 {
		r.Post.Attachments = []ap.Media{{URL: "https://a.example/x.png", Type: "image"}}
	}
	r.Post.Language = pick(w.rand, []string{"en", "ja", ""})
	return r
}

func (w *world) updateActor(of *ingest.Record) *ingest.Record {
	a := author(of.Actor, of.Author.Username, w.tier())
	a.Note = fmt.Sprint(w.rand.IntN(1000))
	return &ingest.Record{
		Kind: ingest.KindUpdate, Object: of.Actor, Actor: of.Actor, Domain: of.Domain, Author: a, Tier: ingest.TierRelay,
		Version: time.Now().UnixMilli(), Content: w.rand.Uint64(), Grant: of.Grant, AuthorAt: time.Now().UnixMilli(),
	}
}

// disturb restarts the writer wherever it is, cuts batches elsewhere, replays, merges.
func (w *world) disturb() {
	w.tune = tuning{rows: 1 + w.rand.IntN(20), linger: time.Duration(w.rand.IntN(20)) * time.Millisecond, idle: 5 * time.Millisecond, rollupPause: time.Millisecond, freshAtOnce: pick(w.rand, []int{8, 20, fresh.LoadMost}), loadPause: time.Millisecond}
	w.newest = pick(w.rand, []int{-1, 1000, 8000, freshBytes})
	switch w.rand.IntN(4) {
	case 0:
		w.restart()
	case 1: // the cursor was not saved
		w.stop()
		if err := saveCursor(context.Background(), w.DB, lease.Term{}, w.rand.Uint64N(w.Position()+1)); err != nil {
			w.t.Fatal(err)
		}
		w.start()
	case 2:
		w.indexed()
		table := pick(w.rand, []string{"posts", "records"})
		if err := w.conn.Exec(context.Background(), "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
			w.t.Fatal(err)
		}
	case 3: // the log starts anew with what is there
		w.stop()
		w.Env.Stop()
		w.Env.Start()
		w.start()
	}
}

// log reads all that the index may read.
func (w *world) log() (records []*ingest.Record) {
	w.t.Helper()
	reader, tip := w.Tail.Reader(ingest.ViewIndex, 0), w.Tail.Tip()
	for deadline := time.Now().Add(time.Minute); reader.Position() < tip; {
		// What is hidden at the end only moves the position.
		wait, stop := context.WithTimeout(context.Background(), 20*time.Millisecond)
		b, err := reader.Next(wait, 100)
		stop()
		if err != nil && (!errors.Is(err, context.DeadlineExceeded) || time.Now().After(deadline)) {
			w.t.Fatal(err)
		}
		for _, e := range b.Entries {
			records = append(records, e.Record)
		}
	}
	return records
}

// compare asks everything.
func (w *world) compare() {
	w.t.Helper()
	w.indexed()
	w.await("hours stay queued", func() bool { return w.rollups.size.Load() == 0 })
	m := modelOf(w.log())
	ctx := context.Background()
	for _, q := range []Timeline{
		{},
		{Any: []string{"go"}},
		{Any: []string{"go", "猫"}},
		{All: []string{"go", "fedi"}},
		{None: []string{"go"}},
		{Any: []string{"fedi"}, None: []string{"猫"}, OnlyMedia: true},
		{Domain: "a.example"},
		{Language: "ja"},
		{OnlyMedia: true},
	} {
		w.pages(fmt.Sprintf("timeline %+v", q), m.timeline(q), func(p Page) ([]*ingest.Record, error) {
			q.Page = p
			return w.Timeline(ctx, q)
		})
	}
	for _, terms := range [][]string{{"red"}, {"red", "blue"}, {"straße"}, {"東京"}, {"京"}, {"阪城", "red"}, {"大阪城"}, {"nothing"}} {
		w.pages(fmt.Sprintf("search %v", terms), m.search(terms...), func(p Page) ([]*ingest.Record, error) {
			return w.SearchStatuses(ctx, Search{Page: p, Text: join(terms)})
		})
	}
	w.compareStatuses(m)
	w.compareAccounts(m)
	w.compareTags(m)
}

// pages reads a list in all directions, with all page sizes from tiny to whole.
func (w *world) pages(what string, want []uint64, ask func(Page) ([]*ingest.Record, error)) {
	w.t.Helper()
	limit := pick(w.rand, []int{5, 20, 100})
	var down, up []uint64
	for p := (Page{Limit: limit}); ; {
		got, err := ask(p)
		if err != nil {
			w.t.Errorf("%s: %v", what, err)
			return
		}
		for _, r := range got {
			down = append(down, r.ID)
		}
		if len(got) < limit {
			break
		}
		p.MaxID = down[len(down)-1]
	}
	for p := (Page{Limit: limit, MinID: 1}); ; {
		got, err := ask(p)
		if err != nil {
			w.t.Errorf("%s: %v", what, err)
			return
		}
		for _, r := range got {
			up = append(up, r.ID)
		}
		if len(got) < limit {
			break
		}
		p.MinID = up[len(up)-1]
	}
	slices.Reverse(up)
	if !slices.Equal(down, want) || !slices.Equal(up, want) {
		w.t.Errorf("%s: downwards %v, upwards %v, want %v", what, down, up, want)
	}
}

func (w *world) compareStatuses(m *model) {
	w.t.Helper()
	ids := map[uint64]bool{}
	for _, r := range w.log() {
		if r.ID != 0 {
			ids[r.ID] = true
		}
	}
	for id := range ids {
		got, err := w.Status(context.Background(), id)
		p := m.posts[id]
		if p == nil || p.tier < ingest.TierLive {
			if !errors.Is(err, ErrNotFound) {
				w.t.Errorf("post %d is gone, got %v, %v", id, got, err)
			}
			continue
		}
		if err != nil {
			w.t.Errorf("post %d: %v", id, err)
			continue
		}
		if got.Post.Text != p.Post.Text || got.Tier != p.tier || got.Object != p.Object || !reflect.DeepEqual(got.Author, p.Author) || !got.Time.Equal(p.Time) {
			w.t.Errorf("post %d: got %+v, want %+v with tier %d", id, got, p.Record, p.tier)
		}
	}
}

func (w *world) compareAccounts(m *model) {
	w.t.Helper()
	ctx := context.Background()
	var searchable []string
	for id, a := range m.authors {
		if a.tier >= ingest.TierSearch {
			searchable = append(searchable, a.URI)
		}
		posts := m.accountStatuses(id)
		w.pages("posts of "+a.URI, posts, func(p Page) ([]*ingest.Record, error) { return w.AccountStatuses(ctx, id, Timeline{Page: p}) })
		got, err := w.Account(ctx, id)
		named, errNamed := w.AccountByName(ctx, a.Username, a.domain)
		if a.tier < ingest.TierLive {
			if !errors.Is(err, ErrNotFound) || !errors.Is(errNamed, ErrNotFound) {
				w.t.Errorf("author %s is not shown, got %v, %v, %v, %v", a.URI, got, err, named, errNamed)
			}
			continue
		}
		if err != nil || errNamed != nil || !reflect.DeepEqual(&got.Author, a.Author) || got.Statuses != uint64(len(posts)) || !reflect.DeepEqual(got, named) {
			w.t.Errorf("author %s: got %+v, %v, %v, want %+v with %d posts", a.URI, got, err, errNamed, a.Author, len(posts))
		}
	}
	found, err := w.SearchAccounts(ctx, "user", 100, 0)
	var uris []string
	for _, a := range found {
		uris = append(uris, a.URI)
	}
	slices.Sort(uris)
	slices.Sort(searchable)
	if err != nil || !slices.Equal(uris, searchable) {
		w.t.Errorf("search accounts: %v, %v, want %v", uris, err, searchable)
	}
}

func (w *world) compareTags(m *model) {
	w.t.Helper()
	want := m.tags()
	found := map[string]TagDay{}
	for _, prefix := range []string{"g", "f", "猫"} {
		for _, tag := range must(w.SearchTags(context.Background(), prefix, 10, 0)) {
			found[tag.Name] = tag.History[0]
		}
	}
	trends := map[string]TagDay{}
	for _, tag := range must(w.TrendingTags(context.Background(), 10, 0)) {
		trends[tag.Name] = tag.History[0]
	}
	for name := range want {
		if tag := must(w.Tag(context.Background(), name)); tag.Name != name || tag.History[0] != want[name] {
			w.t.Errorf("tag %s: %+v, want %+v", name, tag, want[name])
		}
	}
	if !reflect.DeepEqual(found, want) || !reflect.DeepEqual(trends, want) {
		w.t.Errorf("tags: found %v, trends %v, want %v", found, trends, want)
	}
}
