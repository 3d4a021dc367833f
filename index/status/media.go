package status

import (
	"math"
	"strconv"
	"time"

	"tributary/ingest/ap"
)

// media renders attachments in the author's order.
func media(p *ap.Post) []Media {
	out := make([]Media, len(p.Attachments))
	for i := range p.Attachments {
		m := &p.Attachments[i]
		out[i] = Media{
			ID: mediaID(p.URI, i, m.URL), Type: mediaType(m.Type),
			URL: m.URL, PreviewURL: m.URL, RemoteURL: m.URL, Meta: meta(m),
		}
		if m.Description != "" {
			out[i].Description = &m.Description
		}
		if m.Blurhash != "" {
			out[i].Blurhash = &m.Blurhash
		}
	}
	return out
}

// mediaType lets through what clients know.
func mediaType(t string) string {
	switch t {
	case "image", "video", "audio", "gifv":
		return t
	}
	return "unknown"
}

// maxPixels bounds a side; what claims more is not believed.
const maxPixels = 1 << 20

func meta(m *ap.Media) MediaMeta {
	var out MediaMeta
	if m.Width > 0 && m.Height > 0 && max(m.Width, m.Height) <= maxPixels {
		size := &Size{
			Width: m.Width, Height: m.Height,
			Size:   strconv.Itoa(m.Width) + "x" + strconv.Itoa(m.Height),
			Aspect: float64(m.Width) / float64(m.Height),
		}
		out.Original, out.Small = size, size
	}
	if m.FocusX != 0 || m.FocusY != 0 {
		out.Focus = &Focus{X: unit(m.FocusX), Y: unit(m.FocusY)}
	}
	return out
}

// unit clamps to −1 … 1; what is no number is 0.
func unit(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return max(-1, min(1, f))
}

func emojis(in []ap.Emoji) []Emoji {
	out := make([]Emoji, len(in))
	for i, e := range in {
		out[i] = Emoji{Shortcode: e.Shortcode, URL: e.URL, StaticURL: e.URL, VisibleInPicker: true}
	}
	return out
}

// poll renders a Question as it stood at arrival.
func poll(s *Status, p *ap.Poll, arrival time.Time) *Poll {
	if p == nil {
		return nil
	}
	out := &Poll{
		ID: s.ID, Multiple: p.Multiple, Expired: !p.Closed.IsZero(), Emojis: s.Emojis,
		Options: make([]PollOption, len(p.Options)),
	}
	for i, o := range p.Options {
		out.Options[i] = PollOption{Title: o.Title, VotesCount: count(o.Votes)}
		out.VotesCount = count(out.VotesCount + out.Options[i].VotesCount)
	}
	if p.Voters > 0 {
		voters := count(p.Voters)
		out.VotersCount = &voters
	}
	end := p.Ends
	if end.IsZero() {
		end = p.Closed
	}
	if !end.IsZero() {
		at := clampTime(end)
		out.ExpiresAt = &at
		out.Expired = out.Expired || !end.After(arrival)
	}
	return out
}

// count brings a stranger's count into the 32 bits that Kotlin clients parse.
func count(n int) int { return min(max(n, 0), math.MaxInt32) }
