package api

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tributary/index"
	"tributary/ingest"
)

// Mastodon's DEFAULT_STATUSES_LIMIT, and twice that.
const (
	pageLimit    = 20
	pageLimitMax = 40
)

// maxRounds bounds the pages that are read of the index to fill one of which
// not everything is shown (exclude_replies).
const maxRounds = 4

// paging is what a request asks for. empty says that no post can match, which
// index.Page has no form for.
type paging struct {
	index.Page
	empty bool
}

// page reads max_id, since_id, min_id and limit. A min_id of 0 is the way to ask
// for the oldest page; min_id beats since_id.
func (p params) page() (paging, error) {
	var g paging
	limit, err := p.count("limit", pageLimit, pageLimitMax)
	if err != nil {
		return g, err
	}
	highest, bounded, err := p.id("max_id")
	if err != nil {
		return g, err
	}
	since, _, err := p.id("since_id")
	if err != nil {
		return g, err
	}
	lowest, upwards, err := p.id("min_id")
	if err != nil {
		return g, err
	}
	g.Page = index.Page{MaxID: highest, SinceID: since, Limit: limit}
	if upwards {
		g.SinceID, g.MinID = 0, max(lowest, 1)
	}
	g.empty = limit == 0 || bounded && highest == 0
	return g, nil
}

// span is what was read: from the newest to the oldest id, whether shown or not.
type span struct {
	newest, oldest uint64
	more           bool // a full page: there may be more beyond it
}

// collect reads a page, newest first. keep, if not nil, says which posts are
// shown; those left out are made up for by reading on.
func collect(g paging, fetch func(index.Page) ([]*ingest.Record, error), keep func(*ingest.Record) bool) ([]*ingest.Record, span, error) {
	var shown []*ingest.Record
	var s span
	if g.empty {
		return nil, s, nil
	}
	for range maxRounds {
		got, err := fetch(g.Page)
		if err != nil {
			return nil, s, err
		}
		s.more = len(got) >= g.Limit
		for _, r := range ordered(got, g.MinID != 0) {
			if len(shown) == g.Limit {
				s.more = true
				break
			}
			s.include(r.ID)
			if keep == nil || keep(r) {
				shown = append(shown, r)
			}
		}
		if keep == nil || !s.more || len(shown) == g.Limit {
			break
		}
		g.beyond(s)
	}
	return ordered(shown, false), s, nil
}

// include widens the span.
func (s *span) include(id uint64) {
	s.newest = max(s.newest, id)
	if s.oldest == 0 || id < s.oldest {
		s.oldest = id
	}
}

// beyond makes g the page after what was read.
func (g *paging) beyond(s span) {
	if g.MinID != 0 {
		g.MinID = s.newest
	} else {
		g.MaxID = s.oldest
	}
}

// ordered sorts by id, newest first unless upwards.
func ordered(records []*ingest.Record, upwards bool) []*ingest.Record {
	slices.SortFunc(records, func(a, b *ingest.Record) int {
		if upwards {
			return cmp.Compare(a.ID, b.ID)
		}
		return cmp.Compare(b.ID, a.ID)
	})
	return records
}

// kept are the parameters of a request that the links of its answer repeat.
func (p params) kept(names ...string) url.Values {
	v := url.Values{}
	for _, name := range names {
		if p.has(name) {
			v.Set(name, p.last(name))
		}
	}
	return v
}

// links sets the header Link as Mastodon builds it: next is older, by max_id;
// prev is newer, by min_id; the parameters in the order of their names.
func (a *API) links(q *request, keep url.Values, s span, next bool) {
	if s.newest == 0 {
		return
	}
	var links []string
	if next {
		links = append(links, a.link(q, keep, "max_id", strconv.FormatUint(s.oldest, 10), "next"))
	}
	links = append(links, a.link(q, keep, "min_id", strconv.FormatUint(s.newest, 10), "prev"))
	q.header.Set("Link", strings.Join(links, ", "))
}

// link is one link to the path of the request.
func (a *API) link(q *request, keep url.Values, key, value, rel string) string {
	v := url.Values{key: {value}}
	for name, values := range keep {
		v[name] = values
	}
	return "<" + a.cfg.URL + q.http.URL.EscapedPath() + "?" + v.Encode() + `>; rel="` + rel + `"`
}
