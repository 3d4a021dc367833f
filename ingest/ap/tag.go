package ap

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// FoldTag returns the form that hashtags are compared in, exactly as Mastodon's
// streaming server does it: NFKC, lower case, accented Latin letters as ASCII,
// and of the rest only letters, numbers, "_", "·" (U+00B7) and the zero-width
// non-joiner. So "#Zürich", "＃ＺＵＲＩＣＨ" and "zurich" are one tag.
//
// Beyond Mastodon, at most 256 bytes are kept, and folding is idempotent: what a
// reader is given can be asked for.
func FoldTag(s string) string {
	if folded, ok := foldASCII(s); ok {
		return folded
	}
	if len(s) > maxTagInput {
		s = s[:maxTagInput]
	}
	s = strings.ToValidUTF8(s, "")
	// Dropping a character can join letters that NFKC makes one of (Hangul), so
	// fold until nothing changes; the second round nearly always is the last.
	for range 4 {
		folded := foldTag(s)
		if folded == s {
			break
		}
		s = folded
	}
	return s
}

// foldASCII folds what has only ASCII characters.
func foldASCII(s string) (_ string, ok bool) {
	clean := len(s) <= maxTag
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return "", false
		}
		clean = clean && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_')
	}
	if clean {
		return s, true
	}
	b := make([]byte, 0, min(len(s), maxTag))
	for i := 0; i < len(s) && len(b) < maxTag; i++ {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z':
			b = append(b, c+'a'-'A')
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_':
			b = append(b, c)
		}
	}
	return string(b), true
}

// foldTag is one round of folding.
func foldTag(s string) string {
	s = norm.NFKC.String(s)
	if strings.ContainsRune(s, 'Σ') {
		// JavaScript's lower case of a sigma depends on its place in the word.
		s = cases.Lower(language.Und).String(s)
	} else {
		s = strings.ToLower(s)
	}
	b := make([]byte, 0, min(len(s), maxTag))
	for _, r := range s {
		if a, ok := latin[r]; ok {
			r = rune(a)
		} else if !tagRune(r) {
			continue
		}
		if len(b)+utf8.RuneLen(r) > maxTag {
			break
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

// tagRune is [\p{L}\p{N}_\u00b7\u200c].
func tagRune(r rune) bool {
	return r == '_' || r == '\u00b7' || r == '\u200c' || unicode.IsLetter(r) || unicode.IsNumber(r)
}

// latin is the lower-case part of Mastodon's table (app/lib/ascii_folding.rb;
// the letters are folded after they were made lower-case). Letters that it does
// not list (ß, æ, ș …) stay as they are.
var latin = latinTable(
	"àáâãäåāăąçćĉċčðďđèéêëēĕėęěĝğġģĥħìíîïĩīĭįıĵķĸĺļľŀłñńņňŉŋòóôõöøōŏőŕŗřśŝşšſţťŧùúûüũūŭůűųŵýÿŷźżž",
	"aaaaaaaaacccccdddeeeeeeeeegggghhiiiiiiiiijkklllllnnnnnnooooooooorrrssssstttuuuuuuuuuuwyyyzzz",
)

func latinTable(from, to string) map[rune]byte {
	table := make(map[rune]byte, len(to))
	i := 0
	for _, r := range from {
		table[r] = to[i]
		i++
	}
	return table
}
