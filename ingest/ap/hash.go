package ap

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"
)

// Hash is the first 64 bits of SHA-256 over what an edit can change, so that two
// edits of one moment differ and the same edit, told twice, does not. The dates
// of the post are left out (they are the record's version), and so are the
// tallies of a poll: they change with every vote, but are no edit; that the poll
// was closed is part of it, so the last tallies pass.
//
// The order of fields is fixed; a new field goes to the end.
func (p *Post) Hash() uint64 {
	b := make(hashed, 0, 512+len(p.Content)+len(p.Text))
	b.text(p.URI, p.Type, p.URL, p.InReplyTo, p.Title, p.Summary, p.Content, p.Language, p.Quote, p.Context)
	b.number(uint64(p.Visibility))
	b.bool(p.Sensitive, p.OptOut)
	b.list(p.Tags)
	b.number(uint64(len(p.Mentions)))
	for _, m := range p.Mentions {
		b.text(m.URI, m.Name)
	}
	b.list(p.Links)
	b.number(uint64(len(p.Attachments)))
	for _, m := range p.Attachments {
		b.text(m.URL, m.MediaType, m.Type, m.Description, m.Blurhash, m.Preview)
		b.number(uint64(m.Width), uint64(m.Height), math.Float64bits(m.FocusX), math.Float64bits(m.FocusY))
	}
	b.number(uint64(len(p.Emojis)))
	for _, e := range p.Emojis {
		b.text(e.Shortcode, e.URL)
	}
	b.bool(p.Poll != nil)
	if p.Poll != nil {
		b.bool(p.Poll.Multiple)
		b.time(p.Poll.Ends, p.Poll.Closed)
		b.number(uint64(len(p.Poll.Options)))
		for _, o := range p.Poll.Options {
			b.text(o.Title)
		}
	}
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:8])
}

// hashed is what is hashed: each text with its length before it.
type hashed []byte

func (b *hashed) number(ns ...uint64) {
	for _, n := range ns {
		*b = binary.BigEndian.AppendUint64(*b, n)
	}
}

func (b *hashed) text(ss ...string) {
	for _, s := range ss {
		b.number(uint64(len(s)))
		*b = append(*b, s...)
	}
}

func (b *hashed) list(ss []string) {
	b.number(uint64(len(ss)))
	b.text(ss...)
}

func (b *hashed) bool(vs ...bool) {
	for _, v := range vs {
		var n uint64
		if v {
			n = 1
		}
		b.number(n)
	}
}

func (b *hashed) time(ts ...time.Time) {
	for _, t := range ts {
		b.number(uint64(t.UnixMilli()))
	}
}
