package index

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
	if s.AccountID != 0 {
		conditions = append(conditions, "actor = "+number(s.AccountID))
	}
	found, err := x.skipping(ctx, all(conditions), s.Page, max(s.Offset, 0))
	if err != nil {
		return nil, fmt.Errorf("index: search: %w", err)
	}
	return found, nil
}

// skipping is page without the first matches.
func (x *Index) skipping(ctx context.Context, condition string, p Page, offset int) ([]*ingest.Record, error) {
	limit := p.limit()
	for offset > 0 {
		p.Limit = min(offset, pageMax)
		found, err := x.page(ctx, condition, ingest.TierSearch, p, 0)
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
	return x.page(ctx, condition, ingest.TierSearch, p, 0)
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
