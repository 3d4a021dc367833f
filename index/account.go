package index

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/ingest"
	"tributary/ingest/ap"
)

// Account is an author and what of them is shown.
type Account struct {
	Author     ap.Author
	Statuses   uint64    // posts that are shown
	LastStatus time.Time // arrival of the newest of them, zero without one
}

// Account returns an author of tier live or above, by status.AccountID of the
// URI, or ErrNotFound.
func (x *Index) Account(ctx context.Context, id uint64) (*Account, error) {
	defer x.metrics.query("account", time.Now())
	return x.account(ctx, "id = "+number(id))
}

// AccountByName returns an author by the parts of its handle, in any case.
func (x *Index) AccountByName(ctx context.Context, username, domain string) (*Account, error) {
	defer x.metrics.query("account", time.Now())
	return x.account(ctx, "username = "+literal(foldName(username))+" AND domain = "+literal(strings.ToLower(domain)))
}

func (x *Index) account(ctx context.Context, condition string) (*Account, error) {
	authors, ids, err := x.authors(ctx, `tier >= `+live+` AND `+condition+` ORDER BY seq DESC LIMIT 1`)
	switch {
	case err != nil:
		return nil, fmt.Errorf("index: account: %w", err)
	case len(authors) == 0:
		return nil, fmt.Errorf("index: account: %w", ErrNotFound)
	}
	a := &Account{Author: *authors[0]}
	if err := x.countPosts(ctx, ids[0], a); err != nil {
		return nil, fmt.Errorf("index: account: %w", err)
	}
	return a, nil
}

// authors reads rows of the table authors; the tail of the statement is the
// condition and what follows it.
func (x *Index) authors(ctx context.Context, tail string) (authors []*ap.Author, ids []uint64, err error) {
	err = x.ask(ctx, `SELECT id, author FROM authors FINAL WHERE `+tail, func(rows driver.Rows) error {
		var (
			id   uint64
			blob string
		)
		if err := rows.Scan(&id, &blob); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		r, err := ingest.Decode([]byte(blob))
		if err != nil {
			return err
		}
		if r.Author != nil {
			authors, ids = append(authors, r.Author), append(ids, id)
		}
		return nil
	})
	return authors, ids, err
}

// countPosts counts the newest versions that are shown.
func (x *Index) countPosts(ctx context.Context, id uint64, a *Account) error {
	statement := `SELECT count(), max(id) FROM posts FINAL WHERE actor = ` + number(id) + ` AND ` + x.shown()
	return x.ask(ctx, statement, func(rows driver.Rows) error {
		var newest uint64
		if err := rows.Scan(&a.Statuses, &newest); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		if newest > 0 {
			a.LastStatus = ingest.IDTime(newest)
		}
		return nil
	})
}

// AccountStatuses returns the posts of an author that are shown: those of tier
// search of any age, those of tier live of the last seven days.
func (x *Index) AccountStatuses(ctx context.Context, id uint64, t Timeline) ([]*ingest.Record, error) {
	defer x.metrics.query("account_statuses", time.Now())
	conditions := append([]string{"actor = " + number(id), x.shown()}, t.conditions()...)
	q := question{condition: all(conditions), least: ingest.TierLive, query: t.query(x.isShown())}
	q.by(id)
	found, err := x.page(ctx, q, t.Page, 0)
	if err != nil {
		return nil, fmt.Errorf("index: account statuses: %w", err)
	}
	return found, nil
}

// SearchAccounts returns authors of tier search of whom each word of text begins
// a word of the name, the username or the domain: those with exactly this
// username first, then those with the shortest.
func (x *Index) SearchAccounts(ctx context.Context, text string, limit, offset int) ([]*ap.Author, error) {
	defer x.metrics.query("search_accounts", time.Now())
	terms := searchTerms(text)
	if len(terms) == 0 || offset > offsetMost {
		return nil, nil
	}
	conditions := []string{"tier >= " + tierLiteral(ingest.TierSearch)}
	for _, t := range terms {
		// The first is what the index knows; words hold neither % nor _.
		conditions = append(conditions, "words LIKE "+literal("%"+t+"%"), "position(concat(' ', words), "+literal(" "+t)+") > 0")
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(text), "@"), "@")
	found, _, err := x.authors(ctx, all(conditions)+
		fmt.Sprintf(" ORDER BY username = %s DESC, length(username), username, id LIMIT %d OFFSET %d", literal(foldName(cut(name, 256))), Page{Limit: limit}.limit(), max(offset, 0)))
	if err != nil {
		return nil, fmt.Errorf("index: search accounts: %w", err)
	}
	return found, nil
}
