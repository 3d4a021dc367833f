package api

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"tributary/index"
	"tributary/index/status"
	"tributary/ingest"
	"tributary/ingest/ap"
)

const (
	maxSearch = 1000 // bytes of q
	maxOffset = 1000 // the index gives no further, for it reads and throws away all before
)

// The values of type; "" is all of them.
const (
	typeAccounts = "accounts"
	typeHashtags = "hashtags"
	typeStatuses = "statuses"
)

// finder is one search and what it found.
type finder struct {
	api           *API
	text          string
	kind          string
	limit, offset int
	page          paging
	author        uint64 // of statuses; 0: everybody
	noAuthor      bool   // account_id is one that nobody has
	followed      bool   // accounts that the reader follows: none

	accounts []status.Account
	statuses []*ingest.Record
	hashtags []index.TagTrend
}

// search is GET /api/v2/search.
func (a *API) search(q *request) error {
	limit, err := q.params.count("limit", pageLimit, pageLimitMax)
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
	if f.text == "" {
		return badRequest("param is missing or the value is empty: q")
	}
	if err := f.options(q.params); err != nil {
		return err
	}
	if err := f.find(q.context()); err != nil {
		return err
	}
	q.body = accounts(append(q.body, `{"accounts":`...), f.accounts)
	q.body = a.statuses(append(q.body, `,"statuses":`...), a.fence(f.statuses, f.tier()))
	q.body = a.tags(append(q.body, `,"hashtags":`...), f.hashtags)
	q.body = append(q.body, '}')
	return nil
}

// finder reads the words to look for.
func (a *API) finder(q *request, limit, offset int) (*finder, error) {
	text := strings.TrimSpace(strings.ToValidUTF8(q.params.last("q"), ""))
	if len(text) > maxSearch {
		return nil, badRequest("q is longer than %d bytes", maxSearch)
	}
	return &finder{api: a, text: text, limit: limit, offset: offset, followed: q.params.flag("following")}, nil
}

// options reads what /api/v2/search has and the search for accounts has not.
func (f *finder) options(p params) (err error) {
	f.kind = p.last("type")
	if !slices.Contains([]string{"", typeAccounts, typeHashtags, typeStatuses}, f.kind) {
		return badRequest("type must be accounts, hashtags or statuses")
	}
	if f.kind == "" {
		f.offset = 0 // as Mastodon: of what would it be?
	}
	if f.page, err = p.page(); err != nil {
		return err
	}
	f.page.Limit = f.limit
	author, given, err := p.id("account_id")
	f.author, f.noAuthor = author, given && author == 0
	return err
}

// offset reads offset. It is not clamped: the next page would be the same one.
func (p params) offset() (int, error) {
	n, err := p.count("offset", 0, maxOffset+1)
	if err == nil && n > maxOffset {
		err = badRequest("offset must be at most %d", maxOffset)
	}
	return n, err
}

// find looks for all that is asked for, at once. What is sought in which text is
// as in Mastodon's SearchService.
func (f *finder) find(ctx context.Context) error {
	if isURL(f.text) {
		return f.findURL(ctx)
	}
	group, ctx := errgroup.WithContext(ctx)
	for kind, find := range map[string]func(context.Context) error{
		typeAccounts: f.findAccounts, typeHashtags: f.findHashtags, typeStatuses: f.findStatuses,
	} {
		if f.wants(kind) {
			group.Go(func() error { return find(ctx) })
		}
	}
	return group.Wait()
}

func (f *finder) wants(kind string) bool { return f.limit > 0 && (f.kind == "" || f.kind == kind) }

func isURL(s string) bool {
	return (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")) && !strings.ContainsAny(s, " \t\n")
}

// tier is the least that the posts found may have: a text is searched for in
// posts that agreed to it, a post whose address one has is only looked up.
func (f *finder) tier() ingest.Tier {
	if isURL(f.text) {
		return ingest.TierLive
	}
	return ingest.TierSearch
}

// findAccounts looks for the author with this handle, then for authors like it.
func (f *finder) findAccounts(ctx context.Context) error {
	text := strings.TrimPrefix(f.text, "@")
	if text == "" || f.limit == 0 || f.followed || f.text[0] == '#' || strings.Contains(text, "@") && strings.Contains(text, " ") {
		return nil
	}
	exact := ""
	if user, domain, ok := f.api.parseHandle(text); ok && strings.Contains(text, "@") {
		acc, err := f.api.deps.Queries.AccountByName(ctx, user, domain)
		switch {
		case errors.Is(err, index.ErrNotFound):
		case err != nil:
			return err
		default:
			exact = acc.Author.URI
			if f.offset == 0 {
				f.accounts = append(f.accounts, f.api.entity(acc))
			}
		}
	}
	authors, err := f.api.deps.Queries.SearchAccounts(ctx, text, f.limit, f.offset)
	if err != nil {
		return err
	}
	authors = slices.DeleteFunc(authors, func(a *ap.Author) bool { return a.URI == exact })
	f.accounts = append(f.accounts, f.api.entities(authors)...)
	f.accounts = f.accounts[:min(len(f.accounts), f.limit)]
	return nil
}

func (f *finder) findHashtags(ctx context.Context) (err error) {
	prefix := ap.FoldTag(f.text)
	if prefix == "" || strings.Contains(f.text, "@") {
		return nil
	}
	f.hashtags, err = f.api.deps.Queries.SearchTags(ctx, prefix, f.limit, f.offset)
	return err
}

func (f *finder) findStatuses(ctx context.Context) (err error) {
	if f.page.empty || f.noAuthor {
		return nil
	}
	f.statuses, err = f.api.deps.Queries.SearchStatuses(ctx, index.Search{
		Page: f.page.Page, Text: f.text, Offset: f.offset, AccountID: f.author,
	})
	return err
}

// findURL finds the author or the post that has this id or this page, and
// nothing else.
func (f *finder) findURL(ctx context.Context) error {
	if f.offset > 0 {
		return nil
	}
	if f.wants(typeAccounts) && !f.followed {
		if found, err := f.findAccountURL(ctx); found || err != nil {
			return err
		}
	}
	if !f.wants(typeStatuses) || f.api.deps.StatusByURI == nil {
		return nil
	}
	return f.findStatusURL(ctx)
}

// findStatusURL takes the URL for a post's id, then for the page of a post whose
// id can be told from it.
func (f *finder) findStatusURL(ctx context.Context) error {
	r, err := f.api.deps.StatusByURI(ctx, f.text)
	if uri := statusURI(f.text); errors.Is(err, index.ErrNotFound) && uri != "" {
		r, err = f.api.deps.StatusByURI(ctx, uri)
		if err == nil && (r.Post == nil || r.Post.URL != f.text) {
			return nil // the guess was wrong
		}
	}
	if errors.Is(err, index.ErrNotFound) {
		return nil
	}
	if err == nil {
		f.statuses = []*ingest.Record{r}
	}
	return err
}

// findAccountURL takes the URL for an actor's id, then for a page.
func (f *finder) findAccountURL(ctx context.Context) (bool, error) {
	acc, err := f.api.deps.Queries.Account(ctx, status.AccountID(f.text))
	if errors.Is(err, index.ErrNotFound) {
		user, domain, ok := f.api.parsePage(f.text)
		if !ok {
			return false, nil
		}
		acc, err = f.api.deps.Queries.AccountByName(ctx, user, domain)
	}
	if errors.Is(err, index.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	f.accounts = []status.Account{f.api.entity(acc)}
	return true, nil
}
