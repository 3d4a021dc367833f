package state

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// group keeps the writer busy with one function until all others wait, so that they share its
// transaction. It runs in a synctest bubble, where "all wait" can be known. It returns what each
// Write returned.
func group(t *testing.T, db *DB, ctx context.Context, functions ...func(*sql.Tx) error) []error {
	t.Helper()
	started, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = db.Write(ctx, func(*sql.Tx) error { // shares the fate of the others
			close(started)
			<-release
			return nil
		})
	})
	<-started
	results := make([]error, len(functions))
	for i, f := range functions {
		wg.Go(func() {
			defer func() { _ = recover() }()
			results[i] = db.Write(ctx, f)
		})
	}
	synctest.Wait()
	close(release)
	wg.Wait()
	return results
}

func TestAFailureUndoesOnlyItsOwnFunction(t *testing.T) {
	bothInBubbles(t, testAFailureUndoesOnlyItsOwnFunction)
}

func testAFailureUndoesOnlyItsOwnFunction(t *testing.T, dsn string) {
	ctx := t.Context()
	db := openTest(t, dsn, numbers)
	mine := errors.New("mine")
	results := group(t, db, ctx,
		insert(ctx, 1),
		func(tx *sql.Tx) error { return errors.Join(insert(ctx, 2)(tx), mine) },
		insert(ctx, 3),
		func(tx *sql.Tx) error { _ = insert(ctx, 4)(tx); panic("boom") },
		func(tx *sql.Tx) error { _ = insert(ctx, 5)(tx); runtime.Goexit(); return nil },
		func(tx *sql.Tx) error { _ = insert(ctx, 6)(tx); return insert(ctx, 6)(tx) }, // a constraint fails
		insert(ctx, 7),
	)
	for i, err := range results {
		if want := i == 1 || i == 5; (err != nil) != want {
			t.Errorf("function %d: %v", i, err)
		}
	}
	if !errors.Is(results[1], mine) {
		t.Errorf("got %v", results[1])
	}
	if got := stored(t, db); !slices.Equal(got, []int{1, 3, 7}) {
		t.Errorf("stored %v", got)
	}
}

func TestAPanicReachesItsCaller(t *testing.T) { both(t, testAPanicReachesItsCaller) }

func testAPanicReachesItsCaller(t *testing.T, dsn string) {
	db := openTest(t, dsn, numbers)
	defer func() {
		if recover() != "boom" {
			t.Error("the panic was swallowed")
		}
		if err := db.Write(t.Context(), insert(t.Context(), 1)); err != nil {
			t.Errorf("the writer died with it: %v", err)
		}
	}()
	_ = db.Write(t.Context(), func(*sql.Tx) error { panic("boom") })
}

func TestManyWritersAreAllStored(t *testing.T) { both(t, testManyWritersAreAllStored) }

