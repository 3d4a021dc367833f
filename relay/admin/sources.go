package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary/relay"
)

// Source is what one server gave this node.
type Source struct {
	Host          string           `json:"host"`
	Grant         string           `json:"grant"` // why its posts are taken: "subscriber", "limited" (not passed on), or "none"
	First         time.Time        `json:"first"`
	Last          time.Time        `json:"last"`
	PostsLast     float64          `json:"posts_per_minute"`
	Accepted      int64            `json:"accepted"`
	Refused       int64            `json:"refused"`
	AcceptedAs    map[string]int64 `json:"accepted_as,omitempty"`
	RefusedFor    map[string]int64 `json:"refused_for,omitempty"`
	BadSignatures int64            `json:"bad_signatures"` // in its name; anybody may have sent them
	Bytes         int64            `json:"bytes"`
}

// SourcesRequest asks for a page of them.
type SourcesRequest struct {
	Sort   string // one of SourceOrders; "" is the first
	Limit  int    // 0: all
	Offset int
	Host   string // only this one
}

// SourceOrders are the orders, the largest or newest first, but for the name.
var SourceOrders = []string{"accepted", "refused", "rate", "bytes", "signatures", "last", "host"}

// SourcesPage is a page of sources.
type SourcesPage struct {
	Since   time.Time `json:"since"` // counted in memory from then on, by this node, for the hosts that gave last
	Total   int       `json:"total"`
	Offset  int       `json:"offset"`
	Sources []Source  `json:"sources"`
}

// Sources lists what gives the relay posts.
func (s *Service) Sources(_ context.Context, r SourcesRequest) (SourcesPage, error) {
	order, ok := sourceOrder(cmp.Or(r.Sort, SourceOrders[0]))
	if !ok || r.Limit < 0 || r.Offset < 0 {
		return SourcesPage{}, fmt.Errorf("admin: %w: sources are sorted by one of %s, and limit and offset are not negative", ErrInput, strings.Join(SourceOrders, ", "))
	}
	page := SourcesPage{Since: s.Relay.Sources().Since(), Offset: r.Offset, Sources: []Source{}}
	var list []Source
	for _, src := range s.Relay.Sources().List() {
		if r.Host == "" || src.Host == r.Host {
			list = append(list, s.sourceOf(src))
		}
	}
	slices.SortFunc(list, func(a, b Source) int { return cmp.Or(order(a, b), cmp.Compare(a.Host, b.Host)) })
	page.Total = len(list)
	list = list[min(r.Offset, len(list)):]
	if r.Limit > 0 {
		list = list[:min(r.Limit, len(list))]
	}
	page.Sources = append(page.Sources, list...)
	return page, nil
}

func (s *Service) sourceOf(src relay.Source) Source {
	one := Source{
		Host: src.Host, Grant: s.Relay.Subscriptions().Host(src.Host).String(), First: src.First, Last: src.Last, PostsLast: src.Posts, BadSignatures: src.Signatures, Bytes: src.Bytes,
		AcceptedAs: src.Accepted, RefusedFor: src.Refused,
	}
	for _, n := range src.Accepted {
		one.Accepted += n
	}
	for _, n := range src.Refused {
		one.Refused += n
	}
	return one
}

func sourceOrder(name string) (func(a, b Source) int, bool) {
	switch name {
	case "accepted":
		return func(a, b Source) int { return cmp.Compare(b.Accepted, a.Accepted) }, true
	case "refused":
		return func(a, b Source) int { return cmp.Compare(b.Refused, a.Refused) }, true
	case "rate":
		return func(a, b Source) int { return cmp.Compare(b.PostsLast, a.PostsLast) }, true
	case "bytes":
		return func(a, b Source) int { return cmp.Compare(b.Bytes, a.Bytes) }, true
	case "signatures":
		return func(a, b Source) int { return cmp.Compare(b.BadSignatures, a.BadSignatures) }, true
	case "last":
		return func(a, b Source) int { return b.Last.Compare(a.Last) }, true
	case "host":
		return func(Source, Source) int { return 0 }, true
	}
	return nil, false
}
