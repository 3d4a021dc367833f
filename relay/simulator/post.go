package simulator

import (
	"strconv"
	"strings"
	"time"

	"tributary/relay/simulator/model"
)

// Post is what an account writes.
type Post struct {
	Author    string         // account name
	Content   string         // HTML; written from the seed when empty
	Language  string         // "en" when empty
	Tags      []string       // hashtags without '#'
	Unlisted  bool           // Public in cc instead of to: as Audience model.Unlisted
	Audience  model.Audience // Public when zero
	Unsigned  bool           // no LD signature: a relay has to announce it
	Warning   string         // content warning, plain text
	Title     string         // where the software's posts have one
	InReplyTo string         // object URI
	Mentions  []string       // actor URIs
	Links     []string       // targets
	Images    int            // attachments
	Options   []string       // of a poll: then it is a Question
	Declines  bool           // it asks by itself not to be indexed (FEP-268d)
	Rare      string         // a word for searches
	Age       time.Duration  // it says that it was written so long ago
}

type post struct {
	Post
	uri       string
	path      string
	author    *account
	mark      string // a word that only this version has
	published time.Time
	updated   time.Time // zero: never edited
	deleted   bool
}

// write stores a new post.
func (s *site) write(p Post) (*post, error) {
	author, err := s.account(p.Author)
	if err != nil {
		return nil, err
	}
	if p.Language == "" {
		p.Language = "en"
	}
	if p.Unlisted {
		p.Audience = model.Unlisted
	}
	n := s.number()
	path := s.software.object(author.path, author.Name, n)
	written := &post{
		Post: p, uri: s.base + path, path: path, author: author, published: s.now().Add(-p.Age),
		mark: s.mark(n),
	}
	if p.Content == "" {
		written.Content = s.content(written)
	}
	s.remember(written)
	return written, nil
}

// content is the HTML of a post, from the seed.
func (s *site) content(p *post) string {
	text := writingOf(p.Language).paragraph(s.rng)
	if p.Rare != "" {
		text += " " + p.Rare
	}
	text += " " + p.mark
	if s.software.words == wordsMarkdown {
		return text
	}
	return markup(s.base, text, &p.Post, nameOf)
}

// nameOf is how people call the actor of a URI.
func nameOf(uri string) (name, url string) {
	return strings.TrimPrefix(tail(uri), "@"), uri
}

// mark is a word that nobody else writes: it begins as no word does, and is long.
func (s *site) mark(n uint64) string {
	return "qx" + pad(strconv.FormatUint(mix(n^s.salt)>>14, 36), 10)
}

// version is when the post says that it was last written.
func (p *post) version() time.Time {
	if p.author.site.software.updated && !p.updated.IsZero() {
		return p.updated
	}
	return p.published
}

// meaning is the post in the model's words.
func (p *post) meaning() model.Post {
	tags := make([]string, len(p.Tags))
	for i, tag := range p.Tags {
		tags[i] = strings.ToLower(tag)
	}
	return model.Post{
		URI: p.uri, Author: p.author.uri, Audience: p.Audience, Declines: p.Declines, Version: p.version().Truncate(time.Second),
		Mark: p.mark, Rare: p.Rare, Tags: tags,
	}
}

// audience is to and cc of the post.
func (p *post) audience() (to, cc []string) {
	everybody, followers := p.author.site.software.public, p.author.followers()
	switch p.Audience {
	case model.Public:
		to = []string{everybody}
		if followers != "" {
			cc = []string{followers}
		}
	case model.Unlisted:
		to, cc = []string{followers}, []string{everybody}
	case model.Followers:
		to = []string{followers}
	case model.Direct:
		to = []string{p.author.site.base + "/users/nobody"}
	}
	return to, append(cc, p.Mentions...)
}

// recipients writes to and cc; a software may write a single one without its array.
func (w *software) recipients(d *document, to, cc []string) {
	for _, of := range []struct {
		name string
		uris []string
	}{{"to", to}, {"cc", cc}} {
		if w.scalar && len(of.uris) == 1 {
			d.str(of.name, of.uris[0])
		} else if len(of.uris) > 0 || !w.scalar {
			d.strings(of.name, of.uris...)
		}
	}
}

// members are the post as its server's software writes it, under the id it claims.
func (p *post) members(d *document, id string) {
	w := p.author.site.software
	d.str("id", id)
	d.str("type", p.kind())
	p.words(d)
	if p.InReplyTo != "" {
		d.str("inReplyTo", p.InReplyTo)
	} else if !w.scalar {
		d.raw("inReplyTo", "null")
	}
	d.time("published", p.published, w.date)
	if !p.updated.IsZero() && w.updated {
		d.time("updated", p.updated, w.date)
	}
	d.str("url", w.page(p.author.site.base, p.author.Name, p.path))
	p.attribution(d)
	to, cc := p.audience()
	w.recipients(d, to, cc)
	d.flag("sensitive", p.Warning != "")
	if p.Declines {
		d.strings("searchableBy", p.author.uri)
	}
	d.list("attachment", func() { p.images(d) })
	d.list("tag", func() { p.tags(d) })
	if len(p.Options) > 0 {
		p.poll(d)
	}
	p.peculiar(d)
}

