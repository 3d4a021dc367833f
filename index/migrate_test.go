package index

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
)

// What an older program stored is found by this one: the tables as migration 2 left them, with a post,
// its later version, and one that is gone.
func TestAnOlderDatabaseOpens(t *testing.T) {
	ctx := context.Background()
	e := newEnv(t, quick)
	e.put(dated(1, e.now()), dated(2, e.now()))
	kept, gone := must(e.Timeline(ctx, Timeline{}))[1], must(e.Timeline(ctx, Timeline{}))[0]
	e.stop()

	e.options = options(t)
	old, err := createDatabase(ctx, e.options)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(old)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(ctx, migrationsTable); err != nil {
		t.Fatal(err)
	}
	for i, name := range must(migrationNames())[:2] {
		if err := apply(ctx, conn, i+1, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		of      *ingest.Record
		deleted int
		record  string
	}{{kept, 0, must(encodePost(kept))}, {gone, 0, must(encodePost(gone))}, {gone, 1, ""}} {
		key := ingest.HashOf(row.of.Object)
		if err := conn.Exec(ctx, fmt.Sprintf(`INSERT INTO posts (id, seq, deleted, tier, object, arrived, words, record)
VALUES (%d, %d, %d, %d, unhex('%x'), now64(3), 'post number1', unhex('%x'))`, row.of.ID, row.of.Seq+uint64(10*row.deleted), row.deleted,
			int(row.of.Tier)*(1-row.deleted), key[:], row.record)); err != nil {
			t.Fatal(err)
		}
	}

	x, err := Open(ctx, Config{Options: e.options, DB: e.DB, Tail: e.Tail, Logger: ingesttest.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if found := must(x.Timeline(ctx, Timeline{})); !slices.Equal(objects(found), []string{kept.Object}) {
		t.Errorf("timeline: %v", objects(found))
	}
	if found := must(x.SearchStatuses(ctx, Search{Text: "number1"})); !slices.Equal(objects(found), []string{kept.Object}) {
		t.Errorf("search: %v", objects(found))
	}
	again := must(migrationNames())
	for i := 2; i < len(again); i++ { // a crash may come before a migration is recorded
		if err := apply(ctx, conn, i+1, again[i]); err != nil && again[i] != "0003_records.sql" {
			t.Errorf("%s once more: %v", again[i], err)
		}
	}
}
