package ingest_test

import (
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
)

// The seq of a time is that of the first record that came then or later.
func TestSeqAt(t *testing.T) {
	e := ingesttest.New(t)
	var marks []time.Time
	for i := range 5 {
		time.Sleep(3 * time.Millisecond) // records' times are in milliseconds
		marks = append(marks, time.Now())
		time.Sleep(3 * time.Millisecond)
		for j := range 40 {
			e.Append(ingesttest.Post("a.example", i*40+j, ingest.TierLive))
		}
	}
	e.CatchUp()
	check := func(at time.Time) {
		t.Helper()
		seq, err := e.Tail.SeqAt(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if seq > e.Tail.Tip() {
			if at.Before(time.Now()) {
				t.Errorf("nothing since %v", at)
			}
			return
		}
		batch, err := e.Tail.Reader(ingest.ViewAll, max(seq, 2)-1).Next(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range batch.Entries {
			if r := entry.Record; r.Seq < seq && !r.Time.Before(at) || r.Seq >= seq && r.Time.Before(at) {
				t.Errorf("%v: %d, but %d came at %v", at, seq, r.Seq, r.Time)
			}
		}
	}
	for _, at := range marks {
		check(at)
	}
	check(time.Unix(0, 0))
	if seq, err := e.Tail.SeqAt(t.Context(), time.Now().Add(time.Hour)); err != nil || seq != e.Tail.Tip()+1 {
		t.Errorf("in the future: %d, %v", seq, err)
	}
}
