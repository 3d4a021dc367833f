package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest/child/childtest"
	"tributary/ingest/testseed"
)

// SIGKILL while batches are written loses none that was acknowledged, and leaves no part of one; the next life of the
// child goes on (I1).
func TestKillLosesNothingAcknowledged(t *testing.T) {
	seed := testseed.Of(t)
	random := rand.New(rand.NewPCG(seed, 0))
	const size = 500
	o := options(t)
	p := start(t, o)
	p.must(t, "CREATE DATABASE d")
	p.must(t, "CREATE TABLE d.t (batch String, n UInt64, text String) ENGINE = MergeTree ORDER BY batch")

	acked := map[string]bool{}
	var mu sync.Mutex
	var writers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for id := range 2 {
		writers.Go(func() {
			c := p.driver(t)
			for n := 0; ctx.Err() == nil; n++ {
				name := fmt.Sprintf("%d/%d", id, n)
				batch, err := c.PrepareBatch(t.Context(), "INSERT INTO d.t (batch, n, text)")
				if err != nil {
					time.Sleep(time.Millisecond) // until the next life
					continue
				}
				for i := range size {
					_ = batch.Append(name, uint64(i), strings.Repeat("text\n\n", i%20))
				}
				if batch.Send() == nil {
					mu.Lock()
					acked[name] = true
					mu.Unlock()
				}
			}
		})
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
	for range 3 {
		childtest.Ready(t, p.Process)
		at := count() + 5 + random.IntN(30)
		childtest.Await(t, "acknowledged batches", func() bool { return count() >= at })
		childtest.Kill(t, p.Pid())
		childtest.Await(t, "batches after the kill", func() bool { return count() > at+5 })
	}
	stop()
	writers.Wait()

	p.client.CloseIdleConnections()
	there := map[string]string{}
	for line := range strings.Lines(p.must(t, "SELECT batch, count(), uniq(n) FROM d.t GROUP BY batch")) {
		name, counts, _ := strings.Cut(strings.TrimSpace(line), "\t")
		there[name] = counts
	}
	whole := fmt.Sprintf("%d\t%d", size, size)
	for name, counts := range there {
		if counts != whole {
			t.Errorf("batch %s has rows %s", name, counts)
		}
	}
	for name := range acked {
		if there[name] != whole {
			t.Errorf("acknowledged batch %s is lost", name)
		}
	}
	t.Logf("%d acknowledged, %d in the table", len(acked), len(there))
}

// kill -9 of the server, then at once another one in the same directory: no orphan, and the new child gets the lock.
func TestRestartAtOnceAfterKill(t *testing.T) {
	o := options(t)
	o.applyDefaults()
	for round := range 2 {
		args := append([]string{"parent"}, o.args()...)
		server, engine := childtest.StartParent(t, args...)
		p := connect(o)
		p.must(t, "CREATE DATABASE IF NOT EXISTS d")
		p.must(t, "CREATE TABLE IF NOT EXISTS d.t (n UInt64) ENGINE = MergeTree ORDER BY n")
		p.must(t, fmt.Sprintf("INSERT INTO d.t VALUES (%d)", round))
		p.client.CloseIdleConnections()
		if err := server.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = server.Wait()
		defer childtest.Await(t, "end of the orphan", func() bool { return childtest.Gone(engine) })
	}
	if got := start(t, o).must(t, "SELECT groupArray(n) FROM (SELECT * FROM d.t ORDER BY n)"); got != "[0,1]" {
		t.Error(got)
	}
}

// The process that ends in good order leaves nothing running, even with a statement in its way.
func TestCloseKillsStatements(t *testing.T) {
	o := options(t)
	p := start(t, o)
	over := make(chan error, 1)
	go func() {
		res, err := p.client.Post("http://engine/", "", strings.NewReader("SELECT count() FROM numbers(1e13) WHERE NOT ignore(sipHash64(number))"))
		if err == nil {
			res.Body.Close()
		}
		over <- err
	}()
	childtest.Await(t, "the statement", func() bool {
		return p.must(t, "SELECT count() FROM system.processes WHERE query LIKE 'SELECT count() FROM numbers(1e13)%'") == "1"
	})
	if err := p.Close(); err != nil { // ErrKilled if it took too long
		t.Error(err)
	}
	<-over
}
