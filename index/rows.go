package index

import (
	"iter"
	"slices"
	"time"

	"tributary/index/language"
	"tributary/index/status"
	"tributary/ingest"
	"tributary/ingest/ap"
)

// idTimeShift is where an id's milliseconds begin (ingest.IDTime).
const idTimeShift = 20

// idSeqMask is what an id holds of the seq of a post's first record.
const idSeqMask = 1<<19 - 1

// firstID is the lowest id of posts that arrived at t or later.
func firstID(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) << idTimeShift }

// hourOf is the hour that a post's rollup stands under.
func hourOf(id uint64) time.Time { return ingest.IDTime(id).Truncate(time.Hour) }

// postRows are rows of the tables posts and records by column: what the driver sends fastest.
type postRows struct {
	id, seq            []uint64
	deleted, tier      []uint8
	object             []string
	actor              []uint64
	domain             []string
	local, media       []uint8
	language           []string
	arrived, published []time.Time
	tags               [][]string
	words, ngrams      []string
	record             []string
}

// grow makes room for n rows more.
func (p *postRows) grow(n int) {
	p.id, p.seq, p.deleted, p.tier = slices.Grow(p.id, n), slices.Grow(p.seq, n), slices.Grow(p.deleted, n), slices.Grow(p.tier, n)
	p.object, p.actor, p.domain = slices.Grow(p.object, n), slices.Grow(p.actor, n), slices.Grow(p.domain, n)
	p.local, p.media, p.language = slices.Grow(p.local, n), slices.Grow(p.media, n), slices.Grow(p.language, n)
	p.arrived, p.published = slices.Grow(p.arrived, n), slices.Grow(p.published, n)
	p.tags, p.words, p.ngrams, p.record = slices.Grow(p.tags, n), slices.Grow(p.words, n), slices.Grow(p.ngrams, n), slices.Grow(p.record, n)
}

// columns in the order of postColumns.
func (p *postRows) columns() []any {
	return []any{
		p.id, p.seq, p.deleted, p.tier, p.object, p.actor, p.domain, p.local, p.media, p.language,
		p.arrived, p.published, p.tags, p.words, p.ngrams,
	}
}

// records are the columns in the order of recordColumns.
func (p *postRows) records() []any {
	return []any{p.id, p.seq, p.deleted, p.tier, p.arrived, p.record}
}

// cut returns the rows from lo to hi.
func (p *postRows) cut(lo, hi int) *postRows {
	return &postRows{
		id: p.id[lo:hi], seq: p.seq[lo:hi], deleted: p.deleted[lo:hi], tier: p.tier[lo:hi], object: p.object[lo:hi],
		actor: p.actor[lo:hi], domain: p.domain[lo:hi], local: p.local[lo:hi], media: p.media[lo:hi],
		language: p.language[lo:hi], arrived: p.arrived[lo:hi], published: p.published[lo:hi], tags: p.tags[lo:hi],
		words: p.words[lo:hi], ngrams: p.ngrams[lo:hi], record: p.record[lo:hi],
	}
}

// pieces are the rows, some at a time.
func (p *postRows) pieces(most int) iter.Seq[*postRows] {
	return func(yield func(*postRows) bool) {
		for lo, n := 0, len(p.id); lo < n; lo += most {
			if !yield(p.cut(lo, min(lo+most, n))) {
				return
			}
		}
	}
}

const (
	postColumns   = `id, seq, deleted, tier, object, actor, domain, local, media, language, arrived, published, tags, words, ngrams`
	recordColumns = `id, seq, deleted, tier, arrived, record`
)

