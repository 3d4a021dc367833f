package api

import (
	"net/url"

	"tributary/index"
	"tributary/ingest"
)

// timeline reads the parameters that all timelines have. local and remote
// together are all, as in Mastodon.
func timeline(p params) (index.Timeline, paging, error) {
	g, err := p.page()
	local, remote := p.flag("local"), p.flag("remote")
	return index.Timeline{
		Local: local && !remote, Remote: remote && !local, OnlyMedia: p.flag("only_media"),
	}, g, err
}

// timelinePublic is GET /api/v1/timelines/public.
func (a *API) timelinePublic(q *request) error {
	t, g, err := timeline(q.params)
	if err != nil {
		return err
	}
	return a.showTimeline(q, t, g, q.params.kept("local", "remote", "only_media", "limit"))
}

// timelineTag is GET /api/v1/timelines/tag/{tag}: posts with that tag or one of
// any[], with each of all[], without those of none[].
func (a *API) timelineTag(q *request) error {
	t, g, err := timeline(q.params)
	if err != nil {
		return err
	}
	t.Any = q.params.tags("any", q.http.PathValue("tag"))
	t.All, t.None = q.params.tags("all"), q.params.tags("none")
	g.empty = g.empty || len(t.Any) == 0 // no character of it stands in a hashtag
	keep := q.params.kept("local", "remote", "only_media", "limit")
	// Mastodon leaves these out of its links, and its next page is of another
	// timeline (TagController::PERMITTED_PARAMS).
	for name, tags := range map[string][]string{"any[]": q.params.tags("any"), "all[]": t.All, "none[]": t.None} {
		if len(tags) > 0 {
			keep[name] = tags
		}
	}
	return a.showTimeline(q, t, g, keep)
}

func (a *API) showTimeline(q *request, t index.Timeline, g paging, keep url.Values) error {
	records, s, err := collect(g, func(p index.Page) ([]*ingest.Record, error) {
		t.Page = p
		return a.deps.Queries.Timeline(q.context(), t)
	}, nil)
	if err != nil {
		return err
	}
	a.links(q, keep, s, true)
	q.body = a.statuses(q.body, a.fence(records, ingest.TierLive))
	return nil
}
