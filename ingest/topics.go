package ingest

import (
	"github.com/cespare/xxhash/v2"

	"tributary/ingest/ap"
)

// Topics says which hashtags and languages a post may have had: of those it had always, of others seldom. 0 is not
// known, and may be all. It tells what becomes of a post to those who wanted it for its topics, and to no others.
//
// It stands in the log and in the table objects: how it is made may not change.
type Topics uint64

// The lower bits are for hashtags, two for each, those above for languages.
const (
	tagBits      = 48
	languageBits = 64 - tagBits
	anyLanguage  = Topics(1<<languageBits-1) << tagBits
)

// topicsOf is what a post has; without a post, not known.
func topicsOf(p *ap.Post) (t Topics) {
	if p == nil {
		return 0
	}
	for _, tag := range p.Tags {
		t |= tagTopics(tag)
	}
	if p.Language == "" {
		return t | anyLanguage // who wants to know looks at the text
	}
	for kind := range ap.LanguageKinds(p.Language) {
		t |= languageTopics(kind)
	}
	return t
}

func tagTopics(tag string) Topics {
	h := xxhash.Sum64String(tag)
	return 1<<(h%tagBits) | 1<<(h>>32%tagBits)
}

func languageTopics(code string) Topics {
	return 1 << (tagBits + xxhash.Sum64String(code)%languageBits)
}

// with is what a post may have had by now, of which both are known.
func (t Topics) with(more Topics) Topics {
	if t == 0 || more == 0 {
		return 0
	}
	return t | more
}

// MayHaveTag reports whether the post may have had the hashtag (folded).
func (t Topics) MayHaveTag(tag string) bool {
	bits := tagTopics(tag)
	return t == 0 || t&bits == bits
}

// MayHaveLanguage reports whether the post may have been in the language, or a kind of it.
func (t Topics) MayHaveLanguage(code string) bool { return t == 0 || t&languageTopics(code) != 0 }
