package index

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"tributary/ingest"
)

// withdraw hides what the withdrawals cover: it writes, of every post and author
// that is older and stands higher, a version with the withdrawal's seq that keeps
// only what the tier that is left allows. So what was withdrawn is gone from
// every query at once, a later record about the same post is newer again, and
// what was hidden leaves the disk with the next merge.
//
// Withdrawals of one scope are applied together, else in order of seq: a version
// made by a later one would hide the post from an earlier one.
func (x *Index) withdraw(ctx context.Context, all []withdrawal) error {
	for len(all) > 0 {
		n := together(all)
		if err := x.withdrawTogether(ctx, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// togetherMost bounds the length of a statement.
const togetherMost = 2000

// together is how many of the first withdrawals have one scope and no key twice.
func together(all []withdrawal) int {
	type key struct {
		key   string
		actor uint64
	}
	seen := map[key]struct{}{}
	for i, w := range all {
		k := key{w.key, w.actor}
		if _, twice := seen[k]; twice || w.scope != all[0].scope || i == togetherMost {
			return i
		}
		seen[k] = struct{}{}
	}
	return len(all)
}

func (x *Index) withdrawTogether(ctx context.Context, all []withdrawal) error {
	c := coverOf(all)
	hours, err := x.covered(ctx, c)
	if err != nil {
		return err
	}
	if err := x.touchHours(ctx, hours); err != nil {
		return err
	}
	// posts is what says which rows are covered, so that it comes last: after a crash in between, both are hidden again.
	if err := x.exec(ctx, "withdraw records", c.hideRecords()); err != nil {
		return err
	}
	if err := x.exec(ctx, "withdraw posts", c.hidePosts()); err != nil {
		return err
	}
	if all[0].scope == ingest.ScopeObject {
		return nil
	}
	return x.exec(ctx, "withdraw authors", c.hideAuthors())
}

// cover is SQL that says which rows withdrawals cover.
type cover struct {
	posts, authors string // column that the keys stand in
	keys           string // array of the keys
	seqs, tiers    string // arrays, in order of the keys
	shown          bool   // something covered may still be shown
}

func coverOf(all []withdrawal) cover {
	var (
		texts  []string
		actors []uint64
		seqs   []uint64
		tiers  []uint64
		shown  bool
	)
	for _, w := range all {
		texts, actors = append(texts, w.key), append(actors, w.actor)
		seqs, tiers = append(seqs, w.seq), append(tiers, uint64(w.tier))
		shown = shown || w.tier >= ingest.TierLive
	}
	c := cover{seqs: numbers(seqs), tiers: numbers(tiers), shown: shown}
	switch all[0].scope {
	case ingest.ScopeObject:
		hexed := make([]string, len(texts))
		for i, t := range texts {
			hexed[i] = fmt.Sprintf("%x", t)
		}
		c.posts, c.keys = "object", "arrayMap(x -> toFixedString(unhex(x), 16), "+literals(hexed)+")"
	case ingest.ScopeActor:
		c.posts, c.authors, c.keys = "actor", "id", numbers(actors)
	default:
		c.posts, c.authors, c.keys = "domain", "domain", literals(texts)
	}
	return c
}

// rows selects the newest versions that are covered, with what covers them as
// seq_now and tier_now.
func (c cover) rows(table, column string) string {
	at := "indexOf(" + c.keys + ", " + column + ")"
	return `(SELECT *, arrayElement(` + c.seqs + `, ` + at + `) AS seq_now, toUInt8(arrayElement(` + c.tiers + `, ` + at + `)) AS tier_now
FROM ` + table + ` FINAL WHERE ` + column + ` IN ` + c.keys + ` AND seq < seq_now AND tier > tier_now)`
}

func tierLiteral(t ingest.Tier) string { return strconv.Itoa(int(t)) }

var (
	live  = tierLiteral(ingest.TierLive)
	stats = tierLiteral(ingest.TierStats)
)

func (c cover) hidePosts() string {
	return `INSERT INTO posts (` + postColumns + `)
SELECT id, seq_now, tier_now < ` + stats + `, tier_now, object, actor, domain,
  if(tier_now < ` + stats + `, 0, local), if(tier_now < ` + stats + `, 0, media), if(tier_now < ` + stats + `, '', language),
  arrived, if(tier_now < ` + stats + `, arrived, published), if(tier_now < ` + stats + `, [], tags), '', ''
FROM ` + c.rows("posts", c.posts)
}

// hideRecords keeps the record of what is still shown, which only records has.
func (c cover) hideRecords() string {
	covered := c.rows("posts", c.posts)
	if !c.shown {
		return `INSERT INTO records (` + recordColumns + `)
SELECT id, seq_now, tier_now < ` + stats + `, tier_now, arrived, '' FROM ` + covered
	}
	return `INSERT INTO records (` + recordColumns + `)
SELECT r.id, c.seq_now, c.tier_now < ` + stats + `, c.tier_now, r.arrived, if(c.tier_now < ` + live + `, '', r.record)
FROM (SELECT * FROM records FINAL WHERE id IN (SELECT id FROM ` + covered + `)) AS r
INNER JOIN ` + covered + ` AS c ON r.id = c.id WHERE r.seq < c.seq_now`
}

func (c cover) hideAuthors() string {
	return `INSERT INTO authors (` + authorColumns + `)
SELECT id, seq_now, tier_now < ` + live + `, tier_now, if(tier_now < ` + live + `, '', domain), if(tier_now < ` + live + `, '', username),
  '', if(tier_now < ` + live + `, '', author)
FROM ` + c.rows("authors", c.authors)
}

// covered tells latest and fresh which posts get another version, and returns the hours whose counts change.
func (x *Index) covered(ctx context.Context, c cover) ([]time.Time, error) {
	ctx, cancel := writing(ctx)
	defer cancel()
	rows, err := x.conn.Query(ctx, `SELECT id, seq_now, tier_now, tier_now < `+stats+` AND notEmpty(tags) FROM `+c.rows("posts", c.posts))
	if err != nil {
		return nil, fmt.Errorf("index: withdrawn posts: %w", err)
	}
	defer rows.Close() //nolint:errcheck // its error is that of Err
	hours := map[time.Time]struct{}{}
	for rows.Next() {
		var (
			v       later
			tier    uint8
			counted uint8
		)
		if err := rows.Scan(&v.id, &v.seq, &tier, &counted); err != nil {
			return nil, fmt.Errorf("index: withdrawn posts: %w", err)
		}
		x.latest.add(v)
		x.fresh.Hide(v.id, v.seq, ingest.Tier(tier))
		if counted == 1 {
			hours[hourOf(v.id)] = struct{}{}
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("index: withdrawn posts: %w", err)
	}
	return keys(hours), nil
}
