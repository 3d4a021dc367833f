package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/testseed"
)

// told is a story as Mastodon's streams tell it.
type told struct {
	want     []string        // what every live reader sees, in order
	possible map[string]bool // what was ended later: a reader may have seen it before
}

// retell turns the model's frames into events.
func (f *fixture) retell(story []*ingest.Record, seqs []uint64) told {
	f.t.Helper()
	records := map[uint64]*ingest.Record{}
	r := f.Tail.Reader(ingest.ViewAll, seqs[0])
	for f.Tail.Tip() > r.Position() {
		batch, err := r.Next(context.Background(), 1000)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, e := range batch.Entries {
			records[e.Record.Seq] = e.Record
		}
	}
	names := map[string]string{"create": "update", "update": "status.update"}
	out := told{possible: map[string]bool{}}
	for _, s := range model(story, seqs) {
		switch r := records[s.seq]; {
		case s.kind == "delete":
			out.want = append(out.want, fmt.Sprintf("delete %d", r.ID))
		case names[s.kind] != "":
			out.want = append(out.want, names[s.kind]+" "+r.Object)
		}
	}
	for seq := range ended(story, seqs) {
		for _, name := range names {
			out.possible[name+" "+records[seq].Object] = true
		}
	}
	return out
}

func (w told) check(seen []string) error {
	want := w.want
	for _, s := range seen {
		switch {
		case len(want) > 0 && s == want[0]:
			want = want[1:]
		case !w.possible[s]:
			return fmt.Errorf("%q is shown, the model says %q", s, want[:min(1, len(want))])
		}
	}
	if len(want) > 0 {
		return fmt.Errorf("%d events are missing: %q …", len(want), want[0])
	}
	return nil
}

// A random story of all tiers, with edits, deletes and a withdrawn server, is told
// by every surface as the model says, to clients that follow it live.
func TestMastodonSurfaces(t *testing.T) {
	seed := testseed.Of(t)
	f := newFixture(t, Config{}, nil)
	const last = "https://end.example/notes/1"
	seen := map[string][]string{}
	var mu sync.Mutex
	note := func(surface, event, payload string) (end bool) {
		if what := shortOrURI(t, event, payload); !strings.HasSuffix(what, " "+last) {
			mu.Lock()
			defer mu.Unlock()
			seen[surface] = append(seen[surface], what)
			return false
		}
		return true
	}
	ws, sse := f.mastodon("?stream=public"), f.events("/public/remote", nil)
	ws.say(`{"type":"subscribe","stream":"hashtag","tag":"Test"}`)
	ws.settle()
	var reading sync.WaitGroup
	reading.Go(func() {
		for ends := 0; ends < 2; {
			fr, err := ws.frame()
			if err != nil {
				t.Error(err)
				return
			}
			if note(fr.Stream[0], fr.Event, fr.Payload) {
				ends++
			}
		}
	})
	reading.Go(func() {
		for {
			event, payload, err := sse.event()
			if err != nil {
				t.Error(err)
				return
			}
			if note("events", event, payload) {
				return
			}
		}
	})
	all := story(rand.New(rand.NewPCG(seed, 0)), 400)
	seqs := f.appendStory(append(all, ingesttest.Post("end.example", 1, live)))
	reading.Wait()
	want := f.retell(all, seqs)
	for _, surface := range []string{"public", "hashtag", "events"} {
		if err := want.check(seen[surface]); err != nil {
			t.Errorf("%s: %v", surface, err)
		}
	}
}
