package language

import "unicode"

// script is a writing and what is written in it.
type script struct {
	table *unicode.RangeTable
	// languages in the order of the model. If there is one only, the script decides.
	languages []string
	first     int // number of languages[0] in the model
	// limit is what a letter may cost on average, in nats/64: text above it is in no
	// language of the list. Measured: deploy/bench/language.md.
	limit int32
}

// Places in scripts.
const (
	scriptLatin  = 0
	scriptHan    = 4
	scriptKana   = 5
	scriptHangul = 6
)

// scripts begins with those that the model knows, ordered as in generate.go
// (TestPosts fails if they are not). Norwegian is there twice, as Bokmål and
// Nynorsk, and is "no" in both, as fediverse servers declare it.
var scripts = numbered([]script{
	{table: unicode.Latin, limit: 205, languages: []string{
		"en", "de", "fr", "es", "pt", "it", "nl", "sv", "da", "no", "no", "fi", "pl", "cs",
		"sk", "hu", "ro", "tr", "id", "ms", "vi", "ca", "eo", "eu", "hr", "sl", "et", "lt",
		"lv", "is", "sq", "cy", "ga", "af", "la", "az", "tl", "sw", "so", "yo", "zu", "mi",
	}},
	{table: unicode.Cyrillic, limit: 224, languages: []string{"ru", "uk", "be", "bg", "mk", "sr", "kk", "mn"}},
	{table: unicode.Arabic, limit: 256, languages: []string{"ar", "fa", "ur"}},
	{table: unicode.Devanagari, limit: 256, languages: []string{"hi", "mr"}},
	{table: unicode.Han}, // cjk
	{table: kana},        // cjk
	{table: unicode.Hangul, languages: []string{"ko"}},
	{table: unicode.Greek, languages: []string{"el"}},
	{table: unicode.Hebrew, languages: []string{"he"}},
	{table: unicode.Thai, languages: []string{"th"}},
	{table: unicode.Bengali, languages: []string{"bn"}},
	{table: unicode.Tamil, languages: []string{"ta"}},
	{table: unicode.Telugu, languages: []string{"te"}},
	{table: unicode.Gujarati, languages: []string{"gu"}},
	{table: unicode.Gurmukhi, languages: []string{"pa"}},
	{table: unicode.Kannada, languages: []string{"kn"}},
	{table: unicode.Malayalam, languages: []string{"ml"}},
	{table: unicode.Sinhala, languages: []string{"si"}},
	{table: unicode.Khmer, languages: []string{"km"}},
	{table: unicode.Lao, languages: []string{"lo"}},
	{table: unicode.Myanmar, languages: []string{"my"}},
	{table: unicode.Georgian, languages: []string{"ka"}},
	{table: unicode.Armenian, languages: []string{"hy"}},
})

// rare are languages that so few posts are in that a doubt goes against them.
var rare = []string{"la", "af", "ms", "az", "tl", "sw", "so", "yo", "zu", "mi", "kk", "mn", "mr"}

func numbered(list []script) []script {
	n := 0
	for i := range list {
		list[i].first = n
		n += len(list[i].languages)
	}
	return list
}

// scriptOf returns the place of a letter's script in scripts, or -1.
func scriptOf(r rune) int {
	if r < 0x250 { // all letters below are Latin
		return scriptLatin
	}
	for i := range scripts {
		if unicode.Is(scripts[i].table, r) {
			return i
		}
	}
	return -1
}
