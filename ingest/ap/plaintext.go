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
	for len(b) > 0 {
		if len(t.out) >= maxHTML {
			return
		}
		if n := t.run(b); n > 0 {
			t.flush()
			t.out = append(t.out, b[:min(n, max(maxHTML-len(t.out), 1))]...)
			b = b[n:]
			continue
		}
		c := b[0]
		b = b[1:]
		switch {
		case c == '\n' && t.pre > 0:
			t.lineBreak()
		case (c == ' ' || c == '\t') && t.pre > 0:
			t.flush()
			t.out = append(t.out, c)
		case c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f':
			t.space = true
		}
	}
}

// run is how many bytes at the start of b stand in the text as they are: letters,
// and single spaces between them.
func (t *plainText) run(b []byte) int {
	for i, c := range b {
		if c > ' ' && c != 0x7f || c == ' ' && i > 0 && b[i-1] != ' ' {
			continue
		}
		return trimSpace(b, i)
	}
	return trimSpace(b, len(b))
}

// trimSpace is n less one if a space is the last of the n bytes: what comes
// behind it decides whether it is written.
func trimSpace(b []byte, n int) int {
	if n > 0 && b[n-1] == ' ' {
		n--
	}
	return n
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
