package server

import "strings"

// token is a piece of SQL that is neither space nor comment.
type token struct {
	kind       tokenKind
	start, end int // in the text
}

type tokenKind int

const (
	endOfText tokenKind = iota
	word                // keyword, name or number
	quoted              // string, quoted name or heredoc
	mark                // any other byte
)

// lexer cuts SQL as ClickHouse's own lexer does (src/Parsers/Lexer.cpp), as far as it matters
// where words stand outside of quotes, comments and parentheses.
type lexer struct {
	text  string
	at    int
	depth int // of parentheses before the next token
}

// next returns the next token. In a text that ends within quotes or a comment it is the last one.
func (l *lexer) next() token {
	l.skip()
	if l.at >= len(l.text) {
		return token{kind: endOfText, start: len(l.text), end: len(l.text)}
	}
	t := token{kind: mark, start: l.at}
	switch c := l.text[l.at]; {
	case c == '\'' || c == '"' || c == '`':
		t.kind = quoted
		l.at = closeQuote(l.text, l.at+1, c)
	case c == '(':
		l.depth++
		l.at++
	case c == ')':
		l.depth--
		l.at++
	case wordByte(c) && c != '$':
		t.kind = word
		for l.at < len(l.text) && wordByte(l.text[l.at]) {
			l.at++
		}
	default:
		l.other(&t)
	}
	t.end = l.at
	return t
}

// other reads what begins with neither letter nor quote: heredocs, typographic quotes, single bytes.
func (l *lexer) other(t *token) {
	rest := l.text[l.at:]
	for _, pair := range [][2]string{{"‘", "’"}, {"“", "”"}, {heredoc(rest), heredoc(rest)}} {
		if pair[0] == "" || !strings.HasPrefix(rest, pair[0]) {
			continue
		}
		t.kind = quoted
		if i := strings.Index(rest[len(pair[0]):], pair[1]); i >= 0 {
			l.at += len(pair[0]) + i + len(pair[1])
		} else {
			l.at = len(l.text)
		}
		return
	}
	l.at++
}

// heredoc is the $tag$ that the text begins with.
func heredoc(text string) string {
	if text[0] != '$' {
		return ""
	}
	for i := 1; i < len(text); i++ {
		if text[i] == '$' {
			return text[:i+1]
		}
		if !wordByte(text[i]) {
			break
		}
	}
	return ""
}

func (l *lexer) skip() {
	for l.at < len(l.text) {
		rest := l.text[l.at:]
		switch {
		case strings.IndexByte(" \t\n\r\f\v\x00", rest[0]) >= 0:
			l.at++
		case strings.HasPrefix(rest, "\u00a0"), strings.HasPrefix(rest, "\ufeff"):
			l.at += len("\u00a0")
			if rest[0] == 0xef {
				l.at++
			}
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "#!"), strings.HasPrefix(rest, "# "):
			l.to("\n")
		case strings.HasPrefix(rest, "/*"):
			l.at += 2
			l.to("*/")
		default:
			return
		}
	}
}

// to goes behind the next mark, or to the end.
func (l *lexer) to(mark string) {
	if i := strings.Index(l.text[l.at:], mark); i >= 0 {
		l.at += i + len(mark)
	} else {
		l.at = len(l.text)
	}
}

// closeQuote is where the text goes on after a closing quote; \ hides any byte, and a quote twice is none.
func closeQuote(text string, at int, quote byte) int {
	for at < len(text) {
		switch {
		case text[at] == '\\':
			at += 2
		case text[at] != quote:
			at++
		case at+1 < len(text) && text[at+1] == quote:
			at += 2
		default:
			return at + 1
		}
	}
	return len(text)
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// is says whether a token is a keyword.
func (l *lexer) is(t token, keyword string) bool {
	return t.kind == word && strings.EqualFold(l.text[t.start:t.end], keyword)
}

func (l *lexer) isMark(t token, c byte) bool {
	return t.kind == mark && l.text[t.start] == c
}
