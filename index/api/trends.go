package api

import (
	"strconv"
	"strings"

	"tributary/index"
	"tributary/index/status"
	"tributary/ingest/ap"
)

// Mastodon's Trends::TagsController::DEFAULT_TAGS_LIMIT, and twice that.
const (
	trendsLimit    = 10
	trendsLimitMax = 20
)

// trendsTags is GET /api/v1/trends/tags.
func (a *API) trendsTags(q *request) error {
	limit, err := q.params.count("limit", trendsLimit, trendsLimitMax)
	if err != nil {
		return err
	}
	offset, err := q.params.offset()
	if err != nil {
		return err
	}
	var trends []index.TagTrend
	if limit > 0 {
		if trends, err = a.deps.Queries.TrendingTags(q.context(), limit, offset); err != nil {
			return err
		}
	}
	var links []string
	if keep := q.params.kept("limit"); limit > 0 {
		if len(trends) >= limit {
			links = append(links, a.link(q, keep, "offset", strconv.Itoa(offset+limit), "next"))
		}
		if offset > 0 {
			links = append(links, a.link(q, keep, "offset", strconv.Itoa(max(0, offset-limit)), "prev"))
		}
	}
	if len(links) > 0 {
		q.header.Set("Link", strings.Join(links, ", "))
	}
	q.body = a.tags(q.body, trends)
	return nil
}

// tag is GET /api/v1/tags/{tag}. One that was never used has an empty history.
func (a *API) tag(q *request) error {
	name := ap.FoldTag(q.http.PathValue("tag"))
	if name == "" {
		return errNotFound
	}
	trend, err := a.deps.Queries.Tag(q.context(), name)
	if err != nil {
		return err
	}
	q.body = a.appendTag(q.body, trend)
	return nil
}

func (a *API) tags(b []byte, trends []index.TagTrend) []byte { return list(b, trends, a.appendTag) }

// appendTag appends a Tag with its history, whose numbers are strings in Mastodon.
func (a *API) appendTag(b []byte, t index.TagTrend) []byte {
	tag := a.render.Tag(t.Name)
	b = status.AppendString(append(b, `{"name":`...), tag.Name)
	b = status.AppendString(append(b, `,"url":`...), tag.URL)
	return append(list(append(b, `,"history":`...), t.History, appendDay), '}')
}

func appendDay(b []byte, d index.TagDay) []byte {
	b = strconv.AppendInt(append(b, `{"day":"`...), d.Day.Unix(), 10)
	b = strconv.AppendUint(append(b, `","uses":"`...), d.Uses, 10)
	b = strconv.AppendUint(append(b, `","accounts":"`...), d.Accounts, 10)
	return append(b, `"}`...)
}
