package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prometheus/client_golang/prometheus"
)

const numbers = `CREATE TABLE numbers (n BIGINT NOT NULL PRIMARY KEY, writer BIGINT NOT NULL);`

func testMigrations(texts ...string) []migration {
	list := make([]migration, 0, len(texts))
	for i, text := range texts {
		list = append(list, migration{int64(i + 1), fmt.Sprintf("test%d", i+1), text})
	}
	return list
}

func openTest(t testing.TB, dsn string, texts ...string) *DB {
	t.Helper()
	db, err := open(t.Context(), dsn, slog.New(slog.DiscardHandler), testMigrations(texts...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func insert(ctx context.Context, n int) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO numbers (n, writer) VALUES ($1, 0)`, n)
		return err
	}
}

func stored(t *testing.T, db *DB) []int {
	t.Helper()
	rows, err := db.Read().QueryContext(t.Context(), `SELECT n FROM numbers ORDER BY n`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var list []int
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestOpenMigratesTheRealSchemaAndKeepsItPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a % b? #1") // no character of a folder's name has a meaning …
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), "sqlite:"+dir+"/state.db", slog.New(slog.DiscardHandler)); !errors.Is(err, ErrSource) {
		t.Errorf("a ? could be taken for options: got %v", err) // … and what looks like options is refused
	}
	path := filepath.Join(t.TempDir(), "100% ours.db")
	for range 2 { // the second finds it migrated
		db, err := Open(t.Context(), "sqlite:"+path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		var version int
		var mode string
		if err := db.Read().QueryRow(`SELECT MAX(version) FROM migrations`).Scan(&version); err != nil || version < 1 {
			t.Errorf("version %d, %v", version, err)
		}
		if err := db.Read().QueryRow(`PRAGMA journal_mode`).Scan(&mode); err != nil || mode != "wal" {
			t.Errorf("journal mode %q, %v", mode, err)
		}
		if _, err := db.Read().Exec(`DELETE FROM migrations`); err == nil {
			t.Error("the read pool wrote")
		}
		for _, file := range []string{path, path + "-wal", path + "-shm"} {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", file, info.Mode())
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSources(t *testing.T) {
	for _, dsn := range []string{
		"", "state.db", "sqlite:", "sqlite::memory:", "sqlite:a.db?mode=ro",
		"mysql://u:geheim@h/db", "mysql://u:geheim@h:x/db", "postgres:geheim", "host=h password=geheim", "postgres://u:ge/heim@h/db", "postgres://u:geheim@h:port/db",
		"postgres://u:geheim@h/db?connect_timeout=x", "postgres://h/db?sslmode=x&password=geheim",
	} {
		_, err := Open(t.Context(), dsn, slog.New(slog.DiscardHandler))
		if !errors.Is(err, ErrSource) {
			t.Errorf("%q: got %v", dsn, err)
		}
		if err != nil && (strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "heim@")) {
			t.Errorf("password in %q", err)
		}
	}
	if _, err := Open(t.Context(), "sqlite:"+t.TempDir()+"/missing/state.db", slog.New(slog.DiscardHandler)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: got %v", err)
	}
}

func TestMigrationsContinueAndRefuseTheFuture(t *testing.T) {
	both(t, testMigrationsContinueAndRefuseTheFuture)
}

func testMigrationsContinueAndRefuseTheFuture(t *testing.T, dsn string) {
	log := slog.New(slog.DiscardHandler)
	both := testMigrations(numbers, `ALTER TABLE numbers ADD COLUMN extra TEXT; CREATE INDEX numbers_extra ON numbers (extra);`)
	for _, list := range [][]migration{both[:1], both} {
		db, err := open(t.Context(), dsn, log, list)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), insert(t.Context(), len(list))); err != nil {
			t.Fatal(err)
		}
		_ = db.Close()
	}
	_, err := open(t.Context(), dsn, log, both[:1])
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "migration 2") {
		t.Errorf("older program: got %v", err)
	}
	db := openTest(t, dsn, numbers, both[1].sql)
	if got := stored(t, db); len(got) != 2 {
		t.Errorf("rows after migration: %v", got)
	}
}

func TestAFailedMigrationLeavesNothing(t *testing.T) { both(t, testAFailedMigrationLeavesNothing) }

func testAFailedMigrationLeavesNothing(t *testing.T, dsn string) {
	_, err := open(t.Context(), dsn, slog.New(slog.DiscardHandler),
		testMigrations(numbers, `CREATE TABLE half (a TEXT); CREATE TABLE numbers (oops TEXT);`))
	if err == nil || !strings.Contains(err.Error(), "migration 2 (test2)") {
		t.Fatalf("got %v", err)
	}
	db := openTest(t, dsn, numbers)
	if rows, err := db.Read().Query(`SELECT * FROM half`); err == nil {
		t.Error("half of a migration stayed")
		_ = rows.Close()
	}
}

func TestReadMigrations(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	list, err := readMigrations(fstest.MapFS{"0002_b.sql": file("B"), "0001_a_b.sql": file("A")})
	if err != nil || len(list) != 2 || list[0] != (migration{1, "a_b", "A"}) || list[1] != (migration{2, "b", "B"}) {
		t.Errorf("got %v, %v", list, err)
	}
	for _, bad := range []string{"0003_c.sql", "one.sql", "0001_again.sql"} {
		if _, err := readMigrations(fstest.MapFS{"0001_a.sql": file(""), bad: file("")}); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestHash(t *testing.T) {
	// printf https://example.org/users/alice | sha256sum | cut -c1-32
	if got := fmt.Sprintf("%x", Hash("https://example.org/users/alice")); got != "5462629bdb5e09feeeeed29e84aab4ea" {
		t.Error(got)
	}
	if a := Hash("a"); cap(a) != HashBytes {
		t.Error("an append would reach into the rest of the sum")
	}
}

func TestMetricsRegister(t *testing.T) {
	reg := prometheus.NewRegistry()
	db := openTest(t, sqliteSource(t), numbers)
	db.Observe(NewMetrics(reg))
	_ = db.Write(t.Context(), insert(t.Context(), 1))
	_ = db.Write(t.Context(), insert(t.Context(), 1)) // a duplicate
	families, err := reg.Gather()
	if err != nil || len(families) != 3 {
		t.Fatalf("%d families, %v", len(families), err)
	}
	for _, f := range families {
		if f.GetName() == "tributary_state_writes_total" && len(f.GetMetric()) != 2 {
			t.Errorf("got %v", f)
		}
	}
	NewMetrics(nil).committed(1, 0, 0, nil)
	(*Metrics)(nil).committed(1, 0, 0, nil)
}
