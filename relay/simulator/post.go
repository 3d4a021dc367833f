package simulator

import (
	"fmt"
	"time"
)

const public = "https://www.w3.org/ns/activitystreams#Public"

// Post is what an account writes.
type Post struct {
	Author   string   // account name
	Content  string   // HTML; written from the seed when empty
	Language string   // "en" when empty
	Tags     []string // hashtags without '#'
	Unlisted bool     // Public in cc instead of to
	Unsigned bool     // no LD signature: a relay has to announce it
}

type post struct {
	Post
	uri       string
	author    *account
	published time.Time
	updated   time.Time // zero: never edited
	deleted   bool
}

// write stores a new post. s.mu is held.
func (s *Server) write(p Post) (*post, error) {
	author, err := s.account(p.Author)
	if err != nil {
		return nil, err
	}
	if p.Language == "" {
		p.Language = "en"
	}
	if p.Content == "" {
		p.Content = paragraph(s.rng, p.Tags)
	}
	written := &post{
		Post:      p,
		uri:       fmt.Sprintf("%s/statuses/%d", author.uri, s.number()),
		author:    author,
		published: s.now(),
	}
	s.posts[written.uri] = written
	return written, nil
}

// find is the post of a URI. s.mu is held.
func (s *Server) find(uri string) (*post, error) {
	p := s.posts[uri]
	if p == nil {
		return nil, fmt.Errorf("simulator: no post %s on %s", uri, s.addr)
	}
	return p, nil
}

// audience is to and cc of the post.
func (p *post) audience() (to, cc []string) {
	followers := p.author.uri + "/followers"
	if p.Unlisted {
		return []string{followers}, []string{public}
	}
	return []string{public}, []string{followers}
}

// document is the post as Mastodon writes it.
func (p *post) document() map[string]any {
	to, cc := p.audience()
	tags := make([]any, len(p.Tags))
	for i, tag := range p.Tags {
		tags[i] = map[string]any{"type": "Hashtag", "name": "#" + tag, "href": p.author.uri + "/tagged/" + tag}
	}
	document := map[string]any{
		"id":           p.uri,
		"type":         "Note",
		"summary":      nil,
		"inReplyTo":    nil,
		"published":    p.published.Format(time.RFC3339),
		"url":          p.uri + "/page",
		"attributedTo": p.author.uri,
		"to":           to,
		"cc":           cc,
		"sensitive":    false,
		"conversation": p.uri + "/conversation",
		"content":      p.Content,
		"contentMap":   map[string]any{p.Language: p.Content},
		"attachment":   []any{},
		"tag":          tags,
		"replies": map[string]any{
			"id":   p.uri + "/replies",
			"type": "Collection",
			"first": map[string]any{
				"type": "CollectionPage", "partOf": p.uri + "/replies", "next": p.uri + "/replies?only_other_accounts=true&page=true", "items": []any{},
			},
		},
	}
	if !p.updated.IsZero() {
		document["updated"] = p.updated.Format(time.RFC3339)
	}
	return document
}

// tombstone is what is left of a deleted post.
func (p *post) tombstone() map[string]any {
	return map[string]any{"id": p.uri, "type": "Tombstone"}
}

// postContext is the JSON-LD context of posts and activities about them.
func postContext() []any {
	return []any{
		"https://www.w3.org/ns/activitystreams",
		"https://w3id.org/security/v1",
		map[string]any{
			"ostatus":       "http://ostatus.org#",
			"conversation":  "ostatus:conversation",
			"sensitive":     "as:sensitive",
			"toot":          "http://joinmastodon.org/ns#",
			"votersCount":   "toot:votersCount",
			"Hashtag":       "as:Hashtag",
			"blurhash":      "toot:blurhash",
			"inReplyToAtom": "ostatus:inReplyToAtomUri",
		},
	}
}
