package ap

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFoldTag(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "",
		"#":                   "",
		"fediverse":           "fediverse",
		"#FediVerse":          "fediverse",
		"＃Ｆｅｄｉ":               "fedi",
		"#Zürich":             "zurich",
		"#ZU\u0308RICH":       "zurich",
		"#Łódź":               "lodz",
		"#İstanbul":           "istanbul",
		"#straße":             "straße", // not in Mastodon's table
		"#Þórr":               "þorr",
		"#ΟΔΟΣ":               "οδος", // final sigma, as JavaScript lowers it
		"#ΟΔΌΣ_ΣΑ":            "οδός_σα",
		"#カタカナ":               "カタカナ",
		"#ｶﾀｶﾅ":               "カタカナ",
		"#ガ":                  "ガ",
		"#한국어":                "한국어",
		"#\u1112\u1161\u11ab": "한",
		"#हिन्दी":             "हनद", // Mastodon's streaming server drops marks
		"#a-b c.d":            "abcd",
		"#l·l":                "l·l",
		"#می\u200cخواهم":      "می\u200cخواهم",
		"#snake_case":         "snake_case",
		"#2026":               "2026",
		"#½":                  "12", // NFKC: 1⁄2, and the slash is dropped
		"#²":                  "2",
		"#ŉ":                  "ʼn",
		"#😀":                  "",
		"#a\xffb":             "ab",
		"#ﬁsh":                "fish",
		"#ΑΣ":                 "ας",
		"\u1100-\u1161":       "가", // dropping the hyphen joins the letters
	} {
		if got := FoldTag(in); got != want {
			t.Errorf("FoldTag(%q) = %q, want %q", in, got, want)
		}
	}
	for _, s := range []string{strings.Repeat("A", 5000), strings.Repeat("ﷺ", 500), strings.Repeat("é", 5000)} {
		if got := FoldTag(s); len(got) > maxTag || got == "" || FoldTag(got) != got {
			t.Errorf("a tag of %d bytes becomes %q", len(s), got)
		}
	}
}

func FuzzFoldTag(f *testing.F) {
	for _, s := range []string{"#Zürich", "ΟΔΟΣ", "ㄱ-ㅏ", "\u1100-\u1161", "ﷺ", "İ", "a\u0300\u200c", "ſ", "ŉ", "\U00016d63 \U00016d67"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := FoldTag(s)
		if len(got) > maxTag || !utf8.ValidString(got) {
			t.Fatalf("FoldTag(%q) = %q", s, got)
		}
		for _, r := range got {
			if !tagRune(r) {
				t.Fatalf("FoldTag(%q) = %q has %q", s, got, r)
			}
		}
		if again := FoldTag(got); again != got {
			t.Fatalf("FoldTag(%q) = %q, then %q", s, got, again)
		}
		if with := FoldTag("#" + s); with != got && len(s) < maxTagInput {
			t.Fatalf("FoldTag(%q) = %q, with # %q", s, got, with)
		}
	})
}
