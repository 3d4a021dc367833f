package ap

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func document1(b testing.TB, name string) []byte {
	b.Helper()
	raw, err := os.ReadFile("testdata/documents/" + name + ".json")
	if err != nil {
		b.Fatal(err)
	}
	return raw
}

// BenchmarkParseActivity bounds what admission spends on reading a post, once
// per post that comes in: a Create of Mastodon with a mention, a link, two
// hashtags, an emoji and a picture, sanitised (goal 60 µs).
func BenchmarkParseActivity(b *testing.B) {
	raw := document1(b, "mastodon-create")
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if a, err := ParseActivity(raw); err != nil || a.Object.Post == nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseActor bounds what a fetched actor costs.
func BenchmarkParseActor(b *testing.B) {
	raw := document1(b, "mastodon-actor")
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseActor(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSanitise is the HTML's share of BenchmarkParseActivity.
func BenchmarkSanitise(b *testing.B) {
	a, err := ParseActivity(document1(b, "mastodon-create"))
	if err != nil {
		b.Fatal(err)
	}
	s := strings.ReplaceAll(a.Object.Post.Content, "&#39;", "'")
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		Sanitise(s)
	}
}

// BenchmarkDocument is the JSON's share, beside what encoding/json needs for the
// same document.
func BenchmarkDocument(b *testing.B) {
	raw := document1(b, "mastodon-create")
	b.Run("ap", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			d, err := open(raw)
			if err != nil {
				b.Fatal(err)
			}
			d.close()
		}
	})
	b.Run("encoding_json", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			var v map[string]any
			if err := json.Unmarshal(raw, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkHash bounds what telling edits apart costs a post.
func BenchmarkHash(b *testing.B) {
	a, err := ParseActivity(document1(b, "mastodon-create"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		a.Object.Post.Hash()
	}
}

func BenchmarkFoldTag(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		FoldTag("#Zürich")
		FoldTag("#FirstSnow")
	}
}
