package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain  text\nof two\r\nlines\t.": "plain text of two lines .",
		"\x1b[2J\x1b]0;title\x07red":      "[2J]0;titlered",
		"\u009b31mC1 \u0090 too":          "31mC1 too",
		"a\u202eevil\u2066\u200fb":        "aevilb",
		"zero\u200bwidth\ufeff":           "zerowidth",
		"not \xff utf-8":                  "not \ufffd utf-8",
		"Z\u0300\u0301\u0302\u0303algo":   "Z\u0300\u0301algo",
		"\u0301lonely mark":               "lonely mark",
		"می\u200cخواهم":                   "می\u200cخواهم",
		"👩\u200d👧 ❤\ufe0f":                "👩👧 ❤",
		"tags\U000e0041\U000e007f gone":   "tags gone",
		"private \ue000 use":              "private use",
		"line\u2028sep\u2029par\u0085nel": "line sep par nel",
		"   ":                             "",
		strings.Repeat("x", 700):          strings.Repeat("x", textRunesMax) + "…",
		strings.Repeat("a \u0301", 2):     "a a",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestTextOf(t *testing.T) {
	for in, want := range map[string]string{
		`<p>One</p><p>two<br>three &amp; <b>four</b></p>`: "One two three & four",
		`&#27;[31m &#x9b;1m`:                              "[31m ›1m",
		`<a href="x">#<span>tag</span></a><script>x`:      "#tagx",
		`a < b <`: "a < b <",
		`<p a="`:  "",
	} {
		if got := textOf(in); strings.ContainsRune(got, 0x1b) || got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestColumnsAndCut(t *testing.T) {
	for text, want := range map[string]int{"abc": 3, "漢字": 4, "ｈａ": 4, "e\u0301": 1, "한글": 4, "🌊": 2, "…": 1, "▁█": 2} {
		if got := columns(text); got != want {
			t.Errorf("%q takes %d cells, want %d", text, got, want)
		}
	}
	for _, c := range []struct {
		text  string
		cells int
		want  string
	}{
		{"river", 5, "river"}, {"river", 4, "riv…"}, {"漢字漢字", 5, "漢字…"}, {"漢字漢字", 4, "漢…"}, {"漢字", 1, "…"}, {"x", 0, ""}, {"a b c", 3, "a…"},
	} {
		if got := cut(c.text, c.cells); got != c.want {
			t.Errorf("%q cut to %d: %q, want %q", c.text, c.cells, got, c.want)
		}
	}
}

func TestShown(t *testing.T) {
	var f frame
	f.Post.Tags = []tag{{"river"}, {"evil\x1b[2J"}, {"\u202e"}}
	f.Post.Content = "<p>Text #Sea and</p>"
	f.Post.Account.Username, f.Post.Account.Acct = "ana", "ana@a.example"
	p := f.shown()
	if p.name != "ana" || p.text != "Text #Sea and" || strings.Join(p.tags, " ") != "river evil[2J" {
		t.Errorf("%+v", p)
	}
	f.Post.Content = "<p>Text #Sea and #बिल्ली #River</p>"
	if p := f.shown(); p.text != "Text #Sea and" || strings.Join(p.tags, " ") != "बिल्ली River" {
		t.Errorf("%q with %q", p.text, p.tags)
	}
	f.Post.SpoilerText, f.Post.Media = "news\x07", append(f.Post.Media, struct {
		Type string `json:"type"`
	}{"image"})
	if p := f.shown(); p.text != "[news] [1 attachment]" {
		t.Errorf("behind a warning: %q", p.text)
	}
}

// hostile are frames whose every text wants to do something to the terminal.
var hostile = []string{
	"\x1b]52;c;cm0gLXJm\x07\x1b[?1049l\x1bc", "\u009b2J\u0090q\u009c", "\u202e\u2066txt\u2069\u200b", "\xff\xfe\x00\x08\x7f",
	strings.Repeat("\u0489", 500), strings.Repeat("漢", 500), "a\r\nb\x0bc\x0c", "<script>\x1b[31m</script>", "\U000e0001\U000e0061",
}

func TestHostilePosts(t *testing.T) {
	v := example()
	v.posts = nil
	for _, evil := range hostile {
		f := frame{URI: evil, Actor: evil}
		f.Post.Tags = []tag{{evil}, {evil}}
		f.Post.Content, f.Post.SpoilerText = evil, evil
		f.Post.Account.Acct, f.Post.Account.DisplayName = evil+"@"+evil, evil
		v.posts = append(v.posts, f.shown())
		f.Post.SpoilerText = ""
		v.posts = append(v.posts, f.shown())
		v.servers[0].trouble, v.servers[0].host = printable(evil), printable(evil)
	}
	for _, size := range [][2]int{{80, 40}, {160, 50}, {20, 20}} {
		checkRows(t, render(v, size[0], size[1], moment), size[0], size[1])
	}
}

// The last fence: text that was never made printable, drawn all the same.
func TestLineDropsControls(t *testing.T) {
	for _, evil := range hostile {
		checkRows(t, []*line{newLine(1000).add(bad, evil)}, 1000, 1)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, evil := range hostile {
		f.Add(evil, 10)
	}
	f.Add("<p>नदी &#27; 👩‍👧</p>", 3)
	f.Fuzz(func(t *testing.T, s string, cells int) {
		for _, text := range []string{printable(s), textOf(s)} {
			if !utf8.ValidString(text) {
				t.Fatalf("not UTF-8: %q", text)
			}
			for _, r := range text {
				if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
					t.Fatalf("%U in %q", r, text)
				}
			}
			if printable(text) != text {
				t.Fatalf("%q becomes %q", text, printable(text))
			}
			if cells %= 100; cells >= 0 && columns(cut(text, cells)) > cells {
				t.Fatalf("%q cut to %d: %q", text, cells, cut(text, cells))
			}
		}
	})
}

func FuzzFrame(f *testing.F) {
	around := example()
	f.Add([]byte(`{"seq":1,"kind":"create","uri":"u","post":{"content":"<p>x #a</p>","tags":[{"name":"a"}],"account":{"acct":"a@b"}}}`), 80, 24)
	f.Add([]byte(`{"post":{"content":"\u001b[31m\u009b","spoiler_text":"\u202e","account":{"display_name":"漢"}}}`), 160, 50)
	f.Fuzz(func(t *testing.T, data []byte, width, height int) {
		var got frame
		if json.Unmarshal(data, &got) != nil {
			return
		}
		width, height = 1+abs(width)%300, 1+abs(height)%100
		v := *around
		v.posts = []post{got.shown()}
		checkRows(t, render(&v, width, height, moment), width, height)
	})
}

func abs(n int) int { return max(n, -(n + 1)) }
