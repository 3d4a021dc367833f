package index

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFoldWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"Hello, World!":              "hello world",
		"“Don’t” say—never":          "don t say never",
		"STRASSE straße":             "strasse strasse",
		"Ｆｕｌｌｗｉｄｔｈ　１２":               "fullwidth 12",
		"東京タワー、行った":                  "東京タワー 行った",
		"ﾊﾝｶｸ":                       "ハンカク",
		"a\x00b\n\n'); DROP TABLE x": "a b drop table x",
		"snake_case 100%":            "snake case 100",
		"\xff\xfe bad":               "bad",
	} {
		if got := foldWords(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func BenchmarkFoldWords(b *testing.B) {
	for name, text := range map[string]string{
		"ascii":    strings.Repeat("Some words, and THEN some more. ", 6),
		"french":   strings.Repeat("L'été dernier, où étiez-vous ? ", 6),
		"japanese": strings.Repeat("東京タワーに行ってきました、楽しかった。", 4),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				foldWords(text)
			}
		})
	}
}

func FuzzFoldWords(f *testing.F) {
	f.Add("Hello, “Café” İstanbul ǅ ﬃ 東京")
	f.Fuzz(func(t *testing.T, text string) {
		words := foldWords(text)
		if !utf8.ValidString(words) || strings.ContainsAny(words, "%_'\\\x00") || strings.Contains(words, "  ") || strings.TrimSpace(words) != words {
			t.Errorf("%q: %q", text, words)
		}
		if again := foldWords(words); again != words {
			t.Errorf("%q: folded again it is %q, not %q", text, again, words)
		}
		for _, term := range searchTerms(text) {
			if len(text) < 1<<10 && !strings.Contains(" "+words+" ", " "+term+" ") {
				t.Errorf("%q: the query's word %q is not in %q", text, term, words)
			}
		}
	})
}

func TestLiteral(t *testing.T) {
	if got := literals([]string{`a'b`, `\`, `');--`}); got != `['a\'b','\\','\');--']` {
		t.Errorf("%s", got)
	}
}

func TestStatements(t *testing.T) {
	got := statements("-- a; comment\nCREATE TABLE a (\n  x UInt8 -- b;\n);\n\nCREATE TABLE b (y UInt8);\n")
	if len(got) != 2 || !strings.HasPrefix(got[0], "CREATE TABLE a (") || got[1] != "CREATE TABLE b (y UInt8)" {
		t.Errorf("%q", got)
	}
	if _, err := migrationNames(); err != nil {
		t.Error(err)
	}
}
