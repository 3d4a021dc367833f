package stream

import (
	"fmt"
	"slices"
	"strings"

	"tributary/ingest"
	"tributary/ingest/ap"
)

// filter chooses posts: one of the languages, and one of the tags, and one of
// the domains; an axis without values chooses all. The zero filter chooses
// everything.
type filter struct {
	languages []string // "pt" covers "pt-br", "und" what declares none
	tags      []string // folded as in ap.Post
	domains   []string // origin hosts, lower case
}

// maxFilterValues bounds an axis, as every post is compared with every value.
const maxFilterValues = 100

func (f *filter) add(axis string, values []string) *refusal {
	if len(values) > maxFilterValues {
		return invalid(fmt.Sprintf("more than %d values of %s", maxFilterValues, axis))
	}
	chosen := make([]string, len(values))
	for i, v := range values {
		if chosen[i] = normalize(axis, v); chosen[i] == "" {
			return invalid(fmt.Sprintf("%s %q cannot be meant", axis, clip(v)))
		}
	}
	switch axis {
	case "language":
		f.languages = chosen
	case "tag":
		f.tags = chosen
	case "domain":
		f.domains = chosen
	}
	return nil
}

// normalize brings a value into the form that records have, "" if there is none.
func normalize(axis, v string) string {
	const longest = 253 // of a host name (RFC 1035 §2.3.4); languages and tags are shorter
	if len(v) > longest {
		return ""
	}
	if axis == "tag" {
		return ap.FoldTag(v)
	}
	return strings.ToLower(v)
}

// match reports whether a client with the filter is to see the record. What
// takes something away passes unless its domain says that the client cannot
// have what it takes: a delete knows neither language nor tags.
func (f *filter) match(r *ingest.Record) bool {
	if r.Kind == ingest.KindWithdraw {
		return true
	}
	if len(f.domains) > 0 && r.Domain != "" && !slices.Contains(f.domains, r.Domain) {
		return false
	}
	if r.Post == nil || takesAway(r) {
		return true
	}
	return f.matchLanguage(r.Post.Language) && f.matchTags(r.Post.Tags)
}

func (f *filter) matchLanguage(language string) bool {
	if len(f.languages) == 0 {
		return true
	}
	if language == "" {
		language = "und"
	}
	primary, _, _ := strings.Cut(language, "-")
	return slices.Contains(f.languages, language) || slices.Contains(f.languages, primary)
}

func (f *filter) matchTags(tags []string) bool {
	if len(f.tags) == 0 {
		return true
	}
	return slices.ContainsFunc(tags, func(t string) bool { return slices.Contains(f.tags, t) })
}
