package relay

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"time"

	"tributary/ingest"
	"tributary/ingest/state"
)

// BodyMaxLeast is the smallest bound of a body that may be set: a post of Mastodon
// with pictures and a signature has some 4 KiB.
const BodyMaxLeast = 4 << 10

// Limit is what the servers of a domain may give, where that differs from what all may.
type Limit struct {
	Domain         string // lower case, punycode; with its subdomains, each server counted by itself
	PostsPerMinute *int   // nil: Config.PostsPerMinute; 0: no limit
	BodyMax        *int   // bytes; nil: Config.BodyMax
	Note           string // the operator's own
	Created        time.Time
}

// check says what no limit may be.
func (l Limit) check() error {
	switch {
	case l.PostsPerMinute == nil && l.BodyMax == nil:
		return fmt.Errorf("relay: %w: it says neither how many posts nor how large", ErrLimit)
	case l.PostsPerMinute != nil && *l.PostsPerMinute < 0:
		return fmt.Errorf("relay: %w: %d posts a minute", ErrLimit, *l.PostsPerMinute)
	case l.BodyMax != nil && (*l.BodyMax < BodyMaxLeast || *l.BodyMax > ingest.MaxDocumentBytes):
		return fmt.Errorf("relay: %w: a body of %d bytes: it is %d at least and %d at most", ErrLimit, *l.BodyMax, BodyMaxLeast, ingest.MaxDocumentBytes)
	}
	return nil
}

// Limits is the table limits, with a copy in memory, over what holds for all.
// Safe for concurrent use.
type Limits struct {
	db      *state.DB
	all     Config
	current atomic.Pointer[map[string]Limit]
}

func newLimits(ctx context.Context, db *state.DB, all Config) (*Limits, error) {
	l := &Limits{db: db, all: all}
	l.current.Store(&map[string]Limit{})
	return l, l.Refresh(ctx)
}

// Host is what a host[:port] may give: posts in a minute, 0 for no limit, and bytes of
// one. What is said of the nearest domain holds.
func (l *Limits) Host(host string) (postsPerMinute, bodyMax int) {
	limits := *l.current.Load()
	if len(limits) == 0 {
		return l.all.PostsPerMinute, l.all.BodyMax
	}
	var posts, body *int
	for name := range parents(host) {
		limit := limits[name]
		if posts == nil {
			posts = limit.PostsPerMinute
		}
		if body == nil {
			body = limit.BodyMax
		}
	}
	return or(posts, l.all.PostsPerMinute), or(body, l.all.BodyMax)
}

func or(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

// List returns all limits, oldest first.
func (l *Limits) List(ctx context.Context) (list []Limit, err error) {
	rows, err := l.db.Read().QueryContext(ctx, `SELECT domain, posts_per_minute, body_max, note, created_at FROM limits ORDER BY created_at, domain`)
	if err != nil {
		return nil, fmt.Errorf("relay: listing limits: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var limit Limit
		var posts, body, created int64
		if err := rows.Scan(&limit.Domain, &posts, &body, &limit.Note, &created); err != nil {
			return nil, fmt.Errorf("relay: listing limits: %w", err)
		}
		limit.PostsPerMinute, limit.BodyMax = ofColumn(posts), ofColumn(body)
		limit.Created = time.UnixMilli(created).UTC()
		list = append(list, limit)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("relay: listing limits: %w", err)
	}
	return list, nil
}

// asAll is the column of what a limit does not say.
const asAll = -1

func ofColumn(n int64) *int {
	if n == asAll {
		return nil
	}
	v := int(n)
	return &v
}

// Refresh reads the table anew.
func (l *Limits) Refresh(ctx context.Context) error {
	list, err := l.List(ctx)
	if err != nil {
		return err
	}
	limits := make(map[string]Limit, len(list))
	for _, limit := range list {
		limits[limit.Domain] = limit
	}
	l.current.Store(&limits)
	return nil
}

// Set limits a domain, in place of what was said of it before.
func (l *Limits) Set(ctx context.Context, limit Limit) error {
	if err := limit.check(); err != nil {
		return err
	}
	err := l.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO limits (domain, posts_per_minute, body_max, note, created_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (domain) DO UPDATE SET posts_per_minute = excluded.posts_per_minute, body_max = excluded.body_max, note = excluded.note`,
			limit.Domain, or(limit.PostsPerMinute, asAll), or(limit.BodyMax, asAll), limit.Note, time.Now().UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("relay: limiting %s: %w", limit.Domain, err)
	}
	return l.Refresh(context.WithoutCancel(ctx))
}

// Remove lets what holds for all hold for a domain.
func (l *Limits) Remove(ctx context.Context, domain string) error {
	err := l.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM limits WHERE domain = $1`, domain)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err == nil && n == 0 {
			err = ErrNotLimited
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("relay: removing the limit of %s: %w", domain, err)
	}
	return l.Refresh(context.WithoutCancel(ctx))
}
