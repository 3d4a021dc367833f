package ap

import (
	"path"
	"strings"
)

// attachments reads a post's media: its attachments; of a video, an audio or an
// image the files that it is; of an article or an event its picture.
func (d *document) attachments(obj ref, p *Post) {
	d.ownFiles(obj, p)
	n := 0
	for v := range d.items(d.get(obj, "attachment")) {
		if n++; n > maxTagEntries || len(p.Attachments) == maxAttachments {
			return
		}
		typ, _ := d.typeOf(v)
		m := d.media(v, typ)
		switch {
		case m.URL == "":
		case typ == "Link" && m.Type == "unknown": // Lemmy: the link that a post is about
			p.addLink(m.URL)
		case m.Type != "unknown" || typ == "Document":
			p.Attachments = append(p.Attachments, m)
		}
	}
	if len(p.Attachments) > 0 || p.Type == "Note" || p.Type == "Question" {
		return
	}
	for v := range d.items(d.get(obj, "image")) {
		if m := d.media(v, "Image"); m.URL != "" {
			p.Attachments = append(p.Attachments, m)
			return
		}
	}
}

// media reads an attachment. Its URL is "" when there is no file.
func (d *document) media(v ref, typ string) Media {
	if !d.isObject(v) {
		u := d.uri1(v)
		return Media{URL: u, Type: mediaKind("", typ, u)}
	}
	file, mediaType := d.file(d.first(v, "url", "href"))
	if own := d.mediaType(v); own != "" {
		mediaType = own
	}
	m := Media{
		URL:         file,
		MediaType:   mediaType,
		Type:        mediaKind(mediaType, typ, file),
		Description: d.line(d.first(v, "summary", "name"), maxAlt),
		Blurhash:    d.blurhash(d.get(v, "blurhash")),
		Width:       d.count(d.get(v, "width"), 1<<16),
		Height:      d.count(d.get(v, "height"), 1<<16),
	}
	m.FocusX, m.FocusY = d.focus(d.get(v, "focalPoint"))
	m.Preview, _ = d.picture(d.get(v, "icon"))
	return m
}

// file returns the first URI of a url field, and its media type if that says
// one.
func (d *document) file(v ref) (uri, mediaType string) {
	for e := range d.items(v) {
		if u := d.uri1(e); u != "" {
			return u, d.mediaType(e)
		}
	}
	return "", ""
}

// mediaKind names the kind of a file as Mastodon does: by its media type, else
// by the ActivityStreams type, else by its name.
func mediaKind(mediaType, typ, uri string) string {
	switch kind, _, _ := strings.Cut(mediaType, "/"); kind {
	case "image", "video", "audio":
		return kind
	case "":
	default:
		return "unknown"
	}
	switch typ {
	case "Image", "Video", "Audio":
		return strings.ToLower(typ)
	}
	name, _, _ := strings.Cut(uri, "?")
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".heic":
		return "image"
	case ".mp4", ".webm", ".mov", ".m4v":
		return "video"
	case ".mp3", ".ogg", ".oga", ".opus", ".flac", ".wav", ".m4a":
		return "audio"
	}
	return "unknown"
}

// ownFiles adds the file that a Video, Audio or Image is: PeerTube, Funkwhale
// and Pixelfed list several in url, PeerTube some of them inside the playlist's
// Link. The one closest to 720 lines is taken.
func (d *document) ownFiles(obj ref, p *Post) {
	kind := strings.ToLower(p.Type)
	if kind != "video" && kind != "audio" && kind != "image" {
		return
	}
	var best Media
	n := 0
	look := func(v ref) {
		if n++; n > maxTagEntries {
			return
		}
		m := d.media(v, "")
		if m.URL != "" && m.Type == kind && (best.URL == "" || offset(m.Height) < offset(best.Height)) {
			best = m
		}
	}
	for v := range d.items(d.get(obj, "url")) {
		if !d.isObject(v) {
			continue
		}
		look(v)
		for inner := range d.items(d.get(v, "tag")) {
			look(inner)
		}
	}
	if best.URL == "" {
		return
	}
	best.Description = d.line(d.get(obj, "name"), maxAlt)
	best.Preview, _ = d.picture(d.get(obj, "icon"))
	p.Attachments = append(p.Attachments, best)
}

// offset is how far a picture's height is from 720.
func offset(height int) int { return max(height-720, 720-height) }

// picture returns the widest of the pictures of an icon or image field: an
// Image, a Link, a URI, or several (PeerTube has an avatar in two sizes).
func (d *document) picture(v ref) (uri string, width int) {
	n := 0
	for e := range d.items(v) {
		if n++; n > maxAttachments {
			break
		}
		u, w := d.uri1(e), 0
		if d.isObject(e) {
			if u, _ = d.file(d.first(e, "url", "href")); u == "" {
				continue
			}
			w = d.count(d.get(e, "width"), 1<<16)
		}
		if u != "" && (uri == "" || w > width) {
			uri, width = u, w
		}
	}
	return uri, width
}

// blurhash returns a blurhash if it has the form of one (base 83).
func (d *document) blurhash(v ref) string {
	s := d.text(v, maxBlurhash+1)
	if len(s) < 6 || len(s) > maxBlurhash {
		return ""
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') &&
			!strings.ContainsRune("#$%*+,-.:;=?@[]^_{|}~", rune(c)) {
			return ""
		}
	}
	return s
}

// focus reads a focal point, −1 … 1 each way; the middle when there is none.
func (d *document) focus(v ref) (x, y float64) {
	var at [2]float64
	n := 0
	for e := range d.items(v) {
		f, ok := d.float(e)
		if !ok || n == len(at) {
			return 0, 0
		}
		at[n] = max(-1, min(1, f))
		n++
	}
	if n != len(at) {
		return 0, 0
	}
	return at[0], at[1]
}
