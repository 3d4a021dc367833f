package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tributary/index"
	"tributary/index/status"
	"tributary/ingest"
	"tributary/ingest/ap"
)

var arrival = time.Date(2026, 11, 23, 10, 20, 30, 0, time.UTC)

var _ Queries = (*index.Index)(nil)

// fake answers the queries from a slice, as plainly as they can be said.
type fake struct {
	mu       sync.Mutex
	records  []*ingest.Record
	accounts []*index.Account
	trends   []index.TagTrend
	fail     error            // of every query
	block    bool             // until the request ends
	asked    []index.Timeline // timelines asked for
	searched []index.Search
}

func (f *fake) ready(ctx context.Context) error {
	if f.block {
		<-ctx.Done()
		return ctx.Err()
	}
	return f.fail
}

// cut cuts a page: Mastodon's paginate_by_max_id and paginate_by_min_id.
func (f *fake) cut(p index.Page, match func(*ingest.Record) bool) []*ingest.Record {
	var out []*ingest.Record
	for _, r := range f.records {
		if (p.MaxID == 0 || r.ID < p.MaxID) && r.ID > max(p.SinceID, p.MinID) && match(r) {
			out = append(out, r)
		}
	}
	out = ordered(out, p.MinID != 0)
	return out[:min(len(out), p.Limit)]
}

func (f *fake) matches(t index.Timeline, r *ingest.Record) bool {
	has := func(tag string) bool { return slices.Contains(r.Post.Tags, tag) }
	lacks := func(tag string) bool { return !has(tag) }
	return (len(t.Any) == 0 || slices.ContainsFunc(t.Any, has)) &&
		!slices.ContainsFunc(t.All, lacks) && !slices.ContainsFunc(t.None, has) &&
		(!t.OnlyMedia || len(r.Post.Attachments) > 0) && !t.Local
}

func (f *fake) Timeline(ctx context.Context, t index.Timeline) ([]*ingest.Record, error) {
	f.mu.Lock()
	f.asked = append(f.asked, t)
	f.mu.Unlock()
	return f.cut(t.Page, func(r *ingest.Record) bool { return f.matches(t, r) }), f.ready(ctx)
}

func (f *fake) AccountStatuses(ctx context.Context, id uint64, t index.Timeline) ([]*ingest.Record, error) {
	return f.cut(t.Page, func(r *ingest.Record) bool {
		return status.AccountID(r.Actor) == id && f.matches(t, r)
	}), f.ready(ctx)
}

func (f *fake) SearchStatuses(ctx context.Context, s index.Search) ([]*ingest.Record, error) {
	f.mu.Lock()
	f.searched = append(f.searched, s)
	f.mu.Unlock()
	found := f.cut(s.Page, func(r *ingest.Record) bool {
		return strings.Contains(r.Post.Text, s.Text) && (s.AccountID == 0 || status.AccountID(r.Actor) == s.AccountID)
	})
	return found[min(s.Offset, len(found)):], f.ready(ctx)
}

func (f *fake) SearchAccounts(ctx context.Context, text string, limit, offset int) ([]*ap.Author, error) {
	var out []*ap.Author
	for _, a := range f.accounts {
		if strings.Contains(a.Author.Username+"@"+hostOf(a.Author.URI), text) {
			out = append(out, &a.Author)
		}
	}
	out = out[min(offset, len(out)):]
	return out[:min(len(out), limit)], f.ready(ctx)
}

func (f *fake) SearchTags(ctx context.Context, prefix string, limit, offset int) ([]index.TagTrend, error) {
	var out []index.TagTrend
	for _, t := range f.trends {
		if strings.HasPrefix(t.Name, prefix) {
			out = append(out, t)
		}
	}
	out = out[min(offset, len(out)):]
	return out[:min(len(out), limit)], f.ready(ctx)
}

func (f *fake) Tag(ctx context.Context, name string) (index.TagTrend, error) {
	found, err := f.SearchTags(ctx, name, 100, 0)
	for _, t := range found {
		if t.Name == name {
			return t, err
		}
	}
	return index.TagTrend{Name: name}, err
}

func (f *fake) TrendingTags(ctx context.Context, limit, offset int) ([]index.TagTrend, error) {
	return f.SearchTags(ctx, "", limit, offset)
}

