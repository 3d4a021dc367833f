package simulator

import (
	"html"
	"math/rand/v2"
	"strings"
)

// paragraph is a few sentences in a language, without markup.
func (w *writing) paragraph(rng *rand.Rand) string {
	var b strings.Builder
	for i := range 2 + rng.IntN(3) {
		if i > 0 && w.between != "" && !strings.HasSuffix(w.stop, " ") {
			b.WriteByte(' ')
		}
		w.sentence(&b, rng)
	}
	return strings.TrimSpace(b.String())
}

func (w *writing) sentence(b *strings.Builder, rng *rand.Rand) {
	for i := range 6 + rng.IntN(12) {
		word := w.words[rng.IntN(len(w.words))]
		if i > 0 {
			b.WriteString(w.between)
		} else if word[0] >= 'a' && word[0] <= 'z' {
			b.WriteByte(word[0] - 'a' + 'A')
			word = word[1:]
		}
		b.WriteString(word)
	}
	b.WriteString(w.stop)
}

// markup is the HTML of a post: its text, mentions before it, links and tags behind it, as
// Mastodon writes them.
func markup(base, text string, p *Post, names func(string) (name, url string)) string {
	var b strings.Builder
	b.Grow(len(text) + 64 + 128*(len(p.Mentions)+len(p.Links)+len(p.Tags)))
	b.WriteString("<p>")
	for _, actor := range p.Mentions {
		name, url := names(actor)
		b.WriteString(`<span class="h-card" translate="no"><a href="` + url + `" class="u-url mention">@<span>` + name + `</span></a></span> `)
	}
	if strings.ContainsAny(text, `<>&"'`) {
		text = html.EscapeString(text)
	}
	b.WriteString(text)
	for _, link := range p.Links {
		b.WriteString(` <a href="` + link + `" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">https://</span>` +
			`<span class="">` + strings.TrimPrefix(link, "https://") + `</span></a>`)
	}
	for _, tag := range p.Tags {
		b.WriteString(` <a href="` + base + `/tags/` + tag + `" class="mention hashtag" rel="tag">#<span>` + tag + `</span></a>`)
	}
	b.WriteString("</p>")
	return b.String()
}
