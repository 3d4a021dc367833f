package language

import (
	"os"
	"strings"
	"sync"
	"testing"
)

type post struct{ language, text string }

// posts reads a file of testdata: language, tab, text. "-" is no language.
func posts(t testing.TB, name string) (list []post) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		l, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			t.Fatalf("%s: no tab in %q", name, line)
		}
		list = append(list, post{l, text})
	}
	return list
}

// tally counts right, wrong and missing answers.
func tally(t *testing.T, list []post) (right, wrong, none int) {
	short, shortRight := 0, 0
	for _, p := range list {
		code, ok := Detect(p.text)
		if ok != (code != "") {
			t.Errorf("Detect(%q) = %q, %v", p.text, code, ok)
		}
		letters := 0
		for _, w := range words(p.text) {
			letters += len(w)
		}
		if letters < 30 {
			short++
		}
		switch code {
		case p.language:
			right++
			if letters < 30 {
				shortRight++
			}
		case "":
			none++
			t.Logf("none for %s: %s", p.language, p.text)
		default:
			wrong++
			t.Logf("%s for %s: %s", code, p.language, p.text)
		}
	}
	t.Logf("%d texts: %d right, %d wrong, %d none; under 30 letters: %d of %d right", len(list), right, wrong, none, shortRight, short)
	return right, wrong, none
}

// TestPosts holds the accuracy that deploy/bench/language.md reports. posts.tsv is
// what the limits were chosen on, heldout.tsv hardly.
func TestPosts(t *testing.T) {
	for _, c := range []struct {
		file               string
		minRight, maxWrong int
	}{
		{"posts.tsv", 545, 3},
		{"heldout.tsv", 99, 1},
	} {
		t.Run(c.file, func(t *testing.T) {
			var list []post
			for _, p := range posts(t, c.file) {
				if p.language != "-" {
					list = append(list, p)
				}
			}
			if right, wrong, _ := tally(t, list); right < c.minRight || wrong > c.maxWrong {
				t.Errorf("%d right and %d wrong of %d, want at least %d and at most %d", right, wrong, len(list), c.minRight, c.maxWrong)
			}
		})
	}
}

// TestNoLanguage: texts without one, and languages that the model does not have.
func TestNoLanguage(t *testing.T) {
	var list []post
	for _, p := range posts(t, "posts.tsv") {
		if p.language == "-" {
			list = append(list, p)
		}
	}
	if _, wrong, _ := tally(t, list); wrong > 1 {
		t.Errorf("%d texts without a language have one, want at most 1", wrong)
	}
	unknown := posts(t, "unknown.tsv")
	if _, wrong, _ := tally(t, unknown); wrong > 22 {
		t.Errorf("%d of %d texts in unknown languages have one, want at most 22", wrong, len(unknown))
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"Hello World":                       "hello|world",
		"see https://example.org/a_b?c=d e": "see|e",
		"https://例え.jp/x です":                "例え|jp|x|です",
		"https://example.jp/xを見て":           "を見て",
		"@a @bob@social.example hi":         "hi",
		"mail me@example.org or example.org/path/x now": "mail|or|now",
		"#one #zwei#drei ＃四 five":                       "five",
		":blobcat: 12:30 a: b":                          "a|b",
		"x86 snake_case plain":                          "plain",
		"d'accord":                                      "d|accord",
		"ÉTÉ e\u0301te\u0301":                           "été|été",
		"हिन्दी":                                        "ह|न|द",
		"end. Next":                                     "end|next",
		"bad \xff utf8":                                 "bad", // "utf8" has a digit
	} {
		var got []string
		for _, w := range words(text) {
			got = append(got, string(w))
		}
		if g := strings.Join(got, "|"); g != want {
			t.Errorf("words(%q) = %s, want %s", text, g, want)
		}
	}
}

func TestMixed(t *testing.T) {
	for text, want := range map[string]string{
		"これは日本語です、but half of it is in English anyway":           "",
		"Привет, это тестовое сообщение про Kubernetes и Docker": "ru",
		"我的の店":   "zh",
		"東京駅で乗換": "ja",
		"大会":     "",
		"κόσμος": "el",
		"αβ":     "",
	} {
		if code, _ := Detect(text); code != want {
			t.Errorf("Detect(%q) = %q, want %q", text, code, want)
		}
	}
}

// TestBounded: what lies behind the bounds does not change the answer.
func TestBounded(t *testing.T) {
	german := strings.Repeat("Die Katze schläft auf dem Sofa. ", 30)
	for _, rest := range []string{"", strings.Repeat("猫はソファで寝ています。", 1000), strings.Repeat("a.", 1<<20), strings.Repeat(":a", 1<<20)} {
		if code, _ := Detect(german + rest); code != "de" {
			t.Errorf("Detect = %q with %d bytes behind, want de", code, len(rest))
		}
	}
}

func TestConcurrent(t *testing.T) {
	list := posts(t, "posts.tsv")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, p := range list {
				Detect(p.text)
			}
		})
	}
	group.Wait()
}

// TestModel walks the whole model: every number leads to a place inside it.
func TestModel(t *testing.T) {
	last := scripts[3]
	languages := last.first + len(last.languages)
	grams, posting := 0, 0
	for bucket := 0; bucket < indexEnd; bucket += indexEntry {
		if int(u32(bucket)) != grams || int(u32(bucket+4)) != posting {
			t.Fatalf("bucket %d begins at %d, %d, want %d, %d", bucket/indexEntry, u32(bucket), u32(bucket+4), grams, posting)
		}
		for ; grams < int(u32(bucket+indexEntry)); grams++ {
			posting += int(model[gramsAt+gramBytes*grams+2])
		}
	}
	if want := postingsAt + postingBytes*posting; len(model) != want {
		t.Fatalf("model has %d bytes, want %d", len(model), want)
	}
	for i := range posting {
		if l := int(u16(postingsAt+postingBytes*i) >> 10); l >= languages {
			t.Fatalf("posting %d is of language %d of %d", i, l, languages)
		}
	}
}

func FuzzDetect(f *testing.F) {
	for _, p := range posts(f, "posts.tsv") {
		f.Add(p.text)
	}
	f.Add("https://")
	f.Add(":a:@#＃")
	f.Add("\xf0\x9f\x98#\xff@\xc3(")
	f.Fuzz(func(t *testing.T, text string) {
		code, ok := Detect(text)
		if ok != (len(code) == 2) {
			t.Errorf("Detect = %q, %v", code, ok)
		}
		letters := 0
		for _, w := range words(text) {
			if len(w) == 0 {
				t.Error("an empty word")
			}
			letters += len(w)
		}
		if letters > maxLetters {
			t.Errorf("%d letters read", letters)
		}
	})
}

// BenchmarkDetect bounds what a post without a language costs the writer of the
// index: posts as in testdata (about 50 letters), the longest text that is read,
// and one that is all link.
func BenchmarkDetect(b *testing.B) {
	list := posts(b, "posts.tsv")
	b.Run("posts", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			Detect(list[i%len(list)].text)
		}
	})
	for name, text := range map[string]string{
		"longest": strings.Repeat("Das Buch war am Anfang etwas zäh, aber gut. ", 1000),
		"links":   strings.Repeat("https://example.org/a/b ", 1000),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Detect(text)
			}
		})
	}
}
