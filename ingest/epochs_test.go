package ingest

import (
	"math/rand/v2"
	"testing"
)

// TestEpochsMapBothWays raises bases at random, also below the end, and checks
// that seqs of what can be read increase, are never given twice, and lead back.
func TestEpochsMapBothWays(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		e := epochs{{start: 0, base: firstBase, reason: epochFirst}}
		shown := uint64(0)
		end := int64(0)
		for range 1 + rng.IntN(6) {
			end += int64(rng.IntN(50))
			for o := e[len(e)-1].start; o < end; o++ {
				shown = max(shown, e.seqOf(o))
			}
			from := int64(rng.IntN(int(end) + 1))
			first := shown + 1 + uint64(rng.IntN(1000))
			e = e.raised(from, first, epochRegressed)
			if got := e.seqOf(from); got != first {
				t.Fatalf("seed %d: first record after raising has seq %d, want %d", seed, got, first)
			}
			end = from
			shown = max(shown, first-1)
		}
		end += 100
		var last uint64
		for o := int64(0); o < end; o++ {
			seq := e.seqOf(o)
			if seq <= last {
				t.Fatalf("seed %d: offset %d has seq %d after %d", seed, o, seq, last)
			}
			for between := last + 1; between <= seq && between < last+5; between++ {
				if got := e.offsetOf(between); got != o {
					t.Fatalf("seed %d: seq %d leads to offset %d, want %d", seed, between, got, o)
				}
			}
			if got := e.offsetOf(seq); got != o {
				t.Fatalf("seed %d: seq %d of offset %d leads to offset %d", seed, seq, o, got)
			}
			last = seq
		}
	}
}

func TestEpochsTellWhoCrossesALoss(t *testing.T) {
	e := epochs{{0, firstBase, epochFirst}}.raised(10, 100, epochStopped).raised(20, 500, epochRegressed)
	for _, c := range []struct {
		from, to uint64
		want     bool
	}{{0, 600, false}, {5, 9, false}, {9, 120, false}, {9, 500, true}, {499, 500, true}, {500, 510, false}, {5, 499, false}} {
		if _, got := e.lostBetween(c.from, c.to); got != c.want {
			t.Errorf("from %d to %d: lost is %v", c.from, c.to, got)
		}
	}
}
