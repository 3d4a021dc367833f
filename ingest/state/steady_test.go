package state

import (
	"database/sql"
	"fmt"
	"testing"
)

func TestKeptStatements(t *testing.T) { both(t, testKeptStatements) }

func testKeptStatements(t *testing.T, dsn string) {
	db := openTest(t, dsn, numbers)
	write := func(query string, args ...any) error {
		return db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(query, args...)
			return err
		})
	}
	for round := range 2 { // more texts than are kept, each used again after it made place for others
		for n := range keptMax + 10 {
			if err := write(fmt.Sprintf(`INSERT INTO numbers (n, writer) VALUES ($1, %d)`, n), round*1000+n); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := stored(t, db); len(got) != 2*(keptMax+10) {
		t.Errorf("%d rows", len(got))
	}
	for range 2 { // an error does not stay with the statement
		if err := write(`INSERT INTO numbers (n, writer) VALUES ($1, 0)`, 1); err == nil {
			t.Error("a duplicate was stored")
		}
	}
	const query = `INSERT INTO numbers (n, writer) VALUES ($1, 0)`
	if err := write(query, 50_000); err != nil {
		t.Errorf("after an error: %v", err)
	}
	if err := write(`ALTER TABLE numbers ADD COLUMN extra BIGINT NOT NULL DEFAULT 5`); err != nil {
		t.Fatal(err)
	}
	if err := write(query, 50_001); err != nil {
		t.Errorf("after the table changed: %v", err)
	}
	if err := write(query); err == nil {
		t.Error("a missing argument was taken from the call before")
	}
}
