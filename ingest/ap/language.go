package ap

import (
	"iter"
	"strings"
)

// mapped returns the text of a field that may be written twice: plain, and as a
// map from languages to texts (ActivityStreams §4.7). The language is that of
// the plain text in the map, else the map's first, as in Mastodon. Where there
// is only a map, its first text is taken. The language is as the document
// writes it.
func (d *document) mapped(obj ref, field, mapField string, limit int) (text, lang string) {
	text = d.text(d.get(obj, field), limit)
	n := 0
	for key, v := range d.members(d.get(obj, mapField)) {
		if n++; n > maxLanguages {
			break
		}
		if !d.isString(v) {
			continue
		}
		if lang == "" {
			lang = key
		}
		if text == "" {
			if t := d.string1(v, limit); strings.TrimSpace(t) != "" {
				return t, key
			}
			continue
		}
		if int(d.nodes[v].end-d.nodes[v].start) >= len(text) && d.string1(v, limit) == text {
			return text, key
		}
	}
	return text, lang
}

// language is the language that a post declares: of its content's map, its
// name's or its summary's, its own language field (a tag, or PeerTube's and
// Lemmy's object with an identifier), the document's @language. What is no tag,
// and "und", say nothing.
func (d *document) language(obj ref, candidates ...string) string {
	for _, c := range candidates {
		if l := LanguageTag(c); l != "" {
			return l
		}
	}
	for _, name := range []string{"language", "inLanguage"} {
		for v := range d.items(d.get(obj, name)) {
			if d.isObject(v) {
				v = d.get(v, "identifier")
			}
			if l := LanguageTag(d.text(v, maxType)); l != "" {
				return l
			}
			break // several are those of a community, not of a post
		}
	}
	if l := LanguageTag(d.text(d.get(d.get(obj, "content"), "@language"), maxType)); l != "" {
		return l // JSON-LD's {"@value": …, "@language": "en"}
	}
	if l := d.contextLanguage(obj); l != "" {
		return l
	}
	return d.contextLanguage(root)
}

// contextLanguage is @language of obj's @context (Pleroma, Akkoma).
func (d *document) contextLanguage(obj ref) string {
	for c := range d.items(d.get(obj, "@context")) {
		if l := LanguageTag(d.text(d.get(c, "@language"), maxType)); l != "" {
			return l
		}
	}
	return ""
}

// LanguageTag returns a BCP 47 tag in lower case with hyphens, "" when s is
// none or says that the language is not known.
func LanguageTag(s string) string {
	if len(s) < 2 || len(s) > 35 {
		return ""
	}
	s = strings.ReplaceAll(strings.ToLower(s), "_", "-")
	first := true
	for part := range strings.SplitSeq(s, "-") {
		if len(part) == 0 || len(part) > 8 || first && (len(part) < 2 || len(part) > 3) {
			return ""
		}
		for i := range len(part) {
			c := part[i]
			if (c < 'a' || c > 'z') && (first || c < '0' || c > '9') {
				return ""
			}
		}
		first = false
	}
	switch primary, _, _ := strings.Cut(s, "-"); primary {
	case "und", "zxx", "mul", "mis":
		return ""
	}
	return s
}

// LanguageKinds are what a language is a kind of, and itself: of pt-br, pt and pt-br; of "" nothing.
func LanguageKinds(code string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range len(code) {
			if code[i] == '-' && !yield(code[:i]) {
				return
			}
		}
		if code != "" {
			yield(code)
		}
	}
}
