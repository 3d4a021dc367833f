package index

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"tributary/ingest/ap"
)

// maxWordsBytes bounds what of a post is searched.
const maxWordsBytes = 32 << 10

// wordsOf is what of a post is searched.
func wordsOf(p *ap.Post) string { return foldWords(p.Title, p.Summary, p.Text) }

// foldWords folds text for search: Unicode NFKC and case folding, then the runs of
// letters, digits and marks with one space between. A post is stored and a query
// is asked in this form, so that both agree whatever the engine thinks a word is.
func foldWords(parts ...string) string {
	var b strings.Builder
	n := len(parts)
	for _, s := range parts {
		n += len(s)
	}
	b.Grow(min(n, maxWordsBytes))
	for _, s := range parts {
		appendWords(&b, cut(s, maxWordsBytes-b.Len()))
	}
	return b.String()
}

// cut keeps the first n bytes of s, in whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n = max(n, 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func appendWords(b *strings.Builder, s string) {
	if !ascii(s) {
		s = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
	}
	inWord := false
	for _, r := range s {
		if r < utf8.RuneSelf {
			r = rune(asciiWords[r])
		} else if !wordRune(r) {
			r = 0
		}
		if r == 0 {
			inWord = false
			continue
		}
		if !inWord && b.Len() > 0 {
			b.WriteByte(' ')
		}
		inWord = true
		b.WriteRune(r)
	}
}

// asciiWords is a letter in lower case or a digit, or 0 for what is between words.
var asciiWords = func() (to [utf8.RuneSelf]byte) {
	for c := range byte(utf8.RuneSelf) {
		if wordRune(rune(c)) {
			to[c] = byte(unicode.ToLower(rune(c)))
		}
	}
	return to
}()

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func wordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r))
}

// unspaced reports whether text has words that no space ends, or to which
// particles are joined (Hangul): such text is searched by pairs of characters.
func unspaced(s string) bool {
	return !ascii(s) && strings.ContainsFunc(s, func(r rune) bool {
		return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul,
			unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
	})
}

// foldName is a username as it is looked up.
func foldName(name string) string { return cases.Fold().String(name) }
