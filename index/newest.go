package index

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/index/fresh"
	"tributary/ingest"
)

// freshBytes is what index/fresh holds, unless configured: a million short posts, weeks of most relays. Like latest, it is only where nobody else writes. Whether a version that is found in it still
// counts is judged as if it had been found in the table.
const freshBytes = 80 << 20

// freshen tells fresh of the posts of a batch, which are stored.
func (x *Index) freshen(rows *postRows) {
	if !x.fresh.Wants() {
		return
	}
	var terms []fresh.Term
	for i := range rows.id {
		terms = rows.terms(terms[:0], i)
		x.fresh.Add(fresh.Post{ID: rows.id[i], Seq: rows.seq[i], Tier: ingest.Tier(rows.tier[i]), Terms: terms})
	}
}

// terms are what questions ask about a row.
func (p *postRows) terms(terms []fresh.Term, i int) []fresh.Term {
	terms = append(terms, fresh.Domain(p.domain[i]), fresh.Actor(p.actor[i]))
	terms = fresh.AppendLanguages(terms, p.language[i])
	if p.local[i] != 0 {
		terms = append(terms, fresh.Local)
	}
	if p.media[i] != 0 {
		terms = append(terms, fresh.Media)
	}
	for _, tag := range p.tags[i] {
		terms = append(terms, fresh.Tag(tag))
	}
	if p.ngrams[i] != "" {
		terms = fresh.AppendPairs(terms, p.ngrams[i])
	}
	return fresh.AppendWords(terms, p.words[i])
}

// loadFresh reads the newest posts that are stored, before any is added. Without them questions only cost more.
func (x *Index) loadFresh(ctx context.Context) {
	x.fresh.Restart()
	if _, err := x.loadOlder(ctx); err != nil && ctx.Err() == nil {
		x.log.Warn("the newest posts cannot be loaded, trying again; questions about them cost more", "err", err)
	}
}

// fillFresh reads those before them, while others are added, until there is no room.
func (x *Index) fillFresh(ctx context.Context) {
	for ctx.Err() == nil {
		switch more, err := x.loadOlder(ctx); {
		case err != nil:
			sleep(ctx, x.tune.loadPause)
		case !more:
			return
		}
	}
}

// loadOlder reads some posts; false when there is nothing to read, or no room.
func (x *Index) loadOlder(ctx context.Context) (bool, error) {
	below, ok := x.fresh.Older()
	if !ok {
		return false, nil
	}
	posts, floor, err := x.postsBelow(ctx, below, x.tune.freshAtOnce)
	if err != nil || floor >= below { // so many versions of one post
		x.fresh.Stop()
		return false, err
	}
	x.fresh.Load(posts, floor)
	return true, nil
}

// postsBelow reads most versions with the highest ids below a bound, and says from which id on it read all.
func (x *Index) postsBelow(ctx context.Context, below uint64, most int) (posts []fresh.Post, floor uint64, err error) {
	ctx, cancel := writing(ctx)
	defer cancel()
	rows, err := x.conn.Query(ctx, fmt.Sprintf(
		`SELECT id, seq, tier, local, media, domain, actor, language, tags, words, ngrams FROM posts WHERE %s ORDER BY id DESC LIMIT %d`, between(0, below), most))
	if err != nil {
		return nil, 0, fmt.Errorf("index: load posts: %w", err)
	}
	defer rows.Close() //nolint:errcheck // its error is that of Err
	for rows.Next() {
		p, err := scanFresh(rows)
		if err != nil {
			return nil, 0, fmt.Errorf("index: load posts: %w", err)
		}
		posts = append(posts, p)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fmt.Errorf("index: load posts: %w", err)
	}
	if len(posts) == most {
		floor = posts[most-1].ID + 1 // there may be other versions of that one
	}
	return posts, floor, nil
}

func scanFresh(rows driver.Rows) (fresh.Post, error) {
	var (
		id, seq, actor                  uint64
		tier, local, media              uint8
		domain, language, words, ngrams string
		tags                            []string
	)
	err := rows.Scan(&id, &seq, &tier, &local, &media, &domain, &actor, &language, &tags, &words, &ngrams)
	p := fresh.Post{ID: id, Seq: seq, Tier: ingest.Tier(tier)}
	if err != nil || p.Tier < ingest.TierLive {
		return p, err
	}
	row := postRows{
		local: []uint8{local}, media: []uint8{media}, domain: []string{domain}, actor: []uint64{actor},
		language: []string{language}, tags: [][]string{tags}, words: []string{words}, ngrams: []string{ngrams},
	}
	p.Terms = row.terms(nil, 0)
	return p, nil
}

// query is what conditions says to the server.
func (t *Timeline) query(shown func(uint64, ingest.Tier) bool) *fresh.Query {
	q := &fresh.Query{Shown: shown}
	if t.Remote {
		q.None = append(q.None, fresh.Local)
	}
	if t.Local {
		q.All = append(q.All, fresh.Local)
	}
	if t.OnlyMedia {
		q.All = append(q.All, fresh.Media)
	}
	if len(t.Any) > 0 {
		q.Any = append(q.Any, tagTerms(t.Any))
	}
	q.All, q.None = append(q.All, tagTerms(t.All)...), append(q.None, tagTerms(t.None)...)
	if t.Domain != "" {
		q.All = append(q.All, fresh.Domain(strings.ToLower(t.Domain)))
	}
	if t.Language != "" {
		q.All = append(q.All, fresh.Language(t.Language))
	}
	return q
}

func tagTerms(tags []string) []fresh.Term {
	terms := make([]fresh.Term, 0, len(tags))
	for _, tag := range tags[:min(len(tags), tagsMost)] {
		terms = append(terms, fresh.Tag(tag))
	}
	return terms
}
