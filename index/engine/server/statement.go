package server

import "strings"

// statement is a text, cut where the data of an INSERT begins.
type statement struct {
	text   string // without data
	insert bool   // data follows
	format string // of the data
	data   string // the beginning of the data, as far as it is here
	stream bool   // a SELECT, that may not say a format of its own
}

// parseStatement cuts a text. Data of an INSERT must never be parsed as SQL: chdb_query_n ends the data at the first
// blank line and runs what follows. Everything that goes on after VALUES or FORMAT is data, and goes to the engine
// by another way. What is no statement at all passes: the engine says so.
func parseStatement(text string) (statement, error) {
	l := &lexer{text: text}
	first := l.next()
	for l.isMark(first, '(') {
		first = l.next()
	}
	if l.is(first, "INSERT") {
		return parseInsert(l)
	}
	s := statement{text: text, stream: l.is(first, "SELECT") || l.is(first, "WITH") || l.is(first, "FROM")}
	for t := first; t.kind != endOfText; {
		next := l.next()
		if l.is(t, "INTO") && l.is(next, "OUTFILE") {
			return s, refuse(intoOutfile, "INTO OUTFILE is not allowed")
		}
		if l.is(t, "FORMAT") && next.kind == word {
			s.stream = false // pieces of CSVWithNames would each have their header
		}
		t = next
	}
	return s, nil
}

// parseInsert cuts INSERT [INTO] [TABLE] [FUNCTION] name [(columns)] [SETTINGS …] {VALUES | FORMAT name} data. The name
// of a table can be a keyword.
func parseInsert(l *lexer) (statement, error) {
	t := l.next()
	if l.is(t, "INTO") {
		t = l.next()
	}
	if l.is(t, "TABLE") {
		t = l.next()
	}
	if l.is(t, "FUNCTION") {
		l.next()
	}
	t = l.next() // behind the name
	for l.isMark(t, '.') {
		l.next()
		t = l.next()
	}
	for ; t.kind != endOfText; t = l.next() {
		if l.depth > 0 {
			continue
		}
		switch {
		case l.is(t, "VALUES"):
			return statement{text: l.text[:t.start], insert: true, format: "Values", data: l.text[t.end:]}, nil
		case l.is(t, "FORMAT"):
			name := l.next()
			if name.kind != word {
				return statement{}, refuse(syntaxError, "Syntax error: FORMAT without a name at position %d", t.start+1)
			}
			return statement{
				text: l.text[:t.start], insert: true, format: l.text[name.start:name.end], data: behindFormat(l.text[name.end:]),
			}, nil
		case l.is(t, "FROM") && l.is(l.peek(), "INFILE"):
			return statement{}, refuse(notImplemented, "INSERT FROM INFILE is not supported")
		case l.is(t, "SELECT"), l.is(t, "WITH"), l.is(t, "FROM"):
			return statement{text: l.text}, noInput(l)
		}
	}
	return statement{text: l.text}, nil
}

// noInput refuses data for an INSERT whose rows come from a SELECT.
func noInput(l *lexer) error {
	for t := l.next(); t.kind != endOfText; t = l.next() {
		if l.is(t, "INPUT") && l.isMark(l.peek(), '(') {
			return refuse(notImplemented, "INSERT with input() is not supported")
		}
	}
	return nil
}

func (l *lexer) peek() token {
	ahead := *l
	return ahead.next()
}

// behindFormat is the data behind FORMAT name: ClickHouse takes the rest of the line off if it is blank.
func behindFormat(rest string) string {
	rest = strings.TrimLeft(rest, " \t\f")
	rest = strings.TrimPrefix(rest, "\r")
	return strings.TrimPrefix(rest, "\n")
}
