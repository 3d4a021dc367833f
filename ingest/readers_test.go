package ingest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
)

// TestManyReadersAtAllSpeeds has readers at the log's start that stand still or
// read at different speeds: each sees exactly the log, and together they hold
// little more than the shared blocks.
func TestManyReadersAtAllSpeeds(t *testing.T) {
	const posts, readers = 3000, 200
	env := ingesttest.New(t)
	for i := range posts / 100 {
		var batch [][]byte
		for j := range 100 {
			r := ingesttest.Post("a.example", i*100+j, ingest.TierSearch)
			r.Raw = append(r.Raw, make([]byte, 3<<10)...)
			v, err := ingest.Encode(r)
			if err != nil {
				t.Fatal(err)
			}
			batch = append(batch, v)
		}
		env.Broker.Produce(batch...)
	}
	env.CatchUp()
	env.Stop()
	env.Start() // nothing is hot

	before := heap()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var all, halfway sync.WaitGroup
	errs := make(chan error, readers)
	for n := range readers {
		halfway.Add(1)
		all.Go(func() { errs <- readAtSpeed(ctx, env.Tail.Reader(ingest.ViewStream, 0), n, posts, halfway.Done) })
	}
	halfway.Wait() // a third of them stands still
	grown := int64(heap()) - int64(before)
	cancel()
	all.Wait()
	for range readers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if grown > 20<<20 {
		t.Errorf("heap grew by %d KiB with %d readers, want at most 20 MiB", grown>>10, readers)
	}
	t.Logf("heap grew by %d KiB with %d readers", grown>>10, readers)
}

// readAtSpeed reads in steps of the reader's own size; every third one stops at
// some place and stands there until ctx ends.
func readAtSpeed(ctx context.Context, r *ingest.Reader, n, posts int, arrived func()) error {
	rng := rand.New(rand.NewPCG(uint64(n), 0))
	stop := posts
	if n%3 == 0 {
		stop = rng.IntN(posts)
	}
	got := 0
	for got < stop {
		batch, err := r.Next(ctx, 1+n%17)
		if err != nil {
			arrived()
			return fmt.Errorf("reader %d after %d records: %w", n, got, err)
		}
		for _, e := range batch.Entries {
			if want := fmt.Sprintf("https://a.example/notes/%d", got); e.Record.Object != want {
				arrived()
				return fmt.Errorf("reader %d: record %d is %s, want %s", n, got, e.Record.Object, want)
			}
			got++
		}
		r.Release()
	}
	arrived()
	<-ctx.Done()
	return nil
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestReaderOutlivesTheBroker: readers wait while the broker is away, and go on.
func TestReaderOutlivesTheBroker(t *testing.T) {
	b := ingesttest.NewBroker(t, t.TempDir())
	env := ingesttest.NewOn(t, b, t.TempDir())
	hot := env.Tail.Reader(ingest.ViewStream, 0)
	for round := range 3 {
		p := ingesttest.Post("a.example", round, ingest.TierSearch)
		env.Append(p)
		all, events := drain(t, hot, p.Object)
		if len(all) != 1 || len(events) != 0 {
			t.Fatalf("round %d: %+v %+v", round, all, events)
		}
		b.Stop()
		b.Start()
	}
	p := ingesttest.Post("a.example", 99, ingest.TierSearch)
	env.Append(p)
	drain(t, env.Tail.Reader(ingest.ViewStream, 0), p.Object)
}
