package simulator

import (
	"crypto/sha256"
	"testing"

	"tributary/ingest/ap"
)

func TestFeedIsDecidedByItsSeed(t *testing.T) {
	sum := func(seed uint64) [32]byte {
		f, h := NewFeed(FeedConfig{Seed: seed}), sha256.New()
		for range 3000 {
			h.Write(f.Next().Body)
		}
		return [32]byte(h.Sum(nil))
	}
	once, again := sum(1), sum(1)
	if once != again {
		t.Error("one seed, two feeds")
	}
	if once == sum(2) {
		t.Error("two seeds, one feed")
	}
}

// All of a feed can be read, and it holds some of everything.
func TestFeedIsRead(t *testing.T) {
	f := NewFeed(FeedConfig{Seed: 1})
	kinds, softwares := map[string]int{}, map[string]bool{}
	for range 8_000 {
		a := f.Next()
		got, err := ap.ParseActivity(a.Body)
		if err != nil || got.ID != a.ID || got.Type != a.Type || got.ObjectID != a.Object {
			t.Fatalf("%s\nis %+v, %v; want %s %s of %s", a.Body, got, err, a.Type, a.ID, a.Object)
		}
		kinds[string(a.Means.Kind)]++
		softwares[a.Means.Giver] = true
	}
	for _, kind := range []string{"Create", "Update", "Delete", "Boost", "Bring", "Profile", "Leave", "Noise"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s in %v", kind, kinds)
		}
	}
	t.Log(kinds, len(softwares), f.Now())
}

// BenchmarkFeed bounds how fast a day can be replayed: the goal is 50,000 documents a second.
func BenchmarkFeed(b *testing.B) {
	f := NewFeed(FeedConfig{Seed: 1})
	bytes := 0
	for b.Loop() {
		bytes += len(f.Next().Body)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
	b.ReportMetric(float64(bytes)/float64(b.N), "bytes/document")
}
