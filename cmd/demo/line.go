package main

import (
	"strconv"
	"strings"
)

// style is how a piece of a line looks. Only the sixteen colours that every
// terminal has are used: they are those that its owner chose.
type style uint8

const (
	normal style = iota
	faint
	strong
	accent
	good
	warn
	bad
	gone
	author        // and the colours of authors that follow
	authorColours = 6
)

// sgr are the parameters of "select graphic rendition" (ECMA-48 §8.3.117).
var sgr = [...]string{
	normal: "", faint: "2", strong: "1", accent: "36", good: "32", warn: "33", bad: "31", gone: "2;3",
	author: "1;32", author + 1: "1;33", author + 2: "1;34", author + 3: "1;35", author + 4: "1;36", author + 5: "1;31",
}

// line is one row of the screen, made from left to right.
type line struct {
	pieces []piece
	max    int  // cells that there are
	width  int  // cells that are used
	full   bool // something was cut: nothing more is added
}

// piece is a text in a style. at is the column, from 1, to which the cursor is moved
// before it; 0: where it is.
type piece struct {
	style style
	text  string
	at    int
}

func newLine(cells int) *line { return &line{max: cells} }

// add appends a text, cut where the line ends.
func (l *line) add(s style, text string) *line {
	if l.full {
		return l
	}
	whole := columns(text)
	if text = cut(text, l.max-l.width); text != "" {
		l.full = columns(text) < whole
		l.pieces = append(l.pieces, piece{style: s, text: text})
		l.width += columns(text)
	}
	return l
}

// cell appends a text and fills it up to a number of cells.
func (l *line) cell(s style, text string, cells int) *line {
	end := l.width + cells
	return l.add(s, cut(text, cells)).to(end)
}

// right appends a text that ends where the cells end.
func (l *line) right(s style, text string, cells int) *line {
	text = cut(text, cells)
	return l.to(l.width+cells-columns(text)).add(s, text)
}

// to fills the line with spaces up to a number of cells. Behind a text whose cells the
// terminal may count otherwise than we do, the cursor is put where it belongs.
func (l *line) to(cells int) *line {
	cells = min(cells, l.max)
	if cells <= l.width {
		return l
	}
	l.pieces = append(l.pieces, piece{text: strings.Repeat(" ", cells-l.width)}, piece{at: cells + 1})
	l.width = cells
	return l
}

// plain is the line without colours, for tests and for measuring.
func (l *line) plain() string {
	var b strings.Builder
	for _, p := range l.pieces {
		b.WriteString(p.text)
	}
	return strings.TrimRight(b.String(), " ")
}

// terminal is the line as a terminal draws it. Text is printable already; that no
// control character goes out is held here once more, for all of it.
func (l *line) terminal() string {
	var b strings.Builder
	risky := false
	for _, p := range l.pieces {
		if p.at > 0 {
			if risky {
				b.WriteString("\x1b[" + strconv.Itoa(p.at) + "G")
			}
			risky = false
			continue
		}
		if sgr[p.style] != "" {
			b.WriteString("\x1b[" + sgr[p.style] + "m")
		}
		for _, r := range p.text {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				continue
			}
			risky = risky || r >= 0x300 && (r < 0x2500 || r > 0x25ff) && r != '…'
			b.WriteRune(r)
		}
		if sgr[p.style] != "" {
			b.WriteString("\x1b[m")
		}
	}
	return b.String()
}