func testManyWritersAreAllStored(t *testing.T, dsn string) {
	const writers, each = 64, 50
	db := openTest(t, dsn, numbers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := db.Write(t.Context(), insert(t.Context(), w*each+i)); err != nil {
					t.Error(err)
					return
				}
				// What was acknowledged can be read at once, by anybody.
				var n int
				if err := db.Read().QueryRow(`SELECT COUNT(*) FROM numbers WHERE n = $1`, w*each+i).Scan(&n); err != nil || n != 1 {
					t.Errorf("acknowledged row is not there: %d, %v", n, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := stored(t, db); len(got) != writers*each {
		t.Errorf("%d rows", len(got))
	}
}

func TestReadersDoNotWaitForTheWriter(t *testing.T) { both(t, testReadersDoNotWaitForTheWriter) }

func testReadersDoNotWaitForTheWriter(t *testing.T, dsn string) {
	db := openTest(t, dsn, numbers)
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		if err := insert(t.Context(), 1)(tx); err != nil {
			return err
		}
		if got := stored(t, db); len(got) != 0 {
			t.Errorf("a reader saw what is not committed: %v", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := stored(t, db); len(got) != 1 {
		t.Errorf("stored %v", got)
	}
}

func TestAnOpenReaderKeepsItsSnapshot(t *testing.T) { both(t, testAnOpenReaderKeepsItsSnapshot) }

func testAnOpenReaderKeepsItsSnapshot(t *testing.T, dsn string) {
	db := openTest(t, dsn, numbers)
	tx, err := db.Read().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	count := func() (n int) {
		if err := tx.QueryRow(`SELECT COUNT(*) FROM numbers`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	if err := db.Write(t.Context(), insert(t.Context(), 1)); err != nil {
		t.Fatal(err)
	}
	if after := count(); after != before {
		t.Errorf("the snapshot moved from %d to %d", before, after)
	}
}

func TestContexts(t *testing.T) { both(t, testContexts) }

func testContexts(t *testing.T, dsn string) {
	db := openTest(t, dsn, numbers)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := db.Write(ended, insert(t.Context(), 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("ended before: %v", err)
	}

	// Waiting for the writer: it never runs.
	err := db.Write(t.Context(), func(*sql.Tx) error {
		waiting, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- db.Write(waiting, insert(t.Context(), 2)) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended while waiting: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	// Running: it runs to the end and is reported as what it is.
	running, cancel := context.WithCancel(t.Context())
	err = db.Write(running, func(tx *sql.Tx) error {
		cancel()
		_, err := tx.Exec(`INSERT INTO numbers (n, writer) VALUES (3, 0)`)
		return err
	})
	if err != nil {
		t.Errorf("ended while running: %v", err)
	}
	if got := stored(t, db); !slices.Equal(got, []int{3}) {
		t.Errorf("stored %v", got)
	}
}

// SQLite rolls the whole transaction back when an INSERT is interrupted; the driver interrupts when
// the statement's context ends. This
// fails without steady.
func TestAnInterruptedStatementDoesNotUndoTheOthers(t *testing.T) {
	bothInBubbles(t, testAnInterruptedStatementDoesNotUndoTheOthers)
}

func testAnInterruptedStatementDoesNotUndoTheOthers(t *testing.T, dsn string) {
	ctx := t.Context()
	db := openTest(t, dsn, numbers)
	long := func(tx *sql.Tx) error {
		ending, cancel := context.WithCancel(ctx)
		defer cancel()
		statement, err := tx.PrepareContext(ending, `WITH RECURSIVE c(n) AS (SELECT 100 UNION ALL SELECT n+1 FROM c WHERE n < 200000)
			INSERT INTO numbers (n, writer) SELECT n, 0 FROM c`)
		if err != nil {
			return err
		}
		defer func() { _ = statement.Close() }()
		go cancel() // some time during the statement, or before it: both must be harmless
		_, err = statement.ExecContext(ending)
		if errors.Is(err, context.Canceled) {
			return nil // ended before the statement began: nothing was done, and that is no failure here
		}
		return err
	}
	for i, err := range group(t, db, ctx, insert(ctx, 1), insert(ctx, 2), long, insert(ctx, 3)) {
		if err != nil {
			t.Errorf("function %d: %v", i, err)
		}
	}
	if got := stored(t, db); len(got) < 3 || !slices.Equal(got[:3], []int{1, 2, 3}) {
		t.Errorf("the work of the others is gone: %d rows", len(got))
	}
}

func TestAFailedCommitIsToldToEveryCaller(t *testing.T) {
	bothInBubbles(t, testAFailedCommitIsToldToEveryCaller)
}

func testAFailedCommitIsToldToEveryCaller(t *testing.T, dsn string) {
	ctx := t.Context()
	db := openTest(t, dsn, numbers,
		`CREATE TABLE children (n BIGINT NOT NULL REFERENCES numbers (n) DEFERRABLE INITIALLY DEFERRED);`)
	results := group(t, db, ctx,
		insert(ctx, 1),
		func(tx *sql.Tx) error { _, err := tx.Exec(`INSERT INTO children (n) VALUES (99)`); return err }, // only COMMIT fails
		insert(ctx, 2),
	)
	for i, err := range results {
		if err == nil || !strings.Contains(err.Error(), "state: committing") {
			t.Errorf("function %d: %v", i, err)
		}
	}
	if err := db.Write(ctx, insert(ctx, 3)); err != nil {
		t.Errorf("the next transaction: %v", err)
	}
	if got := stored(t, db); !slices.Equal(got, []int{3}) {
		t.Errorf("stored %v", got)
	}
}

// A function that ends the transaction behind our back, as SQLite itself does when the disk is full.
func TestALostTransactionIsToldToEveryCaller(t *testing.T) {
	bothInBubbles(t, testALostTransactionIsToldToEveryCaller)
}

func testALostTransactionIsToldToEveryCaller(t *testing.T, dsn string) {
	ctx := t.Context()
	db := openTest(t, dsn, numbers)
	results := group(t, db, ctx, func(tx *sql.Tx) error { _, err := tx.Exec(`ROLLBACK`); return err })
	if results[0] == nil {
		t.Error("a lost transaction was acknowledged")
	}
	if err := db.Write(ctx, insert(ctx, 1)); err != nil {
		t.Errorf("the next transaction: %v", err)
	}
}

func TestClose(t *testing.T) { both(t, testClose) }

func testClose(t *testing.T, dsn string) {
	db := openTest(t, dsn, numbers)
	started, release := make(chan struct{}), make(chan struct{})
	running, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		running <- db.Write(t.Context(), func(tx *sql.Tx) error {
			close(started)
			<-release
			return insert(context.Background(), 1)(tx)
		})
	}()
	<-started
	go func() { closed <- db.Close() }()
	<-db.closing
	if err := db.Write(t.Context(), insert(t.Context(), 2)); !errors.Is(err, ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
	close(release)
	if err := errors.Join(<-running, <-closed, db.Close()); err != nil {
		t.Error(err)
	}
}
