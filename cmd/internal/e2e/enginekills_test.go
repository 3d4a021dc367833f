//go:build e2e && linux

package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"tributary/ingest/testseed"
)

var engineRoundFlag = flag.Int("engine-rounds", 20, "kills of TestEngineKills")

// The world of TestEngineKills. Five authors make a group, whose counts are shown.
const (
	engineSenders     = 5
	engineSubscribers = 2
	engineRate        = 30 // posts per second over all senders
)

// I4, I7, and that a broken engine never stops the rest: the engine is killed again and
// again under load. Every post is taken at once, streams and deliveries notice nothing,
// and in the end the index has every post that may be shown, and counts it, once.
func TestEngineKills(t *testing.T) {
	seed := testseed.Of(t)
	k := newEngineKills(t, seed)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); k.load.run(ctx, engineRate, stop) }()
	began := time.Now()
	for round := range *engineRoundFlag {
		k.round(round)
	}
	lasted := time.Since(began)
	close(stop)
	<-done
	k.load.inFlight.Wait()
	k.settle()
	t.Logf("%d posts acknowledged in %s", len(k.load.posts()), lasted.Round(time.Second))
	if err := k.program.stop(); err != nil {
		t.Error(err)
	}
}

type engineKills struct {
	*testing.T
	rng     *rand.Rand
	program *program
	load    *load
	stream  *reader
	app     library
}

func newEngineKills(t *testing.T, seed uint64) *engineKills {
	t.Helper()
	program := newIndexed(t)
	program.startReady()
	program.indexReady()
	load := newLoad(t, newWorld(t, seed), program.inbox(), engineSenders, engineSubscribers)
	load.subscribe(t.Context())
	app := newGoMastodon(t, program.url())
	if err := app.stream(""); err != nil {
		t.Fatal(err)
	}
	return &engineKills{
		T: t, rng: rand.New(rand.NewPCG(seed, 0)), program: program, load: load, app: app, stream: read(t, program.firehose()),
	}
}

// round is one kill. Every other one is between inserts or in one; the others come at any
// moment, also while the engine starts.
func (k *engineKills) round(n int) {
	stored := "tributary_index_records_total"
	before := k.program.metric(stored)
	pid := k.living()
	if n%2 == 0 {
		await(k.T, "an insert", func() []string {
			if now := k.program.metric(stored); now == before {
				return []string{"records stored: " + now}
			}
			return nil
		})
	}
	moment := time.Duration(k.rng.Int64N(int64(400 * time.Millisecond)))
	pause(k.Context(), moment)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		k.Fatalf("round %d: the engine has ended by itself: %v", n, err)
	}
	k.Logf("round %d: killed %s after it was seen to live, or to store; %s records stored", n, moment, k.program.metric(stored))
	await(k.T, "the engine's end", func() []string {
		if running(pid) {
			return []string{"it runs"}
		}
		return nil
	})
}

// living waits for the engine's next life.
func (k *engineKills) living() (pid int) {
	k.Helper()
	await(k.T, "the engine's next life", func() []string {
		found := false
		if pid, found = k.program.engine(); !found {
			return []string{"there is none"}
		}
		return nil
	})
	return pid
}

// settle waits until everything is everywhere.
func (k *engineKills) settle() {
	await(k.T, "deliveries", k.load.lacking(slices.Concat(k.load.senders, k.load.subscribers)...))
	await(k.T, "the firehose", k.load.unseen(k.stream))
	undisturbed(k.T, k.load, k.stream, k.app)
	posts := k.load.posts()
	want, all := shownOf(posts), 0
	for _, post := range posts {
		if !post.deleted {
			all++
		}
	}
	k.program.awaitTimeline(k.T, "", want)
	k.program.awaitTimeline(k.T, "kills", want)
	// Who is not to be shown is counted. What was deleted is until its hour is computed again.
	await(k.T, "uses of the tag", func() []string {
		if uses, err := k.program.uses(k.Context(), "kills"); err != nil || uses != all {
			return []string{fmt.Sprintf("%d uses, %v, want %d", uses, err, all)}
		}
		return nil
	})
}

// uses is how often a tag was used in the last days.
func (p *program) uses(ctx context.Context, tag string) (total int, err error) {
	var found struct {
		History []struct {
			Uses int `json:",string"`
		}
	}
	_, err = p.get(ctx, p.url()+"/api/v1/tags/"+tag, &found)
	for _, day := range found.History {
		total += day.Uses
	}
	return total, err
}

// undisturbed checks that no post had to be repeated, and no connection made anew.
func undisturbed(t *testing.T, load *load, stream *reader, app library) {
	t.Helper()
	for _, refusal := range load.refused {
		t.Errorf("refused: %s", refusal)
	}
	for object, post := range load.posts() {
		if post.tries != 1 {
			t.Errorf("%s was taken at try %d", object, post.tries)
		}
	}
	rightFrames(t, stream)
	if stream.resumed != 1 {
		t.Errorf("the firehose took %d connections", stream.resumed)
	}
	events, _ := app.heard().all()
	seen := map[string]bool{}
	for _, e := range events {
		if e.Event != "update" && e.Event != "delete" || seen[e.Event+e.ID] {
			t.Errorf("Mastodon's stream brought, or brought again, %+v", e)
		}
		seen[e.Event+e.ID] = true
	}
}

// shownOf are the posts that anybody may see.
func shownOf(posts map[string]*outcome) []string {
	var all []string
	for object, post := range posts {
		if !post.hidden && !post.deleted {
			all = append(all, object)
		}
	}
	return all
}
