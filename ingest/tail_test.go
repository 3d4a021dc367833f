package ingest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
)

// seen is what a reader can tell of a record, comparable.
type seen struct {
	Seq       uint64
	Kind      ingest.Kind
	ID        uint64
	Object    string
	Actor     string
	Tier      ingest.Tier
	PrevTier  ingest.Tier
	PrevGrant ingest.Grant
}

// readAll reads from cursor until nothing comes for a moment.
func readAll(t testing.TB, tail *ingest.Tail, v ingest.View, cursor uint64) (all []seen, events []ingest.Event) {
	t.Helper()
	r := tail.Reader(v, cursor)
	late := time.Now().Add(30 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		batch, err := r.Next(ctx, 7)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			if r.Position() < tail.Tip() && time.Now().Before(late) {
				continue // the machine is busy
			}
			return all, events
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, batch.Events...)
		for _, e := range batch.Entries {
			r := e.Record
			all = append(all, seen{r.Seq, r.Kind, r.ID, r.Object, r.Actor, r.Tier, r.PrevTier, r.PrevGrant})
		}
	}
}

func TestTailBringsWhatWasAppended(t *testing.T) {
	env := ingesttest.New(t)
	p := ingesttest.Post("a.example", 1, ingest.TierSearch)
	q := ingesttest.Post("a.example", 2, ingest.TierRelay)
	env.Append(p, q, ingesttest.Delete(p))
	stream, _ := readAll(t, env.Tail, ingest.ViewStream, 0)
	if len(stream) != 1 || stream[0].Kind != ingest.KindDelete || stream[0].PrevTier != ingest.TierSearch {
		t.Errorf("stream shows %+v, want the delete alone", stream)
	}
	lane, _ := readAll(t, env.Tail, ingest.ViewLane, 0)
	if len(lane) != 2 || lane[0].Object != q.Object || lane[1].Kind != ingest.KindDelete {
		t.Errorf("lane shows %+v, want the unlisted post and the delete", lane)
	}
	if lane[1].ID == 0 || stream[0].ID != lane[1].ID {
		t.Errorf("ids differ: %+v %+v", stream, lane)
	}
}
