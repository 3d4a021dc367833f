package fresh

import (
	"hash/maphash"
	"strings"

	"tributary/ingest"
	"tributary/ingest/ap"
)

// Term is something that a post has or has not. That two are taken for one happens once in some 10¹⁴
// posts, and nobody outside can bring it about.
type Term uint64

var seed = maphash.MakeSeed()

// Kinds of terms, so that a word and a hashtag differ: any numbers do.
const (
	ofWord Term = iota + 1
	ofTag
	ofDomain
	ofLanguage
	ofActor
	ofPair
	Local // written by an account hosted here
	Media // has attachments
)

// Word is that a post has the word, folded.
func Word(s string) Term { return ofWord ^ Term(maphash.String(seed, s)) }

// Tag is that it has the hashtag, folded.
func Tag(s string) Term { return ofTag ^ Term(maphash.String(seed, s)) }

// Domain is that it is of the server.
func Domain(s string) Term { return ofDomain ^ Term(maphash.String(seed, s)) }

// Language is that it is in the language, or a kind of it.
func Language(s string) Term { return ofLanguage ^ Term(maphash.String(seed, s)) }

// Actor is that the author has the id.
func Actor(id uint64) Term { return ofActor ^ Term(maphash.Comparable(seed, id)) }

// AppendWords appends the words of text, between which is one space.
func AppendWords(terms []Term, text string) []Term {
	for word := range strings.SplitSeq(text, " ") {
		if word != "" {
			terms = append(terms, Word(word))
		}
	}
	return terms
}

// AppendPairs appends the pairs of characters in the words of text: what has a word of a script without spaces in it
// has all pairs of it.
func AppendPairs(terms []Term, text string) []Term {
	last := ' '
	for _, r := range text {
		if last != ' ' && r != ' ' {
			terms = append(terms, ofPair^Term(maphash.Comparable(seed, uint64(last)<<32|uint64(r))))
		}
		last = r
	}
	return terms
}

// AppendLanguages appends the language and what it is a kind of.
func AppendLanguages(terms []Term, language string) []Term {
	for kind := range ap.LanguageKinds(language) {
		terms = append(terms, Language(kind))
	}
	return terms
}

// Query says which posts are asked for.
type Query struct {
	All   []Term
	Any   [][]Term // of each group one at least
	None  []Term
	Shown func(id uint64, tier ingest.Tier) bool // never below tier live
}

// Hit is a version of a post.
type Hit struct{ ID, Seq uint64 }
