package model

import (
	"slices"
	"strings"
)

// Shown is a post as it must stand somewhere.
type Shown struct {
	URI  string
	Mark string
}

// Timeline is what a timeline must hold: all of the tag's, or of everybody's when tag is
// empty.
func (m *Model) Timeline(tag string) []Shown {
	return m.shown(Live, func(p Post) bool { return tag == "" || slices.Contains(p.Tags, strings.ToLower(tag)) })
}

// Found is what the search for a word must find.
func (m *Model) Found(word string) []Shown {
	return m.shown(Search, func(p Post) bool { return p.Rare == word })
}

// Posts are the URIs of everything that was ever taken, and whether it is shown now.
func (m *Model) Posts() map[string]bool {
	all := map[string]bool{}
	for uri, o := range m.objects {
		all[uri] = o.tier >= Live
	}
	return all
}

// Words are the words that some post was written with, to be searched for.
func (m *Model) Words() []string {
	return m.collect(func(p Post) []string { return []string{p.Rare} })
}

// Tags are the tags that some post has.
func (m *Model) Tags() []string {
	return m.collect(func(p Post) []string { return p.Tags })
}

func (m *Model) collect(of func(Post) []string) []string {
	var all []string
	for _, o := range m.objects {
		for _, v := range o.versions {
			all = append(all, of(v.Post)...)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return s == "" })
}

func (m *Model) shown(tier Tier, is func(Post) bool) []Shown {
	var all []Shown
	for uri, o := range m.objects {
		if o.tier >= tier && is(o.last().Post) {
			all = append(all, Shown{URI: uri, Mark: o.last().Mark})
		}
	}
	slices.SortFunc(all, func(a, b Shown) int { return strings.Compare(a.URI, b.URI) })
	return all
}

// Tally says how many posts the model has seen by their tier, for a test that must not pass
// because nothing happened.
func (m *Model) Tally() map[Tier]int {
	tally := map[Tier]int{}
	for _, o := range m.objects {
		tally[o.tier]++
	}
	return tally
}
