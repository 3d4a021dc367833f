//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/mattn/go-mastodon"
)

// goMastodon is go-mastodon; its streams are WebSockets.
type goMastodon struct {
	*heardBy
	ctx       context.Context
	client    *mastodon.Client
	streaming sync.WaitGroup
}

func newGoMastodon(t *testing.T, url string) library {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	g := &goMastodon{
		heardBy: &heardBy{newHeard()}, ctx: ctx,
		client: mastodon.NewClient(&mastodon.Config{Server: url, AccessToken: "not-needed-in-development"}),
	}
	t.Cleanup(func() { cancel(); g.streaming.Wait() })
	return g
}

func brief(s *mastodon.Status) reading {
	return reading{ID: string(s.ID), URI: s.URI, Content: s.Content}
}

func briefs(list []*mastodon.Status) []reading {
	page := make([]reading, len(list))
	for i, s := range list {
		page[i] = brief(s)
	}
	return page
}

func (g *goMastodon) timeline(tag string, limit int) (pages [][]reading, err error) {
	position := &mastodon.Pagination{Limit: int64(limit)}
	for {
		var list []*mastodon.Status
		if tag == "" {
			list, err = g.client.GetTimelinePublic(g.ctx, false, position)
		} else {
			list, err = g.client.GetTimelineHashtag(g.ctx, tag, false, position)
		}
		if err != nil {
			return nil, err
		}
		pages = append(pages, briefs(list))
		if position.MaxID == "" {
			return pages, nil
		}
		position.MinID, position.SinceID, position.Limit = "", "", int64(limit)
	}
}

func (g *goMastodon) search(text string) ([]reading, error) {
	found, err := g.client.Search(g.ctx, text, false)
	if err != nil {
		return nil, err
	}
	return briefs(found.Statuses), nil
}

func (g *goMastodon) lookup(acct string) (string, error) {
	account, err := g.client.AccountLookup(g.ctx, acct)
	if err != nil {
		return "", err
	}
	if account, err = g.client.GetAccount(g.ctx, account.ID); err != nil {
		return "", err
	}
	return account.URL, nil
}

func (g *goMastodon) status(id string) (reading, error) {
	s, err := g.client.GetStatus(g.ctx, mastodon.ID(id))
	if err != nil {
		return reading{}, err
	}
	return brief(s), nil
}

func (g *goMastodon) stream(tag string) error {
	ws := g.client.NewWSClient()
	name, open := "public", func() (chan mastodon.Event, error) { return ws.StreamingWSPublic(g.ctx, false) }
	if tag != "" {
		name, open = "tag", func() (chan mastodon.Event, error) { return ws.StreamingWSHashtag(g.ctx, tag, false) }
	}
	incoming, err := open()
	if err != nil {
		return err
	}
	g.streaming.Go(func() {
		for e := range incoming { // it is closed some time after ctx has ended
			if g.ctx.Err() == nil {
				g.events.take(heardEvent(name, e))
			}
		}
	})
	return nil
}

func heardEvent(stream string, e mastodon.Event) event {
	switch e := e.(type) {
	case *mastodon.UpdateEvent:
		return event{Stream: stream, Event: "update", reading: brief(e.Status)}
	case *mastodon.UpdateEditEvent:
		return event{Stream: stream, Event: "status.update", reading: brief(e.Status)}
	case *mastodon.DeleteEvent:
		return event{Stream: stream, Event: "delete", reading: reading{ID: string(e.ID)}}
	}
	return event{Stream: stream, Event: fmt.Sprintf("%T %v", e, e)}
}
