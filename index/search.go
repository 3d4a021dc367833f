package index

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tributary/index/fresh"
	"tributary/ingest"
)

// Search says which posts are searched for: those with all words of Text, newest first.
type Search struct {
	Page
	Text      string
	Offset    int    // matches to leave out; at most 1000
	AccountID uint64 // of this author only, unless 0
}

// Bounds of a search.
const (
	termsMost  = 16
	offsetMost = 1000
)

// SearchStatuses returns posts of tier search.
func (x *Index) SearchStatuses(ctx context.Context, s Search) ([]*ingest.Record, error) {
	defer x.metrics.query("search", time.Now())
	terms := searchTerms(s.Text)
	if len(terms) == 0 || s.Offset > offsetMost {
		return nil, nil
	}
	conditions := contains(terms) // of tier search: others have no words
	q := question{least: ingest.TierSearch, query: words(terms), agree: agree(terms)}
	if s.AccountID != 0 {
		conditions = append(conditions, "actor = "+number(s.AccountID))
		q.by(s.AccountID)
	}
	q.condition = all(conditions)
	found, err := x.skipping(ctx, q, s.Page, max(s.Offset, 0))
	if err != nil {
		return nil, fmt.Errorf("index: search: %w", err)
	}
	return found, nil
}

// skipping is page without the first matches.
func (x *Index) skipping(ctx context.Context, q question, p Page, offset int) ([]*ingest.Record, error) {
	limit := p.limit()
	for offset > 0 {
		p.Limit = min(offset, pageMax)
		found, err := x.page(ctx, q, p, 0)
		if err != nil || len(found) < p.Limit {
			return nil, err
		}
		offset -= len(found)
		if last := found[len(found)-1].ID; p.MinID != 0 {
			p.MinID = last
		} else {
			p.MaxID = last
		}
	}
	p.Limit = limit
	return x.page(ctx, q, p, 0)
}

// searchTerms are the words of a query.
func searchTerms(text string) []string {
	terms := strings.Fields(foldWords(cut(text, 1<<10)))
	slices.Sort(terms)
	terms = slices.Compact(terms)
	return terms[:min(len(terms), termsMost)]
}

// contains is the condition that a post has all terms: as words, or, as soon as
// one is in a script without spaces, anywhere in posts that have such a script.
func contains(terms []string) []string {
	if !slices.ContainsFunc(terms, unspaced) {
		return []string{"hasAllTokens(words, " + literals(terms) + ")"}
	}
	conditions := make([]string, len(terms))
	for i, t := range terms {
		conditions[i] = "ngrams LIKE " + literal("%"+t+"%") // words hold neither % nor _
	}
	return conditions
}

// words is contains for index/fresh, which may find more (agree); nil where it cannot know.
func words(terms []string) *fresh.Query {
	q, pairs := &fresh.Query{Shown: atLeast(ingest.TierSearch)}, slices.ContainsFunc(terms, unspaced)
	for _, t := range terms {
		switch {
		case !pairs:
			q.All = append(q.All, fresh.Word(t))
		case utf8.RuneCountInString(t) < 2:
			return nil
		default:
			q.All = fresh.AppendPairs(q.All, t)
		}
	}
	return q
}

// agree is contains for a record of which words says that it may have the terms; nil where words is sure.
func agree(terms []string) func(*ingest.Record) bool {
	if !slices.ContainsFunc(terms, unspaced) {
		return nil
	}
	return func(r *ingest.Record) bool {
		text := wordsOf(r.Post)
		return !slices.ContainsFunc(terms, func(t string) bool { return !strings.Contains(text, t) })
	}
}
