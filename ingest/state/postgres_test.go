package state

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"tributary/ingest/state/statetest"
)

// serverOfOwn is a PostgreSQL that the test may stop and kill.
func serverOfOwn(t *testing.T) *statetest.Server {
	t.Helper()
	server, err := statetest.Start("fsync=off")
	if errors.Is(err, statetest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// A server that was stopped and started again, or killed: writers and readers go on without being
// opened again, what was acknowledged is there, and what was not told as done is all there or not.
func TestTheServerGoesAndComes(t *testing.T) {
	server := serverOfOwn(t)
	db := openTest(t, server.URL(), numbers)
	pairs := func(n int) func(*sql.Tx) error { // two rows or none
		return func(tx *sql.Tx) error {
			return errors.Join(insert(t.Context(), n)(tx), insert(t.Context(), n+1)(tx))
		}
	}
	acknowledged := map[int]bool{}
	var mu sync.Mutex // acknowledged
	for round, end := range []func(){server.Stop, server.Kill, server.Kill} {
		var wg sync.WaitGroup
		enough := make(chan struct{}, 1000)
		for w := range 8 {
			wg.Go(func() {
				for n := round*1_000_000 + w*10_000; ; n += 2 {
					if err := db.Write(t.Context(), pairs(n)); err != nil {
						return
					}
					mu.Lock()
					acknowledged[n], acknowledged[n+1] = true, true
					mu.Unlock()
					select {
					case enough <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 50 {
			<-enough
		}
		end()
		wg.Wait()       // every caller was told
		if round == 0 { // a killed one's children may serve for another moment
			if err := db.Write(t.Context(), insert(t.Context(), -1)); err == nil {
				t.Error("a write succeeded without a server")
			}
			if err := db.Read().QueryRow(`SELECT 1`).Scan(new(int)); err == nil {
				t.Error("a read succeeded without a server")
			}
		}
		if err := server.Run(); err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), insert(t.Context(), -2-round)); err != nil {
			t.Errorf("round %d, the first write after it came back: %v", round, err)
		}
		checkPairs(t, stored(t, db), acknowledged)
	}
}

func checkPairs(t *testing.T, numbers []int, acknowledged map[int]bool) {
	t.Helper()
	there := map[int]bool{}
	for _, n := range numbers {
		there[n] = true
	}
	for n := range acknowledged {
		if !there[n] {
			t.Errorf("%d was acknowledged and is gone", n)
		}
	}
	for n := range there {
		if n >= 0 && !there[n^1] {
			t.Errorf("%d is there without the other half of its function", n)
		}
	}
}

// Connections that look alive and are not, as after a restart that nobody saw: neither reads nor
// writes fail for it.
func TestDeadConnectionsAreReplaced(t *testing.T) {
	server := serverOfOwn(t)
	db := openTest(t, server.URL(), numbers)
	for round := range 3 {
		var open []*sql.Conn
		for range readersIdle {
			conn, err := db.Read().Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
		}
		for _, conn := range open {
			_ = conn.Close()
		}
		server.Stop()
		if err := server.Run(); err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), insert(t.Context(), round)); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		if got := stored(t, db); len(got) != round+1 {
			t.Errorf("round %d: %v", round, got)
		}
	}
}

// The connection that breaks while a function runs takes the whole transaction with it, and everybody
// in it is told.
func TestALostConnectionIsToldToEveryCaller(t *testing.T) {
	dsn := postgresSource(t)
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		db := openTest(t, dsn, numbers)
		results := group(t, db, ctx,
			insert(ctx, 1),
			func(tx *sql.Tx) error {
				_, _ = tx.Exec(`SELECT pg_terminate_backend(pg_backend_pid())`)
				return nil // as if nothing had been
			},
			insert(ctx, 2),
		)
		if results[1] == nil {
			t.Errorf("got %v", results)
		}
		if err := db.Write(ctx, insert(ctx, 3)); err != nil {
			t.Errorf("the next transaction: %v", err)
		}
		for i, n := range []int{1, 2} {
			if there := slices.Contains(stored(t, db), n); there != (results[2*i] == nil) {
				t.Errorf("%d is there: %v, and its caller was told %v", n, there, results[2*i])
			}
		}
	})
}

func TestAConnectionLostInCommitIsUncertain(t *testing.T) {
	dsn := postgresSource(t)
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		db := openTest(t, dsn, numbers, `CREATE TABLE traps (n BIGINT);
			CREATE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
			CREATE CONSTRAINT TRIGGER trap AFTER INSERT ON traps DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION spring();`)
		results := group(t, db, ctx, insert(ctx, 1),
			func(tx *sql.Tx) error { _, err := tx.Exec(`INSERT INTO traps VALUES (1)`); return err }, insert(ctx, 2))
		for i, err := range results {
			if !errors.Is(err, ErrUncertain) {
				t.Errorf("function %d: %v", i, err)
			}
		}
		if err := db.Write(ctx, insert(ctx, 3)); err != nil {
			t.Errorf("the next transaction: %v", err)
		}
		if got := stored(t, db); !slices.Equal(got, []int{3}) {
			t.Errorf("stored %v", got)
		}
	})
}

