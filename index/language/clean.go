package language

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	maxBytes   = 4096 // looked at, links and mentions included
	maxLetters = 500  // kept
)

// words returns the words of a post in lower case, without links, mentions,
// hashtags, addresses and emoji codes. A word is a run of letters; one with a
// digit or an underscore in it is left out. A mark that does not compose with its
// letter ends a word, because the model was trained so.
func words(text string) [][]rune {
	if len(text) > maxBytes {
		text = text[:maxBytes]
	}
	text = norm.NFC.String(text)
	var list [][]rune
	for left := maxLetters; text != "" && left > 0; {
		if n := skip(text); n > 0 {
			text = text[n:]
			continue
		}
		n := span(text, inWord)
		if n == 0 { // not a letter
			_, n = utf8.DecodeRuneInString(text)
		}
		for _, w := range parts(text[:n]) {
			w = w[:min(len(w), left)]
			if left -= len(w); len(w) > 0 {
				list = append(list, w)
			}
		}
		text = text[n:]
	}
	return list
}

// parts splits a run of inWord at its marks, and drops one that is no word.
func parts(run string) [][]rune {
	var list [][]rune
	word := make([]rune, 0, len(run))
	start := 0
	for _, r := range run {
		switch {
		case unicode.IsLetter(r):
			word = append(word, unicode.ToLower(r))
		case unicode.IsMark(r):
			list = append(list, word[start:])
			start = len(word)
		default:
			return nil
		}
	}
	return append(list, word[start:])
}

func inWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || r == '_'
}

// skip returns how many bytes at the start of text, which is no inner part of a
// word, are a link, a mention, a hashtag, an address or an emoji code.
func skip(text string) int {
	switch c := text[0]; {
	case c == '#':
		return 1 + span(text[1:], inWord)
	case strings.HasPrefix(text, "＃"): // Misskey takes the full-width form as well
		return len("＃") + span(text[len("＃"):], inWord)
	case c == '@':
		return 1 + span(text[1:], inAddress)
	case c == ':':
		if n := span(text[1:], inCode); n > 0 && strings.HasPrefix(text[1+n:], ":") {
			return n + 2
		}
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return skipLink(text)
	}
	return 0
}

// skipLink takes "scheme://…", "name@host" and "host.example/path".
func skipLink(text string) int {
	n := span(text, inAddress)
	rest := text[n:]
	if strings.HasPrefix(rest, "://") {
		return n + span(rest, inLink)
	}
	if !strings.ContainsAny(strings.TrimRight(text[:n], ".-"), ".@") {
		return 0
	}
	if strings.HasPrefix(rest, "/") {
		n += span(rest, inLink)
	}
	return n
}

// span returns how many bytes at the start of text are of runes that are in.
func span(text string, in func(rune) bool) int {
	for i, r := range text {
		if !in(r) {
			return i
		}
	}
	return len(text)
}

func inCode(r rune) bool    { return r < 0x80 && inWord(r) }
func inAddress(r rune) bool { return inCode(r) || r == '-' || r == '.' || r == '@' }

// inLink ends a link also at a letter of a script that is written without spaces,
// so that the sentence behind it is read.
func inLink(r rune) bool {
	return !unicode.IsSpace(r) && r != '<' && r != '"' && !unicode.Is(unicode.Han, r) && !unicode.Is(kana, r)
}
