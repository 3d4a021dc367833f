package api

import (
	"context"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"

	"github.com/mattn/go-mastodon"

	"tributary/ingest/token"
)

// client is go-mastodon, unmodified, with a token.
func client(t *testing.T, f *fake) *mastodon.Client {
	t.Helper()
	web := httptest.NewServer(mount(t, f, func(_ *Config, d *Deps) {
		d.Authenticate = func(_ context.Context, secret string) error {
			if secret != "good" {
				return token.ErrUnknown
			}
			return nil
		}
	}))
	t.Cleanup(web.Close)
	c := mastodon.NewClient(&mastodon.Config{Server: web.URL, AccessToken: "good"})
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// walk pages as an app does, until there is no next page.
func walk(t *testing.T, page func(*mastodon.Pagination) ([]*mastodon.Status, error)) []int {
	t.Helper()
	var all []int
	pg := &mastodon.Pagination{Limit: 7}
	for range 100 {
		list, err := page(pg)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			id, err := strconv.ParseUint(string(s.ID), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, int(id-firstID)/1000)
		}
		if pg.MaxID == "" {
			return all
		}
	}
	t.Fatal("no end")
	return nil
}

func TestGoMastodon(t *testing.T) {
	const posts = 50
	c := client(t, newFake(posts))
	ctx := t.Context()
	for name, tc := range map[string]struct {
		page func(*mastodon.Pagination) ([]*mastodon.Status, error)
		step int
	}{
		"public": {func(p *mastodon.Pagination) ([]*mastodon.Status, error) { return c.GetTimelinePublic(ctx, false, p) }, 1},
		"tag": {func(p *mastodon.Pagination) ([]*mastodon.Status, error) {
			return c.GetTimelineHashtag(ctx, "Cats", false, p)
		}, 1},
		"tags": {func(p *mastodon.Pagination) ([]*mastodon.Status, error) {
			return c.GetTimelineHashtagMultiple(ctx, "t1", false, &mastodon.TagData{Any: []string{"t3"}, All: []string{"cats"}, None: []string{"t0"}}, p)
		}, 2},
		"account": {func(p *mastodon.Pagination) ([]*mastodon.Status, error) {
			return c.GetAccountStatusesParams(ctx, mastodon.ID(aliceID), url.Values{}, p)
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			got := walk(t, tc.page)
			if len(got) != posts/tc.step {
				t.Fatalf("%d posts: %v", len(got), got)
			}
			for i := 1; i < len(got); i++ {
				if got[i-1]-got[i] != tc.step {
					t.Fatalf("a gap or a double: %v", got)
				}
			}
		})
	}
}

func TestGoMastodonReads(t *testing.T) {
	c := client(t, newFake(10))
	ctx := t.Context()
	found, err := c.Search(ctx, "cats", true)
	if err != nil || len(found.Statuses) != 10 || len(found.Hashtags) != 2 || found.Hashtags[0].History[0].Uses != "100" {
		t.Errorf("search: %+v, %v", found, err)
	}
	acc, err := c.AccountLookup(ctx, "alice@social.example")
	if err != nil || acc.Acct != "alice@social.example" || string(acc.ID) != aliceID || acc.StatusesCount != 5 {
		t.Errorf("lookup: %+v, %v", acc, err)
	}
	if acc, err = c.GetAccount(ctx, acc.ID); err != nil || acc.Username != "alice" {
		t.Errorf("account: %+v, %v", acc, err)
	}
	if list, err := c.AccountsSearch(ctx, "bob", 5); err != nil || len(list) != 1 {
		t.Errorf("accounts: %+v, %v", list, err)
	}
	s, err := c.GetStatus(ctx, "6900000000000003001")
	if err != nil || s.URI != "https://social.example/users/bob/statuses/3" || len(s.MediaAttachments) != 1 || s.Account.Username != "bob" {
		t.Errorf("status: %+v, %v", s, err)
	}
	if _, err := c.GetStatusContext(ctx, s.ID); err != nil {
		t.Errorf("context: %v", err)
	}
	i, err := c.GetInstance(ctx)
	if err != nil || i.URI != "relay.example" || i.URLs["streaming_api"] != "wss://relay.example" || i.Stats == nil || i.EMail != "admin@relay.example" {
		t.Errorf("instance: %+v, %v", i, err)
	}
	c.Config.AccessToken = "bad"
	if _, err := c.GetTimelinePublic(ctx, false, nil); err == nil {
		t.Error("a bad token reads")
	}
}