func (p *post) kind() string {
	if len(p.Options) > 0 {
		return "Question"
	}
	return p.author.site.software.kind
}

func (p *post) attribution(d *document) {
	if p.author.site.software.kind != "Video" {
		d.str("attributedTo", p.author.uri)
		return
	}
	d.list("attributedTo", func() { // the account, and its channel
		for _, of := range []struct{ kind, uri string }{{"Person", p.author.uri}, {"Group", p.author.site.base + "/video-channels/" + p.author.Name}} {
			d.open()
			d.str("type", of.kind)
			d.str("id", of.uri)
			d.close()
		}
	})
}

// words are title, warning, text and language.
func (p *post) words(d *document) {
	w := p.author.site.software
	if w.words == wordsTitled || w.words == wordsMarkdown {
		title := p.Title
		if title == "" {
			title = "Nr. " + p.mark
		}
		d.str("name", title)
	}
	if p.Warning != "" {
		d.str("summary", p.Warning)
	} else if !w.scalar {
		d.raw("summary", "null")
	}
	if w.words != wordsMap {
		d.str("content", p.Content)
	}
	if w.words == wordsTwice || w.words == wordsMap {
		d.object("contentMap", func() { d.str(p.Language, p.Content) })
	}
	if w.words == wordsMarkdown {
		d.raw("mediaType", `"text/markdown"`)
	}
	if w.lang == langObject {
		d.object("language", func() { d.str("identifier", p.Language); d.str("name", p.Language) })
	}
}

func (p *post) tags(d *document) {
	for _, tag := range p.Tags {
		d.open()
		d.raw("type", `"Hashtag"`)
		d.str("name", "#"+tag)
		d.str("href", p.author.site.base+"/tags/"+tag)
		d.close()
	}
	for _, actor := range p.Mentions {
		name, _ := nameOf(actor)
		d.open()
		d.raw("type", `"Mention"`)
		d.str("href", actor)
		d.str("name", "@"+name)
		d.close()
	}
}

func (p *post) images(d *document) {
	for i := range p.Images {
		d.open()
		d.raw("type", `"Document"`)
		d.raw("mediaType", `"image/png"`)
		d.str("url", p.author.site.base+"/media/"+p.mark+strconv.Itoa(i)+".png")
		d.str("name", "🖼 "+p.mark)
		d.raw("blurhash", `"UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH"`)
		d.raw("width", "640")
		d.raw("height", "480")
		d.close()
	}
}

func (p *post) poll(d *document) {
	d.list("oneOf", func() {
		for i, option := range p.Options {
			d.open()
			d.raw("type", `"Note"`)
			d.str("name", option)
			d.object("replies", func() { d.raw("type", `"Collection"`); d.number("totalItems", i) })
			d.close()
		}
	})
	d.time("endTime", p.published.Add(24*time.Hour), dateSeconds)
}

// peculiar are members that one software has and nobody else.
func (p *post) peculiar(d *document) {
	switch p.author.site.software.name {
	case "mastodon":
		d.str("atomUri", p.uri)
		d.str("conversation", p.uri+"#conversation")
		d.object("replies", func() {
			d.str("id", p.uri+"/replies")
			d.raw("type", `"Collection"`)
			d.raw("first", `{"type":"CollectionPage","items":[]}`)
		})
	case "misskey", "sharkey":
		d.str("_misskey_content", p.mark)
	case "friendica":
		d.str("diaspora:guid", tail(p.path))
		d.object("source", func() { d.str("content", p.mark); d.raw("mediaType", `"text/bbcode"`) })
	case "pleroma", "akkoma":
		d.str("context", p.author.site.base+"/contexts/"+tail(p.path))
		d.object("source", func() { d.str("content", p.mark); d.raw("mediaType", `"text/markdown"`) })
	case "gotosocial":
		d.raw("interactionPolicy", `{"canLike":{"always":"https://www.w3.org/ns/activitystreams#Public","approvalRequired":[]}}`)
	case "lemmy":
		d.str("audience", p.author.site.base+"/c/main")
	case "peertube":
		d.str("uuid", tail(p.path))
		d.raw("duration", `"PT61S"`)
		d.number("views", 3)
	}
}

// document is the post as it is served, with a context of its own.
func (p *post) document(lie Lie) []byte {
	d := &document{}
	d.open()
	d.raw("@context", p.author.site.software.contextIn(p.Language))
	id := p.uri
	if lie == WrongID {
		id = victim + p.path
	}
	if p.deleted {
		tombstone(d, id)
	} else {
		p.members(d, id)
	}
	d.close()
	return d.b
}

// tombstone is what is left of a deleted post.
func tombstone(d *document, id string) {
	d.str("id", id)
	d.raw("type", `"Tombstone"`)
}

// contextIn is the software's context for a post in a language.
func (w *software) contextIn(language string) string {
	if w.lang == langContext {
		return strings.Replace(w.context, `"@language":"und"`, `"@language":"`+language+`"`, 1)
	}
	return w.context
}
