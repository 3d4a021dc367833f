package main

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/text/width"
)

// Bounds of what is kept of a stranger's text: no line shows more.
const (
	textBytesMax = 16 << 10 // that are looked at
	textRunesMax = 600
	marksMax     = 2 // combining marks on one letter; more is somebody who draws over the lines above
)

// printable makes a stranger's bytes fit for a terminal: one line of characters
// that have a shape. What steers a terminal (C0 and C1 controls, so every escape
// sequence), what turns the direction of the text around it or joins signs in ways
// that terminals measure differently is gone; what is not UTF-8 is U+FFFD.
func printable(s string) string {
	if len(s) > textBytesMax {
		s = s[:textBytesMax]
	}
	var b strings.Builder
	runes, marks := 0, 0
	space := true // none at the beginning
	for i, r := range s {
		if runes >= textRunesMax {
			b.WriteRune('…')
			break
		}
		switch {
		case unicode.IsSpace(r) || r == '\u2028' || r == '\u2029':
			if !space {
				b.WriteByte(' ')
				runes++
			}
			space, marks = true, 0
			continue
		case r == '\u200c' || r == '\u200d': // Persian and Indic scripts spell with them; emoji are joined by them
			if !betweenLetters(s[:i], s[i+utf8.RuneLen(r):]) {
				continue
			}
		case unicode.Is(unicode.Variation_Selector, r), !unicode.IsPrint(r):
			continue
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks > marksMax || space {
				continue
			}
		default:
			marks = 0
		}
		space = false
		b.WriteRune(r)
		runes++
	}
	return strings.TrimRight(b.String(), " ")
}

func betweenLetters(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	next, _ := utf8.DecodeRuneInString(after)
	return (unicode.IsLetter(last) || unicode.IsMark(last)) && unicode.IsLetter(next)
}

// textOf is the text of a post's HTML, printable.
func textOf(content string) string {
	if len(content) > textBytesMax {
		content = content[:textBytesMax]
	}
	var b strings.Builder
	for tokens := html.NewTokenizer(strings.NewReader(content)); ; {
		switch tokens.Next() {
		case html.ErrorToken: // the end: the reader does not fail
			return printable(b.String())
		case html.TextToken:
			b.Write(tokens.Text())
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			switch name, _ := tokens.TagName(); string(name) {
			case "p", "br", "li", "blockquote", "pre", "div":
				b.WriteByte(' ')
			}
		}
	}
}

// columns is how many cells of a terminal a text takes, as far as terminals agree.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) || r >= 0x1160 && r <= 0x11ff { // of Hangul, what joins the letter before
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut shortens a text to so many cells; what was longer ends in an ellipsis.
func cut(s string, cells int) string {
	if columns(s) <= cells {
		return s
	}
	if cells <= 0 {
		return ""
	}
	n := 0
	for i, r := range s {
		w := runeColumns(r)
		if n+w > cells-1 {
			return strings.TrimRight(s[:i], " ") + "…"
		}
		n += w
	}
	return s
}
