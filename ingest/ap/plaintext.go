package ap

import (
	"bytes"
	"unicode/utf8"
)

// plainText collects the text of HTML as a browser lays it out: white space is
// collapsed outside pre, lines begin where blocks and breaks do.
type plainText struct {
	out   []byte
	pre   int  // open pre elements
	lines int  // line feeds before the next character, at most two
	space bool // a space before the next character
}

// lineBreak is a <br>.
func (t *plainText) lineBreak() { t.lines = min(t.lines+1, 2) }

// paragraph is the edge of a block.
func (t *plainText) paragraph() { t.lines = 2 }

// item is the edge of a list's item, or of a block without margins.
func (t *plainText) item() { t.lines = max(t.lines, 1) }

func (t *plainText) write(b []byte) {
	for _, c := range b {
		if len(t.out) >= maxHTML {
			return
		}
		switch {
		case c == '\n' && t.pre > 0:
			t.lineBreak()
		case (c == ' ' || c == '\t') && t.pre > 0:
			t.flush()
			t.out = append(t.out, c)
		case c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f':
			t.space = true
		case c < ' ' || c == 0x7f:
		default:
			t.flush()
			t.out = append(t.out, c)
		}
	}
}

// flush writes the white space that stands before a character.
func (t *plainText) flush() {
	switch {
	case len(t.out) == 0:
	case t.lines == 2:
		t.out = append(t.out, "\n\n"...)
	case t.lines == 1:
		t.out = append(t.out, '\n')
	case t.space:
		t.out = append(t.out, ' ')
	}
	t.lines, t.space = 0, false
}

// String is the text, without the half of a character that the limit left.
func (t *plainText) String() string {
	if len(t.out) >= maxHTML {
		t.out = cut(t.out, maxHTML-utf8.UTFMax)
	}
	return string(bytes.TrimRight(t.out, " \t\n"))
}
