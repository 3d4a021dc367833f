package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/ingesttest"
	"tributary/ingest/lease"
)

func dated(n int, published time.Time) *ingest.Record {
	r := post("old.example", "zoe", n, ingest.TierSearch, fmt.Sprintf("post number%d", n))
	r.Post.Published = published
	r.Content = r.Post.Hash()
	return r
}

// versions counts the rows of posts that a query over newest versions sees.
func (e *env) versions() (n uint64) {
	e.t.Helper()
	if err := e.conn.QueryRow(context.Background(), `SELECT count() FROM posts FINAL`).Scan(&n); err != nil {
		e.t.Fatal(err)
	}
	return n
}

func TestMonthsInOneBatch(t *testing.T) {
	slow := quick
	slow.linger = 300 * time.Millisecond // one batch
	e := newEnv(t, slow)
	var all []*ingest.Record
	for n := range 150 {
		all = append(all, dated(n, time.Date(1990+n/12, time.Month(1+n%12), 3, 0, 0, 0, 0, time.UTC)))
	}
	e.put(all...)
	if n := e.versions(); n != 150 {
		t.Errorf("%d posts", n)
	}
	// Deletes of posts that arrived in 150 months: the ids are ours, the months real.
	var gone []*ingest.Record
	for n, r := range all {
		d := ingesttest.Delete(dated(1000+n, time.Time{}))
		d.ID = firstID(r.Post.Published.AddDate(20, 0, 0)) + uint64(n)
		gone = append(gone, d)
	}
	e.put(gone...)
	if n := e.versions(); n != 150 {
		t.Errorf("%d posts after Deletes of others", n)
	}
	e.put(withdrawing(ingest.ScopeDomain, "old.example", ingest.TierNone))
	if n := e.versions(); n != 0 {
		t.Errorf("%d posts after their domain was withdrawn", n)
	}
}

func TestHostileDates(t *testing.T) {
	ctx := context.Background()
	dates := map[string]time.Time{
		"none":      {},
		"year 1":    time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
		"year 1900": time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC),
		"year 1969": time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC),
		"year 2099": time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		"year 9999": time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC),
	}
	e := newEnv(t, quick)
	n := 0
	for name, date := range dates {
		n++
		r := dated(n, date)
		e.put(r)
		found := must(e.SearchStatuses(ctx, Search{Text: fmt.Sprintf("number%d", n)}))
		if !slices.Equal(objects(found), []string{r.Object}) {
			t.Errorf("%s: not found: %v", name, objects(found))
			continue
		}
		outlives := edit(r, func(p *ap.Post) {
			p.Updated = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
			p.Published = p.Published.AddDate(-3, 0, 0)
		})
		outlives.Version = outlives.Post.Updated.UnixMilli()
		e.put(outlives)
		if got := e.versions(); got != 1 {
			t.Errorf("%s: %d rows after an edit that changes published", name, got)
		}
		e.put(ingesttest.Delete(r))
		e.put(r, outlives) // once more
		if _, err := e.Status(ctx, found[0].ID); !errors.Is(err, ErrNotFound) || e.versions() != 0 {
			t.Errorf("%s: it outlived its Delete: %v", name, err)
		}
		for _, table := range []string{"posts", "records"} {
			if err := e.conn.Exec(ctx, "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
				t.Fatal(err)
			}
		}
		if e.versions() != 0 {
			t.Errorf("%s: it came back with a merge", name)
		}
	}
	var lo, hi time.Time
	if err := e.conn.QueryRow(ctx, `SELECT min(published), max(published) FROM posts`).Scan(&lo, &hi); err != nil || lo.Before(time.Unix(0, 0)) || hi.After(time.Now()) {
		t.Errorf("published between %s and %s, %v", lo, hi, err)
	}
}

func TestGapsAreRecorded(t *testing.T) {
	e := newEnv(t, quick)
	e.put(dated(1, time.Now()))
	e.stop()
	x, err := Open(context.Background(), Config{Options: e.options, DB: e.DB, Tail: e.Tail, Logger: ingesttest.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	event := ingest.Event{Name: ingest.EventExpired, From: 5, To: 9}
	b := &batch{gaps: []ingest.Event{event}, position: 9}
	for range 2 { // a batch may be stored twice
		if err := x.storeBatch(context.Background(), lease.Term{}, b); err != nil {
			t.Fatal(err)
		}
	}
	var n, from, to uint64
	if err := x.conn.QueryRow(context.Background(), `SELECT count(), any(from_seq), any(to_seq) FROM gaps FINAL`).Scan(&n, &from, &to); err != nil || n != 1 || from != 5 || to != 9 {
		t.Errorf("gaps: %d, %d to %d, %v", n, from, to, err)
	}
}

// A new database under an old cursor is filled from the log's start, and never
// shows in between what was withdrawn.
func TestAnEmptyDatabaseIsFilledAgain(t *testing.T) {
	e := newEnv(t, quick)
	kept, gone := dated(1, time.Now()), dated(2, time.Now())
	e.put(kept, gone, ingesttest.Delete(gone))
	e.stop()
	e.options = options(t)
	e.start()
	e.indexed()
	e.await("hours stay queued", func() bool { return e.rollups.size.Load() == 0 })
	if found := must(e.Timeline(context.Background(), Timeline{})); !slices.Equal(objects(found), []string{kept.Object}) {
		t.Errorf("found %v", objects(found))
	}
	var n uint64
	if err := e.conn.QueryRow(context.Background(), `SELECT count() FROM records WHERE record != ''`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d versions with a record, %v: what is withdrawn was stored", n, err)
	}
}