// add makes the row of a record about a post. Of a post that may only be
// counted, its tags are kept; of one that may not be counted, nothing.
func (p *postRows) add(r *ingest.Record, tier ingest.Tier) error {
	if r.Kind == ingest.KindDelete || r.Post == nil {
		tier = ingest.TierNone
	}
	key := ingest.HashOf(r.Object)
	row := struct {
		record, words, ngrams string
		tags                  []string
		published             time.Time
		language              string
		media, local          bool
	}{published: r.Time}
	if tier >= ingest.TierStats {
		row.tags, row.language, row.published = r.Post.Tags, language.Of(r.Post.Language, r.Post.Text), clampPublished(r.Post.Published, r.Time)
		row.media, row.local = len(r.Post.Attachments) > 0, r.Grant == ingest.GrantHosted
	}
	if tier >= ingest.TierLive {
		bytes, err := encodePost(r)
		if err != nil {
			return err
		}
		row.record = bytes
	}
	if tier >= ingest.TierSearch {
		row.words = wordsOf(r.Post)
		if unspaced(row.words) {
			row.ngrams = row.words
		}
	}
	p.id, p.seq = append(p.id, r.ID), append(p.seq, r.Seq)
	p.deleted, p.tier = append(p.deleted, asFlag(tier < ingest.TierStats)), append(p.tier, uint8(tier))
	p.object, p.actor = append(p.object, string(key[:])), append(p.actor, status.AccountID(r.Actor))
	p.domain, p.language = append(p.domain, r.Domain), append(p.language, row.language)
	p.local, p.media = append(p.local, asFlag(row.local)), append(p.media, asFlag(row.media))
	p.arrived, p.published = append(p.arrived, r.Time), append(p.published, row.published)
	p.tags, p.words, p.ngrams = append(p.tags, row.tags), append(p.words, row.words), append(p.ngrams, row.ngrams)
	p.record = append(p.record, row.record)
	return nil
}

// encodePost is the record without what only lanes need.
func encodePost(r *ingest.Record) (string, error) {
	slim := *r
	slim.Raw, slim.Owner, slim.Giver = nil, nil, ""
	b, err := ingest.Encode(&slim)
	return string(b), err
}

// clampPublished brings a stranger's date into what the column holds and what
// can be true. It decides nothing: neither order, nor place, nor version.
func clampPublished(t, arrived time.Time) time.Time {
	switch {
	case t.IsZero() || t.After(arrived):
		return arrived
	case t.Before(time.Unix(0, 0)):
		return time.Unix(0, 0).UTC()
	}
	return t
}

func asFlag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// authorRows are rows of the table authors by column.
type authorRows struct {
	id, seq       []uint64
	deleted, tier []uint8
	domain        []string
	username      []string
	words, author []string
}

func (a *authorRows) columns() []any {
	return []any{a.id, a.seq, a.deleted, a.tier, a.domain, a.username, a.words, a.author}
}

const authorColumns = `id, seq, deleted, tier, domain, username, words, author`

// add makes the row of an author's snapshot. Of one who is not to be shown,
// only the id is kept.
func (a *authorRows) add(r *ingest.Record, tier ingest.Tier, blob string) {
	if tier < ingest.TierLive {
		a.append(r, tier, "", "", "", "")
		return
	}
	var words string
	if tier >= ingest.TierSearch {
		words = foldWords(r.Author.Username, r.Author.Name, r.Domain)
	}
	a.append(r, tier, r.Domain, foldName(r.Author.Username), words, blob)
}

func (a *authorRows) append(r *ingest.Record, tier ingest.Tier, domain, username, words, blob string) {
	a.id, a.seq = append(a.id, status.AccountID(r.Actor)), append(a.seq, r.Seq)
	a.deleted, a.tier = append(a.deleted, asFlag(tier < ingest.TierLive)), append(a.tier, uint8(tier))
	a.domain, a.username = append(a.domain, domain), append(a.username, username)
	a.words, a.author = append(a.words, words), append(a.author, blob)
}

// encodeAuthor keeps an author as a record that holds nothing else.
func encodeAuthor(author *ap.Author, domain string) (string, error) {
	b, err := ingest.Encode(&ingest.Record{Actor: author.URI, Domain: domain, Author: author})
	return string(b), err
}
