package server

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseStatement(t *testing.T) {
	for text, want := range map[string]statement{
		"SELECT 1":                          {text: "SELECT 1", stream: true},
		" \n-- c\n/* x */ (select 1)":       {text: " \n-- c\n/* x */ (select 1)", stream: true},
		"WITH 1 AS x SELECT x":              {text: "WITH 1 AS x SELECT x", stream: true},
		"SELECT 1 FORMAT JSON":              {text: "SELECT 1 FORMAT JSON"},
		"SELECT 'x FORMAT y'":               {text: "SELECT 'x FORMAT y'", stream: true},
		"SHOW TABLES":                       {text: "SHOW TABLES"},
		"INSERT INTO t SELECT 1":            {text: "INSERT INTO t SELECT 1"},
		"INSERT INTO t":                     {text: "INSERT INTO t"},
		"":                                  {},
		"INSERT INTO t FORMAT TSV":          {text: "INSERT INTO t ", insert: true, format: "TSV"},
		"INSERT INTO t FORMAT TSV \r\n\n\n": {text: "INSERT INTO t ", insert: true, format: "TSV", data: "\n\n"},
		"insert into t(a)values(1)\n\n;x":   {text: "insert into t(a)", insert: true, format: "Values", data: "(1)\n\n;x"},
		"INSERT t VALUES (1)":               {text: "INSERT t ", insert: true, format: "Values", data: " (1)"},
		"INSERT INTO format.values (format, values) FORMAT CSV\n1": {text: "INSERT INTO format.values (format, values) ", insert: true, format: "CSV", data: "1"},
		"INSERT INTO `a`.\"VALUES\" FORMAT CSV":                    {text: "INSERT INTO `a`.\"VALUES\" ", insert: true, format: "CSV"},
		"INSERT INTO FUNCTION file('VALUES') VALUES (1)":           {text: "INSERT INTO FUNCTION file('VALUES') ", insert: true, format: "Values", data: " (1)"},
		"INSERT INTO t SETTINGS a = 'FORMAT x', b = 1 VALUES":      {text: "INSERT INTO t SETTINGS a = 'FORMAT x', b = 1 ", insert: true, format: "Values"},
		"INSERT INTO t (`a\\`VALUES`, $x$)VALUES$x$) VALUES (1)":   {text: "INSERT INTO t (`a\\`VALUES`, $x$)VALUES$x$) ", insert: true, format: "Values", data: " (1)"},
		"INSERT INTO t /* VALUES */ -- VALUES\n # VALUES\n VALUES": {text: "INSERT INTO t /* VALUES */ -- VALUES\n # VALUES\n ", insert: true, format: "Values"},
		"INSERT INTO t\u00a0(“)VALUES”)\u00a0VALUES (1)":           {text: "INSERT INTO t\u00a0(“)VALUES”)\u00a0", insert: true, format: "Values", data: " (1)"},
		"INSERT INTO outfile SELECT 1":                             {text: "INSERT INTO outfile SELECT 1"},
	} {
		if got, err := parseStatement(text); got != want || err != nil {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestParseStatementRefuses(t *testing.T) {
	for text, want := range map[string]int{
		"SELECT 1 INTO OUTFILE 'x'":                          intoOutfile,
		"SELECT 1 into /* */ outfile 'x'":                    intoOutfile,
		"DROP TABLE t INTO OUTFILE 'x'":                      intoOutfile,
		"INSERT INTO t FROM INFILE 'x' FORMAT CSV":           notImplemented,
		"INSERT INTO t SELECT * FROM input('a A') FORMAT X":  notImplemented,
		"INSERT INTO t WITH 1 AS x SELECT * FROM INPUT ('')": notImplemented,
		"INSERT INTO t FORMAT":                               syntaxError,
		"INSERT INTO t FORMAT 'CSV'":                         syntaxError,
	} {
		if _, err := parseStatement(text); asError(err).Code != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What is data stays data: nothing behind VALUES or FORMAT is part of the statement, and no byte is lost.
func FuzzParseStatement(f *testing.F) {
	for _, seed := range []string{
		"SELECT 1", "INSERT INTO t FORMAT TSV\na\n\nDROP TABLE t", "INSERT INTO t (a, `b`) VALUES (1)\n\n;DROP", "insert into \"x\\\"\" values",
		"INSERT INTO t SELECT $a$;$a$", "/* INSERT", "'", "INSERT INTO FUNCTION f(()", "INSERT INTO a.b.c FORMAT x", "“INSERT” ‘x’ $$", "$", "INSERT INTO t FROM INFILE",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseStatement(text)
		if err != nil {
			return
		}
		switch {
		case !s.insert && s.text != text, !s.insert && (s.data != "" || s.format != ""):
			t.Fatalf("%q: %+v", text, s)
		case !s.insert:
			return
		case !strings.HasPrefix(text, s.text), !strings.HasSuffix(text, s.data), s.format == "", s.stream:
			t.Fatalf("%q: %+v", text, s)
		}
		between := strings.ToUpper(text[len(s.text) : len(text)-len(s.data)])
		if !strings.HasPrefix(between, "VALUES") && !strings.HasPrefix(between, "FORMAT") {
			t.Fatalf("%q: between text and data: %q", text, between)
		}
		if utf8.ValidString(text) && strings.Count(s.text, "\n\n") > strings.Count(text, "\n\n") {
			t.Fatal("more blank lines than there were")
		}
	})
}
