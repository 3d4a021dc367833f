// Package language guesses what language a post is written in where its author's
// server declared none.
//
//	code, ok := language.Detect("Guten Morgen zusammen! ☀️") // "de", true
//
// # Contract
//
//   - The text is plain (ap.Post.Text). Links, mentions, hashtags, addresses and
//     :emoji_codes: do not count, nor do words with digits.
//   - The code is ISO 639-1 in lower case, one of those in scripts.go; "no" is both
//     forms of Norwegian. A language that the post declares is better than a guess:
//     callers ask only where there is none.
//   - None rather than a wrong one: ok is false for what is short, in two languages
//     at once, or nearly as probable in a second language.
//   - Cost is bounded: 4096 bytes are looked at, 500 letters kept. No text panics.
//   - Safe for concurrent use. Nothing is loaded or kept: the model lies in the
//     binary and is read in place.
//
// # How
//
// The script decides where one language uses it alone, or nearly (Greek, Thai,
// Hangul, kana …). Han without kana is told apart by characters (han.go). For
// Latin, Cyrillic, Arabic and Devanagari a model of letters says how improbable
// the words are in each language (model.go); the least improbable one wins if the
// next is far enough and if the text looks like the language at all.
//
// The model is made from that of lingua-go (generate.go), which is better the
// larger it is, but costs 130 MB of binary and 115 MB to 1.4 GB of memory;
// deploy/bench/language.md has the comparison.
//
// # What it does not do
//
// Languages that are in no list are missed, and a near relative is named for some
// of them: Galician comes back as es or pt, Occitan as ca, Scottish Gaelic as ga,
// Faroese as is, Nepali as hi. Bosnian, and Serbian in Latin letters, are "hr".
// Yiddish is "he".
// It finds one language, not the parts of a mixed text, and knows no variants
// (pt-BR, zh-TW).
//
// # Files
//
//	detect.go   Detect: the decision
//	clean.go    words of a post
//	scripts.go  scripts and languages
//	han.go      Chinese or Japanese
//	model.go    model.bin and its scores; generate.go writes it
package language
