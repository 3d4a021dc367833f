package ingest_test

import (
	"database/sql"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
)

// A state database that stands still for a while is behind what is kept in memory
// when it goes on: what it then folds in is read again from the log, and must come
// to the same rows.
func TestStateCursorBehindTheRing(t *testing.T) {
	const posts, repeat = 700, 600
	env := ingesttest.New(t)
	env.Append(ingesttest.Post("a.example", 0, ingest.TierSearch))
	release, held := make(chan struct{}), make(chan error, 1)
	began := make(chan struct{})
	go func() {
		held <- env.DB.Write(t.Context(), func(*sql.Tx) error { close(began); <-release; return nil })
	}()
	<-began
	large := make([]byte, 20<<10) // some 60 KiB in memory: 500 of them fill the ring
	for i := range posts {
		r := ingesttest.Post("a.example", 1+i%repeat, ingest.TierSearch)
		r.Raw = large
		value, err := ingest.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		env.Broker.Produce(value)
	}
	for deadline := time.Now().Add(30 * time.Second); env.Tail.Tip() < posts+1; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("read up to %d", env.Tail.Tip())
		}
	}
	close(release)
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	env.CatchUp()
	ids := map[uint64]bool{}
	stream, _ := readAll(t, env.Tail, ingest.ViewStream, 0)
	for _, s := range stream {
		ids[s.ID] = true
	}
	rows, err := env.DB.Read().QueryContext(t.Context(), `SELECT id, tier FROM objects`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	n := 0
	for rows.Next() {
		var id uint64
		var tier ingest.Tier
		if err := rows.Scan(&id, &tier); err != nil {
			t.Fatal(err)
		}
		if n++; !ids[id] || tier != ingest.TierSearch {
			t.Fatalf("row %d has id %d and tier %d", n, id, tier)
		}
	}
	if n != repeat+1 || len(stream) != n {
		t.Errorf("%d rows, %d shown, want %d", n, len(stream), repeat+1)
	}
	var dropped int
	if err := env.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM corrections WHERE dropped = 1`).Scan(&dropped); err != nil || dropped != posts-repeat {
		t.Errorf("%d corrections, %v, want %d", dropped, err, posts-repeat)
	}
}
