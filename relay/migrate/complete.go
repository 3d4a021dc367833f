package migrate

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"tributary/ingest/ap"
)

// Actors fetches actors: *remote.Client.
type Actors interface {
	Actor(ctx context.Context, uri string) (*ap.Actor, error)
}

// fetchesMax bounds the actors that are fetched at once.
const fetchesMax = 16

// completed is a member of which all is known, or why it is not.
type completed struct {
	Member
	own, shared string // inboxes
	why         string
}

// complete finds what the other relay did not keep of its members. The error is ctx's.
func complete(ctx context.Context, members []Member, actors Actors, progress func(done, total int)) ([]completed, error) {
	list := make([]completed, len(members))
	var missing []*completed
	for i, m := range members {
		list[i] = completed{Member: m, own: m.Inbox, shared: m.Inbox}
		if m.Actor == "" || m.Inbox == "" {
			missing = append(missing, &list[i])
		}
	}
	var mu sync.Mutex // guards done, and orders progress
	done := 0
	fetches, fetching := errgroup.WithContext(ctx)
	fetches.SetLimit(fetchesMax)
	for _, m := range missing {
		fetches.Go(func() error {
			m.fetch(fetching, actors)
			mu.Lock()
			defer mu.Unlock()
			if done++; progress != nil {
				progress(done, len(missing))
			}
			return fetching.Err()
		})
	}
	if err := fetches.Wait(); err != nil {
		return nil, fmt.Errorf("migrate: fetching actors: %w", err)
	}
	return list, ctx.Err()
}

func (m *completed) fetch(ctx context.Context, actors Actors) {
	if m.why = "neither its actor nor its inbox is known"; len(m.candidates()) == 0 {
		return
	}
	for _, uri := range m.candidates() {
		if m.why = m.try(ctx, actors, uri); m.why == "" {
			return
		}
	}
	m.why += "; import it again later, or let it subscribe anew"
}

// candidates are where its actor may be: where it is, or where servers have the actor
// that subscribes to relays.
func (m *completed) candidates() []string {
	if m.Actor != "" {
		return []string{m.Actor}
	}
	host, err := ap.Host(m.Inbox)
	if err != nil {
		return nil
	}
	base := "https://" + host
	if plain := "http://" + host; ap.SameOrigin(plain, m.Inbox) {
		base = plain
	}
	switch {
	case m.Software == "mastodon":
		return []string{base + "/actor"}
	case m.Announce:
		return []string{base + "/relay", base + "/actor"}
	}
	return []string{base + "/actor", base + "/relay"}
}

// try takes an actor if it is the member's. It returns why it is not.
func (m *completed) try(ctx context.Context, actors Actors, uri string) string {
	a, err := actors.Actor(ctx, uri)
	switch {
	case err != nil:
		return bounded("its actor cannot be had: " + err.Error())
	case m.Actor != "" && a.URI != m.Actor:
		return "its actor says that it is " + bounded(a.URI)
	case m.Inbox != "" && m.Inbox != a.Inbox && m.Inbox != a.SharedInbox:
		return "no actor with this inbox was found"
	}
	m.Actor, m.own, m.shared = a.URI, a.Inbox, a.SharedInbox
	if m.shared == "" {
		m.shared = a.Inbox
	}
	m.Announce = m.Announce || m.Software == "" && isRelayActor(a.URI)
	return ""
}
