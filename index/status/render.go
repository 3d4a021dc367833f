package status

import (
	"html"
	"net/url"
	"strings"

	"tributary/ingest"
	"tributary/ingest/ap"
)

// Renderer renders for one server.
type Renderer struct {
	base string
}

// New returns a renderer. base is the server's public URL; the pages of hashtags
// (base/tags/…) and the stand-ins for missing pictures
// (base/avatars/original/missing.png) are below it.
func New(base string) Renderer { return Renderer{base: strings.TrimRight(base, "/")} }

// Render renders the post of a record. A record without a post (a delete, an
// actor's update) gives an empty Status of its author.
func (v Renderer) Render(r *ingest.Record) Status {
	post := r.Post
	if post == nil {
		post = &ap.Post{URI: r.Object}
	}
	s := Status{
		ID:               ID(r.ID),
		CreatedAt:        clampPast(post.Published, r.Time),
		Sensitive:        post.Sensitive,
		SpoilerText:      post.Summary,
		Visibility:       visibility(post.Visibility),
		URI:              post.URI,
		URL:              firstOf(post.URL, post.URI),
		Content:          content(post),
		Account:          v.author(r),
		MediaAttachments: media(post),
		Mentions:         mentions(post.Mentions),
		Tags:             v.tags(post.Tags),
		Emojis:           emojis(post.Emojis),
	}
	if post.Published.IsZero() {
		s.CreatedAt = clampTime(r.Time)
	}
	if post.Language != "" {
		s.Language = &post.Language
	}
	if !post.Updated.IsZero() {
		edited := clampPast(post.Updated, r.Time)
		s.EditedAt = &edited
	}
	s.Poll = poll(&s, post.Poll, r.Time)
	return s
}

// visibility names an ap.Visibility as Mastodon does.
func visibility(v ap.Visibility) string {
	switch v {
	case ap.Public:
		return "public"
	case ap.Unlisted:
		return "unlisted"
	case ap.Followers:
		return "private"
	}
	return "direct"
}

// content is the HTML of a post. Mastodon's Status has no title, so that of an
// Article, a Page or a Video becomes its first paragraph; without a content it
// links to the page, which is all that is left to show.
func content(p *ap.Post) string {
	if p.Title == "" {
		return p.Content
	}
	title := "<p><strong>" + html.EscapeString(p.Title) + "</strong></p>"
	if p.Content != "" {
		return title + p.Content
	}
	page := html.EscapeString(firstOf(p.URL, p.URI))
	return title + `<p><a href="` + page + `" rel="nofollow noopener" target="_blank">` + page + `</a></p>`
}

func (v Renderer) tags(names []string) []Tag {
	tags := make([]Tag, len(names))
	for i, name := range names {
		tags[i] = v.Tag(name)
	}
	return tags
}

// Tag renders a hashtag, folded and without "#".
func (v Renderer) Tag(name string) Tag {
	return Tag{Name: name, URL: v.base + "/tags/" + url.PathEscape(name)}
}

// mentions renders Mention tags. A name without a host ("@alice": Mastodon, of
// its own users) is completed by that of the URI.
func mentions(in []ap.Mention) []Mention {
	out := make([]Mention, len(in))
	for i, m := range in {
		user, host, _ := strings.Cut(strings.TrimPrefix(m.Name, "@"), "@")
		user = firstOf(username(user), userFromURI(m.URI))
		host = firstOf(hostname(host), hostOf(m.URI))
		out[i] = Mention{ID: ID(AccountID(m.URI)), Username: user, URL: m.URI, Acct: user + "@" + host}
	}
	return out
}

// firstOf is the first string that is not empty.
func firstOf(s ...string) string {
	for _, c := range s {
		if c != "" {
			return c
		}
	}
	return ""
}
