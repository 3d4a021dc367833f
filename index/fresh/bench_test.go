package fresh

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"tributary/ingest"
)

// speak makes posts of 25 words, of which few are in every second post and most in few, of 20,000 authors.
func speak() func(id uint64) Post {
	r := rand.New(rand.NewPCG(1, 2))
	word := rand.NewZipf(r, 1.1, 8, 50_000)
	terms := make([]Term, 0, 32)
	return func(id uint64) Post {
		terms = append(terms[:0], Actor(r.Uint64N(20_000)), Language("en"))
		for range 25 {
			terms = append(terms, Word(fmt.Sprintf("word%d", word.Uint64())))
		}
		return Post{ID: id, Seq: id, Tier: ingest.TierSearch, Terms: terms}
	}
}

func filled(posts int) *Set {
	s, post := New(1<<30), speak()
	s.Older()
	s.Load(nil, 1)
	for id := range uint64(posts) {
		s.Add(post(id + 1))
	}
	return s
}

func BenchmarkAdd(b *testing.B) {
	s, post := filled(0), speak()
	posts := make([]Post, 100_000)
	for i := range posts {
		posts[i] = post(uint64(i))
		posts[i].Terms = append([]Term(nil), posts[i].Terms...)
	}
	n := uint64(0)
	for b.Loop() {
		p := posts[n%uint64(len(posts))]
		n++
		p.ID = n
		s.Add(p)
	}
	b.ReportMetric(float64(s.Size())/float64(n), "B/post")
}

// BenchmarkFind asks for forty posts out of a million.
func BenchmarkFind(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := filled(1_000_000)
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Logf("%d posts in %d segments: %d bytes counted, %d taken", s.Len(), len(s.segments), s.Size(), after.HeapInuse-before.HeapInuse)
	shown := func(uint64, ingest.Tier) bool { return true }
	for _, c := range []struct {
		name  string
		terms []Term
	}{
		{"newest", nil},
		{"two_common_words", []Term{Word("word3"), Word("word20")}},
		{"two_words", []Term{Word("word310"), Word("word325")}},
		{"two_rare_words", []Term{Word("word20000"), Word("word30000")}},
		{"author", []Term{Actor(77)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			q := &Query{All: c.terms, Shown: shown}
			for b.Loop() {
				s.Find(q, 0, 0, 40, false)
			}
		})
	}
}
