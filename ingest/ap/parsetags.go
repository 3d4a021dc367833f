package ap

import (
	"slices"
	"strings"
)

// tags reads the tag field of a post: hashtags, mentions, emojis, and links to
// objects (FEP-e232), of which one may be the quoted post.
func (d *document) tags(obj ref, p *Post) {
	n := 0
	for v := range d.items(d.get(obj, "tag")) {
		if n++; n > maxTagEntries {
			return
		}
		typ, _ := d.typeOf(v)
		switch typ {
		case "Hashtag":
			p.Tags = addTag(p.Tags, d.text(d.get(v, "name"), maxTagInput))
		case "Mention":
			if u := d.uri(d.get(v, "href")); u != "" && len(p.Mentions) < maxMentions {
				p.Mentions = append(p.Mentions, Mention{URI: u, Name: d.line(d.get(v, "name"), maxLabel)})
			}
		case "Emoji":
			p.Emojis = d.emoji(v, p.Emojis)
		case "Link":
			if p.Quote == "" && d.quoteLink(v) {
				p.Quote = d.uri(d.get(v, "href"))
			}
		}
	}
}

func addTag(tags []string, name string) []string {
	t := FoldTag(name)
	if t == "" || len(tags) == maxHashtags || slices.Contains(tags, t) {
		return tags
	}
	return append(tags, t)
}

// emoji adds a custom emoji. Its id may be null (Akkoma), its icon an Image, a
// Link or a URI.
func (d *document) emoji(v ref, emojis []Emoji) []Emoji {
	code := strings.Trim(d.line(d.get(v, "name"), maxLabel), ":")
	if !shortcode(code) || len(emojis) == maxEmojis {
		return emojis
	}
	for _, e := range emojis {
		if e.Shortcode == code {
			return emojis
		}
	}
	u, _ := d.picture(d.get(v, "icon"))
	if u == "" {
		return emojis
	}
	return append(emojis, Emoji{Shortcode: code, URL: u})
}

// shortcode reports whether s may be an emoji's name: what clients replace in
// text must not reach into markup.
func shortcode(s string) bool {
	for i := range len(s) {
		if c := s[i]; !classByte(c) && c != '+' && c != '.' && c != '@' {
			return false
		}
	}
	return s != "" && len(s) <= maxType*2
}

// quoteLink reports whether a Link tag is a link to an object, and so a quote
// as Misskey's forks and Hollo write it.
func (d *document) quoteLink(v ref) bool {
	switch media := d.mediaType(v); {
	case media == "application/activity+json":
	case media == "application/ld+json":
	default:
		return false
	}
	rel := d.get(v, "rel")
	if rel == 0 {
		return true
	}
	for e := range d.items(rel) {
		if strings.HasSuffix(d.text(e, maxURI), "_misskey_quote") {
			return true
		}
	}
	return false
}

// mediaType is the type of a Link or a Document, without parameters, "" when it
// is none.
func (d *document) mediaType(v ref) string {
	s, _, _ := strings.Cut(d.line(d.get(v, "mediaType"), maxLabel), ";")
	s = strings.ToLower(strings.TrimSpace(s))
	slashes := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '/':
			slashes++
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '+' || c == '-' || c == '_':
		default:
			return ""
		}
	}
	if slashes != 1 {
		return ""
	}
	return s
}
