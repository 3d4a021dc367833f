package api

import (
	"math"
	"time"

	"tributary/index"
	"tributary/index/status"
	"tributary/ingest"
	"tributary/ingest/ap"
)

// fence leaves out what the index should not have given: what is below the tier
// of the surface, and what is no post.
func (a *API) fence(records []*ingest.Record, tier ingest.Tier) []*ingest.Record {
	kept := records[:0]
	for _, r := range records {
		if a.visible(r, tier) {
			kept = append(kept, r)
		}
	}
	return kept
}

func (a *API) visible(r *ingest.Record, tier ingest.Tier) bool {
	if r.Tier >= tier && r.Post != nil {
		return true
	}
	a.log.Error("the index gave what must not be shown", "object", r.Object, "tier", r.Tier, "want", tier)
	return false
}

// statuses appends a list of Statuses.
func (a *API) statuses(b []byte, records []*ingest.Record) []byte {
	return list(b, records, func(b []byte, r *ingest.Record) []byte { return a.render.AppendJSON(b, r) })
}

// entity is the Account of an author with its counts.
func (a *API) entity(acc *index.Account) status.Account {
	e := a.render.Account(&acc.Author, "")
	e.StatusesCount = int(min(acc.Statuses, math.MaxInt32))
	if !acc.LastStatus.IsZero() {
		day := acc.LastStatus.UTC().Format(time.DateOnly)
		e.LastStatusAt = &day
	}
	return e
}

// entities are the Accounts of authors whose counts are not known.
func (a *API) entities(authors []*ap.Author) []status.Account {
	list := make([]status.Account, len(authors))
	for i, author := range authors {
		list[i] = a.render.Account(author, "")
	}
	return list
}

func accounts(b []byte, in []status.Account) []byte {
	return list(b, in, func(b []byte, e status.Account) []byte { return e.AppendJSON(b) })
}

// list appends a JSON array.
func list[T any](b []byte, in []T, item func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, v := range in {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(b, v)
	}
	return append(b, ']')
}
