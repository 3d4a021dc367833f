package ap

import (
	"strings"
	"unicode"
)

// consent reads what an actor agreed to and what it declined. What is absent is
// not agreed to.
func (d *document) consent(obj ref, a *Author) {
	a.Discoverable = d.truth(d.get(obj, "discoverable"))
	a.Indexable = d.truth(d.get(obj, "indexable")) // FEP-5feb
	if everyone, any := d.searchableBy(obj); any {
		// FEP-268d takes precedence, but a plain no stays one.
		a.Indexable = everyone && (a.Indexable || d.get(obj, "indexable") == 0)
	}
	// Misskey: noindex, and notes that are not shown to strangers, or not when
	// they are older than a date or an age. Readers with a token are strangers
	// to the author's server too.
	for _, name := range []string{
		"noindex",
		"_misskey_requireSigninToViewContents",
		"_misskey_makeNotesFollowersOnlyBefore",
		"_misskey_makeNotesHiddenBefore",
	} {
		a.OptOut = a.OptOut || d.objection(d.get(obj, name))
	}
	a.OptOut = a.OptOut || d.robotsTag(obj) || d.selfLabelled(obj)
}

// declinesIndexing reports whether an object itself is not to be indexed.
func (d *document) declinesIndexing(obj ref) bool {
	everyone, any := d.searchableBy(obj)
	return any && !everyone || d.robotsTag(obj)
}

// searchableBy reads FEP-268d: who may search for an object or an actor's
// objects. An empty array says nothing; what is no URI ("as:Limited",
// kmyblue) is still someone else than everyone.
func (d *document) searchableBy(obj ref) (everyone, any bool) {
	for v := range d.items(d.get(obj, "searchableBy")) {
		any = true
		everyone = everyone || d.uri1(v) == PublicURI
	}
	return everyone, any
}

// robotsTag reads FEP-5e53: the X-Robots-Tag that an object would be served
// with, and Global Privacy Control.
func (d *document) robotsTag(obj ref) bool {
	for v := range d.items(d.get(obj, "xRobotsTag")) {
		for word := range strings.FieldsFuncSeq(strings.ToLower(d.text(v, maxLine)), notWord) {
			switch word {
			case "noindex", "none", "noarchive", "noai":
				return true
			}
		}
	}
	return d.objection(d.get(obj, "secGPC"))
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && r != '_' && r != '-' }

// selfLabelled looks for Bluesky's label "!no-unauthenticated" where bridges put
// it: labels (an array, or a record with values), or a tag.
func (d *document) selfLabelled(obj ref) bool {
	const label = "!no-unauthenticated"
	for _, field := range []ref{d.get(obj, "labels"), d.get(d.get(obj, "labels"), "values"), d.get(obj, "tag")} {
		n := 0
		for v := range d.items(field) {
			if n++; n > maxTagEntries {
				break
			}
			if d.isObject(v) {
				v = d.first(v, "val", "name")
			}
			if d.text(v, maxLabel) == label {
				return true
			}
		}
	}
	return false
}

// optOutTag reports whether text has one of the hashtags by which authors
// decline bots, search engines and archives. Text is that of HTML: Mastodon
// links them, so that "#" and the word are in different elements.
func optOutTag(text string) bool {
	for {
		i := strings.IndexAny(text, "#＃")
		if i < 0 {
			return false
		}
		text = strings.TrimLeft(text[i:], "#＃\u200b\u200c\u200d\u2060\ufeff")
		end := strings.IndexFunc(text, func(r rune) bool { return !tagRune(r) })
		if end < 0 {
			end = len(text)
		}
		if optOutName(FoldTag(text[:min(end, maxTag)])) {
			return true
		}
		text = text[end:]
	}
}

func optOutName(tag string) bool {
	switch tag {
	case "nobot", "nobots", "noindex", "nosearch", "noarchive":
		return true
	}
	return false
}
