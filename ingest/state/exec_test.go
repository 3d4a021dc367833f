package state

import (
	"database/sql"
	"testing"
)

func TestExec(t *testing.T) { both(t, testExec) }

// A single statement is stored, whatever the writer is at; on PostgreSQL it does not wait for it.
func testExec(t *testing.T, dsn string) {
	ctx := t.Context()
	db := openTest(t, dsn, numbers)
	began, release, held := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		held <- db.Write(ctx, func(*sql.Tx) error { close(began); <-release; return nil })
	}()
	<-began
	if db.beside == nil {
		close(release)
	}
	done, err := db.Exec(ctx, `INSERT INTO numbers (n, writer) VALUES ($1, 0), ($2, 0)`, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := done.RowsAffected(); err != nil || n != 2 {
		t.Errorf("%d rows, %v", n, err)
	}
	if got := stored(t, db); len(got) != 2 {
		t.Errorf("stored %v", got)
	}
	if db.beside != nil {
		close(release)
	}
	if err := <-held; err != nil {
		t.Error(err)
	}
	if _, err := db.Exec(ctx, `INSERT INTO numbers (n, writer) VALUES (1, 0)`); err == nil {
		t.Error("a broken constraint was not told")
	}
}
