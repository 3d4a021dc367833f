package index

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unique"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/ingest"
)

// freshMost is how many posts fresh holds, some 100 bytes each: days of most relays.
const freshMost = 200_000

// fresh holds of the newest posts what timelines ask about them, so that the first pages of a timeline find
// their posts without a statement. It has every post that is shown with an id from floor on, in its newest
// version; below it says nothing. Like latest, it is only where nobody else writes. Whether a version that it
// finds still counts is judged as if it had been found in the table.
type fresh struct {
	mu    sync.RWMutex
	on    bool
	floor uint64
	posts []freshPost // by id, without gaps from floor on
	most  int
}

// freshPost is a row of posts. Words that many have stand once.
type freshPost struct {
	id, seq      uint64
	tier         ingest.Tier
	local, media bool
	domain       unique.Handle[string]
	language     unique.Handle[string]
	tags         []unique.Handle[string]
}

// match says whether a post is in a list.
type match func(*freshPost) bool

func handles(words []string) []unique.Handle[string] {
	list := make([]unique.Handle[string], len(words))
	for i, w := range words {
		list[i] = unique.Make(w)
	}
	return list
}

// find returns at most n posts between lo and hi (both exclusive; hi 0: unset), the newest first, or the
// oldest first if upwards. It returns where the caller has to go on: behind the last of them, or below floor;
// over when there is nothing. It is of no use (ok false) when the list begins below floor.
func (f *fresh) find(m match, lo, hi uint64, n int, upwards bool) (found []freshPost, next uint64, over, ok bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	whole := lo >= f.floor // all that is above lo is here
	if !f.on || upwards && !whole || hi != 0 && hi <= f.floor {
		return nil, 0, false, false
	}
	first, end := f.above(lo), len(f.posts)
	if hi != 0 {
		end, _ = f.at(hi)
	}
	for k := range max(0, end-first) {
		p := &f.posts[end-1-k]
		if upwards {
			p = &f.posts[first+k]
		}
		if p.tier < ingest.TierLive || !m(p) {
			continue
		}
		if found = append(found, *p); len(found) == n {
			return found, p.id, false, true
		}
	}
	return found, f.floor, whole, true
}

// at is where the post with the id stands, or would.
func (f *fresh) at(id uint64) (int, bool) {
	return slices.BinarySearchFunc(f.posts, id, func(p freshPost, id uint64) int {
		switch {
		case p.id < id:
			return -1
		case p.id > id:
			return 1
		}
		return 0
	})
}

// above is where the first post stands whose id is higher.
func (f *fresh) above(id uint64) int {
	i, found := f.at(id)
	if found {
		i++
	}
	return i
}

// add takes the posts of a batch, which are stored.
func (f *fresh) add(rows *postRows) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.on {
		return
	}
	for i := range rows.id {
		f.put(rows.fresh(i))
	}
	if len(f.posts) > f.most {
		// A new slice, that the old one is let go of.
		f.posts = slices.Clone(f.posts[len(f.posts)-f.most+f.most/4:])
		f.floor = f.posts[0].id
	}
}

func (p *postRows) fresh(i int) freshPost {
	return freshPost{
		id: p.id[i], seq: p.seq[i], tier: ingest.Tier(p.tier[i]), local: p.local[i] != 0, media: p.media[i] != 0,
		domain: unique.Make(p.domain[i]), language: unique.Make(p.language[i]), tags: handles(p.tags[i]),
	}
}

// put keeps the newest version; of one that came twice that which shows less. f.mu is held.
func (f *fresh) put(p freshPost) {
	if p.id < f.floor {
		return
	}
	i, known := f.at(p.id)
	switch {
	case known && (f.posts[i].seq < p.seq || f.posts[i].seq == p.seq && f.posts[i].tier > p.tier):
		f.posts[i] = p
	case !known && p.tier >= ingest.TierLive:
		f.posts = slices.Insert(f.posts, i, p)
	}
}

// hide takes a version in which a withdrawal leaves less of a post.
func (f *fresh) hide(id, seq uint64, tier ingest.Tier) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i, known := f.at(id); known && f.posts[i].seq < seq {
		f.posts[i].seq, f.posts[i].tier = seq, tier
	}
}

// loadFresh reads the newest posts that are stored, before any is added. Without them questions only cost more.
func (x *Index) loadFresh(ctx context.Context) {
	most := x.tune.fresh
	if most <= 0 {
		return
	}
	posts, err := x.newestPosts(ctx, most)
	if err != nil {
		if ctx.Err() == nil {
			x.log.Warn("the newest posts cannot be loaded, timelines ask for them", "err", err)
		}
		return
	}
	f := x.fresh
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on, f.most, f.floor, f.posts = true, most, 0, nil
	if len(posts) == most {
		f.floor = posts[0].id + 1 // there may be other versions of that one
	}
	for _, p := range posts {
		f.put(p)
	}
}

// newestPosts reads so many versions, by id.
func (x *Index) newestPosts(ctx context.Context, most int) ([]freshPost, error) {
	ctx, cancel := writing(ctx)
	defer cancel()
	rows, err := x.conn.Query(ctx, fmt.Sprintf(`SELECT id, seq, tier, local, media, domain, language, tags FROM posts ORDER BY id DESC LIMIT %d`, most))
	if err != nil {
		return nil, fmt.Errorf("index: load posts: %w", err)
	}
	defer rows.Close() //nolint:errcheck // its error is that of Err
	var posts []freshPost
	for rows.Next() {
		p, err := scanFresh(rows)
		if err != nil {
			return nil, fmt.Errorf("index: load posts: %w", err)
		}
		posts = append(posts, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("index: load posts: %w", err)
	}
	slices.Reverse(posts)
	return posts, nil
}

func scanFresh(rows driver.Rows) (freshPost, error) {
	var (
		p                  freshPost
		tier, local, media uint8
		domain, language   string
		tags               []string
	)
	err := rows.Scan(&p.id, &p.seq, &tier, &local, &media, &domain, &language, &tags)
	p.tier, p.local, p.media = ingest.Tier(tier), local != 0, media != 0
	p.domain, p.language, p.tags = unique.Make(domain), unique.Make(language), handles(tags)
	return p, err
}

// match is what conditions says to the server.
func (t *Timeline) match() match {
	bounded := func(tags []string) []unique.Handle[string] { return handles(tags[:min(len(tags), tagsMost)]) }
	any, all, none := bounded(t.Any), bounded(t.All), bounded(t.None)
	domain, language := unique.Make(strings.ToLower(t.Domain)), unique.Make(t.Language)
	kind := t.Language + "-"
	return func(p *freshPost) bool {
		has := func(tag unique.Handle[string]) bool { return slices.Contains(p.tags, tag) }
		hasNot := func(tag unique.Handle[string]) bool { return !has(tag) }
		switch {
		case t.Remote && p.local, t.Local && !p.local, t.OnlyMedia && !p.media,
			t.Domain != "" && p.domain != domain,
			t.Language != "" && p.language != language && !strings.HasPrefix(p.language.Value(), kind):
			return false
		}
		return (len(any) == 0 || slices.ContainsFunc(any, has)) && !slices.ContainsFunc(all, hasNot) && !slices.ContainsFunc(none, has)
	}
}
