package ap

import (
	"slices"
	"strings"
	"time"
)

// post reads a post. Its addressing is the activity's where it has none of its
// own, as in Mastodon.
func (d *document) post(obj ref, o *Object, parent *Activity) *Post {
	p := &Post{
		URI:       o.ID,
		Type:      o.Type,
		Published: d.date(d.get(obj, "published")),
		Updated:   d.date(d.get(obj, "updated")),
		InReplyTo: d.uri(d.get(obj, "inReplyTo")),
		Sensitive: d.truth(d.get(obj, "sensitive")),
		Context:   d.uri(d.first(obj, "context", "conversation")),
		OptOut:    d.declinesIndexing(obj),
	}
	if !p.Updated.After(p.Published) {
		p.Updated = time.Time{} // Friendica and PeerTube write it from the start
	}
	p.Visibility = d.addressing(obj, parent)
	p.Quote = d.quote(obj)
	d.tags(obj, p)
	p.URL = d.page(obj, p)
	d.words(obj, p)
	d.attachments(obj, p)
	p.Poll = d.poll(obj, p)
	return p
}

func (d *document) addressing(obj ref, parent *Activity) Visibility {
	var to, cc []string
	if parent != nil {
		to, cc = parent.To, parent.Cc
	}
	if v := d.get(obj, "to"); v != 0 {
		to = d.uris(v, maxAudience)
	}
	if v := d.get(obj, "cc"); v != 0 {
		cc = d.uris(v, maxAudience)
	}
	return visibility(to, cc)
}

// words reads what people wrote: title, summary, content and its language.
func (d *document) words(obj ref, p *Post) {
	content, contentLang := d.mapped(obj, "content", "contentMap", maxHTML)
	name, nameLang := d.mapped(obj, "name", "nameMap", maxLine)
	summary, summaryLang := d.mapped(obj, "summary", "summaryMap", maxSummary)
	p.Language = d.language(obj, contentLang, nameLang, summaryLang)

	if plainMedia(d.text(d.get(obj, "mediaType"), maxLabel)) {
		content = paragraphs(strings.ReplaceAll(content, "<", "&lt;"))
	}
	var anchors []anchor
	p.Content, p.Text, anchors = rewrite(content, maxHTML)
	for _, a := range anchors {
		if !a.tag {
			p.addLink(a.href)
		}
	}

	// Mastodon shows no title of a note; Lotide's notes have nothing else.
	if p.Type != "Note" || p.Content == "" {
		p.Title = strings.TrimSpace(name)
	}
	// In notes a summary is a content warning, and text; elsewhere it is HTML.
	if p.Type == "Note" || p.Type == "Question" {
		p.Summary = strings.TrimSpace(summary)
	} else {
		p.Summary = PlainText(summary)
	}
	if p.Summary == p.Title { // Lotide
		p.Summary = ""
	}
}

// plainMedia reports whether content of a media type is text to be shown as it
// is: PeerTube writes Markdown.
func plainMedia(mediaType string) bool {
	mediaType, _, _ = strings.Cut(mediaType, ";")
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case "text/markdown", "text/plain", "text/x.misskeymarkdown":
		return true
	}
	return false
}

// paragraphs makes HTML of text with line feeds.
func paragraphs(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return ""
	}
	s = strings.ReplaceAll(s, "\n\n", "</p><p>")
	return "<p>" + strings.ReplaceAll(s, "\n", "<br>") + "</p>"
}

// addLink adds a link's target unless it is there already, or is what the post
// mentions (Lemmy marks no mentions) or quotes (Misskey ends with a link).
func (p *Post) addLink(uri string) {
	mentioned := slices.ContainsFunc(p.Mentions, func(m Mention) bool { return m.URI == uri })
	if len(p.Links) < maxLinks && uri != p.Quote && !mentioned && !slices.Contains(p.Links, uri) {
		p.Links = append(p.Links, uri)
	}
}

// page is the post's page for people. A Page that points to another site is
// about that site (Lotide, Friendica): then it is a link, and the page is the
// post itself.
func (d *document) page(obj ref, p *Post) string {
	u := d.pageURL(d.get(obj, "url"))
	if u == "" {
		return p.URI
	}
	if p.Type == "Page" && !sameSite(u, p.URI) {
		p.addLink(u)
		return p.URI
	}
	return u
}

// pageURL picks the page out of a url field: a URI, a Link, or several Links of
// different media types (PeerTube).
func (d *document) pageURL(v ref) string {
	var first string
	for e := range d.items(v) {
		u := d.uri1(e)
		if u == "" {
			continue
		}
		switch media, _, _ := strings.Cut(d.mediaType(e), "/"); {
		case d.mediaType(e) == "text/html":
			return u
		case first == "" && (media == "" || media == "text"):
			first = u
		}
	}
	return first
}

// quote returns the post that obj quotes: FEP-044f, then the older forms of
// Fedibird, Misskey and Pleroma.
func (d *document) quote(obj ref) string {
	for _, name := range []string{"quote", "quoteUrl", "quoteUri", "quoteURL", "_misskey_quote"} {
		if u := d.uri(d.get(obj, name)); u != "" {
			return u
		}
	}
	return ""
}