// PostgreSQL runs nothing in a savepoint after a statement failed: a function that goes on all the same
// fails alone.
func TestAFailedStatementCannotBeIgnored(t *testing.T) {
	dsn := postgresSource(t)
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		db := openTest(t, dsn, numbers)
		results := group(t, db, ctx, insert(ctx, 1),
			func(tx *sql.Tx) error {
				_ = insert(ctx, 2)(tx)
				_ = insert(ctx, 2)(tx) // a duplicate
				return nil
			}, insert(ctx, 3))
		if results[0] != nil || results[1] == nil || results[2] != nil {
			t.Errorf("got %v", results)
		}
		if got := stored(t, db); !slices.Equal(got, []int{1, 3}) {
			t.Errorf("stored %v", got)
		}
	})
}

// Settings of the server or the role that would weaken what Write promises do not.
func TestSettings(t *testing.T) {
	dsn := postgresSource(t) + "&synchronous_commit=off&default_transaction_isolation=serializable&default_transaction_read_only=off"
	db := openTest(t, dsn, numbers)
	show := func(q interface {
		QueryRowContext(context.Context, string, ...any) *sql.Row
	}, name string,
	) (value string) {
		if err := q.QueryRowContext(t.Context(), `SELECT current_setting($1)`, name).Scan(&value); err != nil {
			t.Error(err)
		}
		return value
	}
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		for name, want := range map[string]string{"synchronous_commit": "on", "transaction_isolation": "read committed", "lock_timeout": "5s", "application_name": "tributary"} {
			if got := show(tx, name); got != want {
				t.Errorf("writer: %s is %s", name, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"transaction_isolation": "repeatable read", "transaction_read_only": "on"} {
		if got := show(db.Read(), name); got != want {
			t.Errorf("readers: %s is %s", name, got)
		}
	}
	if _, err := db.Read().Exec(`DELETE FROM numbers`); err == nil {
		t.Error("the read pool wrote")
	}
}

func TestPostgresThatCannotBeUsed(t *testing.T) {
	dsn := postgresSource(t)
	if base := os.Getenv(statetest.Variable); base != "" {
		t.Skip("makes a database; only on a server of its own")
	}
	server, err := ownServer()
	if err != nil {
		t.Fatal(err)
	}
	admin := openTest(t, dsn, numbers)
	if _, err := admin.write.Exec(`DROP DATABASE IF EXISTS latin`); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.write.Exec(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dsn, want string }{
		{strings.Replace(server.URL(), "/postgres?", "/latin?", 1), "must have UTF8"},
		{strings.Replace(server.URL(), "/postgres?", "/absent?", 1), `database "absent" does not exist`},
		{server.URL() + "&search_path=absent", "no schema has been selected"},
		{"postgres:///x?host=/nonexistent&password=geheim", "/nonexistent"},
	} {
		_, err := Open(t.Context(), c.dsn, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v", c.dsn, err)
		}
	}
}
