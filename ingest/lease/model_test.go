package lease

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tributary/ingest/testseed"
)

// Nodes start, end, are killed, and their writes are slow, fail, or are committed
// without their knowing. No two act on one share at the same time, generations
// rise, and when the trouble ends everything is served.
func TestModel(t *testing.T) {
	seed := testseed.Of(t)
	for round := range 3 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				play(w, rand.New(rand.NewPCG(seed, uint64(round))))
			})
		})
	}
}

func play(w *world, rng *rand.Rand) {
	var calm atomic.Bool
	lives := 0
	live := map[string]*member{}
	faults := func() func() error {
		own := rand.New(rand.NewPCG(rng.Uint64(), 0))
		var mu sync.Mutex
		return func() error {
			mu.Lock()
			n, part := own.IntN(100), own.Float64()
			mu.Unlock()
			switch {
			case calm.Load():
				return nil
			case n < 15:
				time.Sleep(time.Duration(part * float64(ttl)))
			case n < 25:
				time.Sleep(time.Duration(part * float64(beat)))
			case n < 35:
				return errors.New("the database is away")
			}
			return nil
		}
	}
	for range 60 {
		name := string(rune('a' + rng.IntN(4)))
		switch m := live[name]; {
		case m == nil:
			lives++
			live[name] = w.join(name, lives, faults())
		case rng.IntN(2) == 0:
			m.kill()
			delete(live, name)
		default:
			m.leave()
			delete(live, name)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(15 * time.Second))))
	}
	calm.Store(true)
	if live["a"] == nil {
		live["a"] = w.join("a", lives+1, nil)
	}
	time.Sleep(4*ttl + 10*time.Second) // the longest pause of a write, and what they wait for then
	sum := 0
	for node, n := range w.shares() {
		if live[node] == nil {
			w.t.Errorf("%s serves %d shares and is not there", node, n)
		}
		sum += n
	}
	if sum != shards+1 {
		w.t.Errorf("%d shares are served, want %d: %v", sum, shards+1, w.shares())
	}
	for _, m := range live {
		m.leave()
	}
}
