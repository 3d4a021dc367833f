package api

import (
	"strings"

	"tributary/index"
	"tributary/ingest"
)

// Mastodon's DEFAULT_ACCOUNTS_LIMIT, and twice that.
const (
	accountsLimit    = 40
	accountsLimitMax = 80
)

// account is GET /api/v1/accounts/{id}.
func (a *API) account(q *request) error {
	id, err := q.pathID()
	if err != nil {
		return err
	}
	return a.showAccount(q)(a.deps.Queries.Account(q.context(), id))
}

// accountLookup is GET /api/v1/accounts/lookup?acct=user@domain.
func (a *API) accountLookup(q *request) error {
	user, domain, ok := a.parseHandle(q.params.last("acct"))
	if !ok {
		return errNotFound
	}
	return a.showAccount(q)(a.deps.Queries.AccountByName(q.context(), user, domain))
}

func (a *API) showAccount(q *request) func(*index.Account, error) error {
	return func(acc *index.Account, err error) error {
		if err != nil {
			return err
		}
		e := a.entity(acc)
		q.body = e.AppendJSON(q.body)
		return nil
	}
}

// accountSearch is GET /api/v1/accounts/search.
func (a *API) accountSearch(q *request) error {
	limit, err := q.params.count("limit", accountsLimit, accountsLimitMax)
	if err != nil {
		return err
	}
	offset, err := q.params.offset()
	if err != nil {
		return err
	}
	f, err := a.finder(q, limit, offset)
	if err != nil {
		return err
	}
	if err := f.findAccounts(q.context()); err != nil {
		return err
	}
	q.body = accounts(q.body, f.accounts)
	return nil
}

// accountStatuses is GET /api/v1/accounts/{id}/statuses. Boosts are never among
// them, pinned posts are not known.
func (a *API) accountStatuses(q *request) error {
	id, err := q.pathID()
	if err != nil {
		return err
	}
	g, err := q.params.page()
	if err != nil {
		return err
	}
	t := index.Timeline{OnlyMedia: q.params.flag("only_media")}
	if q.params.last("tagged") != "" {
		t.Any = q.params.tags("tagged")
		g.empty = g.empty || len(t.Any) == 0
	}
	g.empty = g.empty || q.params.flag("pinned")
	var keep func(*ingest.Record) bool
	if q.params.flag("exclude_replies") {
		keep = noReply
	}
	records, s, err := collect(g, func(p index.Page) ([]*ingest.Record, error) {
		t.Page = p
		return a.deps.Queries.AccountStatuses(q.context(), id, t)
	}, keep)
	if err != nil {
		return err
	}
	if s.newest == 0 { // an author without posts, or none?
		if _, err := a.deps.Queries.Account(q.context(), id); err != nil {
			return err
		}
	}
	a.links(q, q.params.kept("exclude_reblogs", "exclude_replies", "limit", "only_media", "pinned", "tagged"), s, s.more)
	q.body = a.statuses(q.body, a.fence(records, ingest.TierLive))
	return nil
}

// noReply tells posts from replies. A reply to oneself is a thread, and counts as
// a post; whose the parent is shows in its URI only, on servers that name posts
// below their author (Mastodon, GoToSocial, Hollo).
func noReply(r *ingest.Record) bool {
	return r.Post == nil || r.Post.InReplyTo == "" || strings.HasPrefix(r.Post.InReplyTo, r.Actor+"/")
}
