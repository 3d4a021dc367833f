package state

import (
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"tributary/ingest/state/statetest"
)

// What holds for one database holds for the other: I9. Tests given to both are the conformance suite.

// both runs f on a fresh database of each kind.
func both(t *testing.T, f func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { f(t, sqliteSource(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, postgresSource(t)) })
}

// bothInBubbles does it in synctest bubbles. Reading a socket is no waiting there, so that nothing is
// taken for asleep that waits for PostgreSQL.
func bothInBubbles(t *testing.T, f func(t *testing.T, dsn string)) {
	both(t, func(t *testing.T, dsn string) {
		synctest.Test(t, func(t *testing.T) { f(t, dsn) })
	})
}

func sqliteSource(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "state.db") }

// postgresSource is a schema of the server that the environment names, else of one that these tests
// start for themselves; the test is skipped where there is none.
func postgresSource(t testing.TB) string {
	t.Helper()
	if base := os.Getenv(statetest.Variable); base != "" {
		return statetest.Schema(t, base, t.Name())
	}
	server, err := ownServer()
	if errors.Is(err, statetest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return statetest.Schema(t, server.URL(), t.Name())
}

var ownServer = sync.OnceValues(func() (*statetest.Server, error) {
	server, err := statetest.Start("fsync=off")
	if err == nil {
		closeServer = server.Close
	}
	return server, err
})

var closeServer = func() error { return nil }

// tests closes the server before goleak looks around.
type tests struct{ *testing.M }

func (m tests) Run() int {
	code := m.M.Run()
	if err := closeServer(); err != nil && code == 0 {
		println(err.Error())
		return 1
	}
	return code
}

func TestMain(m *testing.M) {
	if dsn := os.Getenv("STATE_TEST_WRITER"); dsn != "" {
		writeUntilKilled(dsn)
	}
	if dsn := os.Getenv("STATE_TEST_HOLDER"); dsn != "" {
		holdUntilKilled(dsn)
	}
	goleak.VerifyTestMain(tests{m})
}

// Of several programs that start at once one migrates, and the others wait for it.
func TestManyOpenAtOnce(t *testing.T) { both(t, testManyOpenAtOnce) }

func testManyOpenAtOnce(t *testing.T, dsn string) {
	// SQLite: one of them has made the file a WAL file, which cannot be waited for. Two programs on one
	// data folder are kept apart before this.
	if strings.HasPrefix(dsn, "sqlite:") {
		_ = openTest(t, dsn).Close()
	}
	var wg sync.WaitGroup
	for n := range 6 {
		wg.Go(func() {
			db, err := open(t.Context(), dsn, slog.New(slog.DiscardHandler),
				testMigrations(numbers, `CREATE TABLE more (n BIGINT);`, `ALTER TABLE more ADD COLUMN extra BIGINT;`))
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(db.Write(t.Context(), insert(t.Context(), n)), db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	db := openTest(t, dsn, numbers, "", "")
	if got := stored(t, db); len(got) != 6 {
		t.Errorf("stored %v", got)
	}
}

// What a function reads stays so until its commit, whoever else writes: it may read, think and write.
func TestWritersOfTwoProgramsTakeTurns(t *testing.T) { both(t, testWritersOfTwoProgramsTakeTurns) }

func testWritersOfTwoProgramsTakeTurns(t *testing.T, dsn string) {
	const each = 100
	first := openTest(t, dsn, numbers)
	if err := first.Write(t.Context(), insert(t.Context(), 1)); err != nil { // writer: 0
		t.Fatal(err)
	}
	count := func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRow(`SELECT writer FROM numbers WHERE n = 1`).Scan(&n); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE numbers SET writer = $1 WHERE n = 1`, n+1)
		return err
	}
	var wg sync.WaitGroup
	for _, db := range []*DB{first, openTest(t, dsn, numbers)} {
		for range 2 {
			wg.Go(func() {
				for range each {
					if err := db.Write(t.Context(), count); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	var n int
	if err := first.Read().QueryRow(`SELECT writer FROM numbers`).Scan(&n); err != nil || n != 4*each {
		t.Errorf("%d of %d, %v", n, 4*each, err)
	}
}

// Values go in and come out as the packages use them.
func TestValues(t *testing.T) { both(t, testValues) }

func testValues(t *testing.T, dsn string) {
	type small uint8
	type name string
	db := openTest(t, dsn, `CREATE TABLE items (id BIGINT NOT NULL PRIMARY KEY, flag SMALLINT NOT NULL, small SMALLINT NOT NULL,
		big BIGINT NOT NULL, text TEXT NOT NULL, bytes BYTEA NOT NULL);`)
	top := uint64(1<<64 - 1)
	big := int64(top) // how a uint64 is kept
	write := func(query string, args ...any) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(query, args...); return err }); err != nil {
			t.Error(err)
		}
	}
	write(`INSERT INTO items (id, flag, small, big, text, bytes) VALUES ($1, $2, $3, $4, $5, $6)`,
		1, true, small(255), big, name("cut \xe2\x82 and \x00 and é"), []byte{0, 255, 'a'})
	write(`INSERT INTO items (id, flag, small, big, text, bytes) VALUES ($1, $2, $2, $1, '', $3)
		ON CONFLICT (id) DO UPDATE SET big = excluded.big WHERE items.flag = 0`, 1, 0, []byte{}) // not done: flag is 1
	write(`UPDATE items SET big = CASE WHEN big < $1 THEN $1 ELSE big END WHERE id = $2 AND ($3 = '' OR text = $3)`, -1, 1, "") // $1, $3 twice
	write(`DELETE FROM items WHERE id IN (SELECT id FROM items WHERE flag = $1 LIMIT $2)`, false, 5)
	var (
		flag  bool
		tiny  small
		wide  int64
		text  string
		bytes []byte
	)
	row := db.Read().QueryRow(`SELECT flag, small, big, text, bytes FROM items WHERE flag = $1 AND bytes = $2`, true, []byte{0, 255, 'a'})
	if err := row.Scan(&flag, &tiny, &wide, &text, &bytes); err != nil {
		t.Fatal(err)
	}
	if !flag || tiny != 255 || uint64(wide) != top || !strings.HasPrefix(text, "cut ") || !strings.HasSuffix(text, " and é") || string(bytes) != "\x00\xffa" {
		t.Errorf("got %v %d %d %q %q", flag, tiny, wide, text, bytes)
	}
	// A text that PostgreSQL cannot hold is found by itself.
	var n int
	if err := db.Read().QueryRow(`SELECT COUNT(*) FROM items WHERE text = $1`, "cut \xe2\x82 and \x00 and é").Scan(&n); err != nil || n != 1 {
		t.Errorf("found %d, %v", n, err)
	}
}