func (f *fake) Status(ctx context.Context, id uint64) (*ingest.Record, error) {
	for _, r := range f.records {
		if r.ID == id {
			return r, f.ready(ctx)
		}
	}
	return nil, notFound(f.ready(ctx))
}

func (f *fake) statusByURI(ctx context.Context, uri string) (*ingest.Record, error) {
	for _, r := range f.records {
		if r.Object == uri {
			return r, f.ready(ctx)
		}
	}
	return nil, notFound(f.ready(ctx))
}

func (f *fake) Account(ctx context.Context, id uint64) (*index.Account, error) {
	for _, a := range f.accounts {
		if status.AccountID(a.Author.URI) == id {
			return a, f.ready(ctx)
		}
	}
	return nil, notFound(f.ready(ctx))
}

func (f *fake) AccountByName(ctx context.Context, username, domain string) (*index.Account, error) {
	for _, a := range f.accounts {
		if strings.EqualFold(a.Author.Username, username) && hostOf(a.Author.URI) == domain {
			return a, f.ready(ctx)
		}
	}
	return nil, notFound(f.ready(ctx))
}

func notFound(err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("fake: %w", index.ErrNotFound)
}

func hostOf(uri string) string {
	host, _ := ap.Host(uri)
	return host
}

// author is one of the fake's two: alice (even n) and bob.
func author(n int) ap.Author {
	name := []string{"alice", "bob"}[n%2]
	return ap.Author{
		URI: "https://social.example/users/" + name, Type: "Person", Username: name, Name: strings.ToUpper(name),
		Note: "<p>Hello</p>", URL: "https://social.example/@" + name, Avatar: "https://files.example/" + name + ".png",
		Created: time.Date(2020, 2, 1, 0, 0, 0, 0, time.UTC), Discoverable: true, Indexable: true,
	}
}

// firstID is an id as they are: 63 bits that no float64 holds.
const firstID = 6_900_000_000_000_000_001

// record is the n-th post: every third has a picture, every fifth is a reply,
// every seventh a reply to its author.
func record(n int) *ingest.Record {
	a := author(n)
	uri := fmt.Sprintf("%s/statuses/%d", a.URI, n)
	post := &ap.Post{
		URI: uri, Type: "Note", URL: fmt.Sprintf("%s/%d", a.URL, n), Visibility: ap.Public,
		Published: arrival.Add(time.Duration(n) * time.Second), Language: "en",
		Content: fmt.Sprintf(`<p>Post %d about <a href="https://social.example/tags/cats" class="mention hashtag" rel="tag">#<span>cats</span></a> & 日本語</p>`, n),
		Text:    fmt.Sprintf("Post %d about #cats & 日本語", n), Tags: []string{"cats", fmt.Sprintf("t%d", n%4)},
	}
	if n%3 == 0 {
		post.Attachments = []ap.Media{{URL: "https://files.example/1.jpg", MediaType: "image/jpeg", Type: "image", Description: "a cat", Width: 640, Height: 480}}
	}
	if n%5 == 0 {
		post.InReplyTo = "https://other.example/notes/9"
	} else if n%7 == 0 {
		post.InReplyTo = a.URI + "/statuses/0"
	}
	return &ingest.Record{
		Kind: ingest.KindCreate, Object: uri, ID: firstID + uint64(n)*1000, Actor: a.URI, Domain: "social.example", Author: &a,
		Tier: ingest.TierSearch, Time: arrival.Add(time.Duration(n) * time.Second), Post: post,
	}
}

func newFake(posts int) *fake {
	f := &fake{}
	for n := range posts {
		f.records = append(f.records, record(n))
	}
	for n := range 2 {
		f.accounts = append(f.accounts, &index.Account{Author: author(n), Statuses: uint64(posts / 2), LastStatus: arrival})
	}
	for _, name := range []string{"cats", "catsofmastodon", "zürich"} {
		t := index.TagTrend{Name: name}
		for day := range 7 {
			t.History = append(t.History, index.TagDay{
				Day: time.Date(2026, 11, 23-day, 0, 0, 0, 0, time.UTC), Uses: uint64(100 - day), Accounts: uint64(50 - day),
			})
		}
		f.trends = append(f.trends, t)
	}
	return f
}
