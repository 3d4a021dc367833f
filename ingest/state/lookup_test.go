package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
)

func TestRow(t *testing.T) { both(t, testRow) }

func testRow(t *testing.T, dsn string) {
	db := openTest(t, dsn, numbers)
	const query = `SELECT writer FROM numbers WHERE n = $1`
	ask := func(ctx context.Context, n int) (writer int, err error) {
		err = db.Row(ctx, query, n).Scan(&writer)
		return writer, err
	}
	if _, err := ask(t.Context(), 1); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("a row that is not there: %v", err)
	}
	write := func(statement string) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(statement); return err }); err != nil {
			t.Fatal(err)
		}
	}
	write(`INSERT INTO numbers (n, writer) VALUES (1, 10)`)
	var asking sync.WaitGroup
	for range 50 { // more than there are connections
		asking.Go(func() {
			if writer, err := ask(t.Context(), 1); writer != 10 || err != nil {
				t.Errorf("got %d, %v", writer, err)
			}
		})
	}
	asking.Wait()
	write(`ALTER TABLE numbers ADD COLUMN extra BIGINT NOT NULL DEFAULT 5`)
	if writer, err := ask(t.Context(), 1); writer != 10 || err != nil {
		t.Errorf("after the table changed: %d, %v", writer, err)
	}
	if err := db.Row(t.Context(), query).Scan(new(int)); err == nil {
		t.Error("a missing argument was taken from the call before")
	}
	if err := db.Row(t.Context(), `SELECT nothing FROM nowhere WHERE n = $1`, 1).Scan(new(int)); err == nil {
		t.Error("a query that cannot be prepared brought a row")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := ask(ended, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context ended: %v", err)
	}
	for i := range 2 * keptLookups { // more texts than are kept
		if err := db.Row(t.Context(), fmt.Sprintf(`SELECT writer + %d FROM numbers WHERE n = $1`, i), 1).Scan(new(int)); err != nil {
			t.Fatal(err)
		}
	}
}

// Bounds what a look-up by key costs on the way of a post, by both ways to ask.
func BenchmarkRow(b *testing.B) {
	db := openTest(b, "sqlite:"+filepath.Join(b.TempDir(), "state.db"), numbers)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	const query = `SELECT writer FROM numbers WHERE n = $1`
	for _, c := range []struct {
		name string
		row  func(context.Context, string, ...any) *sql.Row
	}{{"kept", db.Row}, {"read", db.Read().QueryRowContext}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.row(ctx, query, 1).Scan(new(int)); !errors.Is(err, sql.ErrNoRows) {
					b.Fatal(err)
				}
			}
		})
	}
}
