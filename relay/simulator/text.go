package simulator

import (
	"math/rand/v2"
	"strings"
)

var words = strings.Fields(`a after again all and at before brook by calm clear cold come current day deep down
	drift dry early every fast field flood flow for from green grey hill ice in into it light long low meadow mill morning
	mud narrow near new night north of old on or over quiet rain reed river rock run salt sand sea shallow ship shore slow
	small snow south spring stone stream summer sun the through tide to town under up valley village water wave weather
	west while wide wind winter with wood year`)

// paragraph is a few sentences of HTML, with the tags at its end as Mastodon links them.
func paragraph(rng *rand.Rand, tags []string) string {
	var b strings.Builder
	b.WriteString("<p>")
	for range 2 + rng.IntN(3) {
		sentence(&b, rng)
	}
	for _, tag := range tags {
		b.WriteString(` <a href="/tags/` + tag + `" class="mention hashtag" rel="tag">#<span>` + tag + `</span></a>`)
	}
	b.WriteString("</p>")
	return b.String()
}

func sentence(b *strings.Builder, rng *rand.Rand) {
	for i := range 6 + rng.IntN(12) {
		word := words[rng.IntN(len(words))]
		if i == 0 {
			word = strings.ToUpper(word[:1]) + word[1:]
		} else {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	b.WriteString(". ")
}
