package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const items = `CREATE TABLE items (id BIGINT NOT NULL PRIMARY KEY, text TEXT NOT NULL, bytes BYTEA NOT NULL, small SMALLINT NOT NULL);`

// seeded makes a row by itself, as a migration may.
const seeded = `CREATE TABLE "order" ("key" TEXT NOT NULL PRIMARY KEY, value BIGINT); INSERT INTO "order" ("key", value) VALUES ('made', 1);`

// everything reads a snapshot into memory.
func everything(t *testing.T, s *Snapshot) map[string][][]any {
	t.Helper()
	all := map[string][][]any{}
	for _, table := range s.Tables {
		err := s.Rows(t.Context(), table, func(values []any) error {
			all[table.Name] = append(all[table.Name], slices.Clone(values))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := s.Count(t.Context(), table); err != nil || n != int64(len(all[table.Name])) {
			t.Errorf("%s: %d rows of %d, %v", table.Name, len(all[table.Name]), n, err)
		}
	}
	return all
}

// fillWith puts all of it in.
func fillWith(tables []Table, all map[string][][]any) func(*sql.Tx, *Filling) error {
	return func(_ *sql.Tx, f *Filling) error {
		for _, table := range tables {
			for _, row := range all[table.Name] {
				if err := f.Row(table.Name, row); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// What either database held stands in the other one afterwards, and both go on from there.
func TestRestore(t *testing.T) {
	list := testMigrations(items, seeded)
	both(t, func(t *testing.T, from string) {
		t.Run("to", func(t *testing.T) {
			both(t, func(t *testing.T, to string) { testRestore(t, list, from, to) })
		})
	})
}

func testRestore(t *testing.T, list []migration, from, to string) {
	log := slog.New(slog.DiscardHandler)
	db, err := open(t.Context(), from, log, list)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const rows = 1000
	err = db.Write(t.Context(), func(tx *sql.Tx) error {
		for i := range rows {
			_, err := tx.Exec(`INSERT INTO items (id, text, bytes, small) VALUES ($1, $2, $3, $4)`,
				int64(i)-rows/2, strings.Repeat("東京 ", i%5), []byte{0, 255, byte(i)}, i%7)
			if err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO "order" ("key", value) VALUES ($1, $2) ON CONFLICT DO NOTHING`, "later", nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := openSnapshot(t.Context(), from, list)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Version != 2 || len(s.Tables) != 2 || s.Tables[0].Name != "items" || s.Tables[1].Columns[0] != (Column{"key", Text}) {
		t.Errorf("version %d, tables %v", s.Version, s.Tables)
	}
	if _, err := s.Count(t.Context(), s.Tables[0]); err != nil { // a snapshot begins with its first statement
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(`DELETE FROM items`); return err }); err != nil {
		t.Fatal(err)
	}
	all := everything(t, s)
	if len(all["items"]) != rows || len(all["order"]) != 2 {
		t.Fatalf("%d and %d rows", len(all["items"]), len(all["order"]))
	}
	newer := append(slices.Clone(list), migration{3, "third", `ALTER TABLE items ADD COLUMN extra BIGINT NOT NULL DEFAULT 7;`})
	if err := restore(t.Context(), to, log, newer, 2, fillWith(s.Tables, all)); err != nil {
		t.Fatal(err)
	}
	again, err := openSnapshot(t.Context(), to, newer)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	got := everything(t, again)
	for i, row := range got["items"] {
		if row[4] != int64(7) {
			t.Fatalf("row %d was not migrated: %v", i, row)
		}
		got["items"][i] = row[:4]
	}
	for name := range all {
		byKey := func(a, b []any) int { return strings.Compare(fmt.Sprint(a[0]), fmt.Sprint(b[0])) }
		slices.SortFunc(all[name], byKey)
		slices.SortFunc(got[name], byKey)
		if !reflect.DeepEqual(got[name], all[name]) {
			t.Errorf("%s differs", name)
		}
	}
	if err := restore(t.Context(), to, log, newer, 2, fillWith(s.Tables, all)); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("restored over another one: %v", err)
	}
}

// A restore that fails leaves nothing, and can be done again.
func TestRestoreFails(t *testing.T) { both(t, testRestoreFails) }

func testRestoreFails(t *testing.T, dsn string) {
	list := testMigrations(items, seeded)
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	for name, fill := range map[string]func(tx *sql.Tx, f *Filling) error{
		"no such table":  func(_ *sql.Tx, f *Filling) error { return f.Row(`x"; DROP TABLE items; --`, []any{int64(1)}) },
		"too few values": func(_ *sql.Tx, f *Filling) error { return f.Row("items", []any{int64(1)}) },
		"another kind":   func(_ *sql.Tx, f *Filling) error { return f.Row("order", []any{int64(1), int64(1)}) },
		"no value":       func(_ *sql.Tx, f *Filling) error { return f.Row("items", []any{int64(1), nil, []byte{}, int64(1)}) },
		"twice": func(_ *sql.Tx, f *Filling) error {
			return errors.Join(f.Row("order", []any{"a", nil}), f.Row("order", []any{"a", nil}))
		},
		"after a row": func(_ *sql.Tx, f *Filling) error {
			return errors.Join(f.Row("order", []any{"a", nil}), f.Flush(), errors.New("the archive ends"))
		},
		"interrupted": func(_ *sql.Tx, f *Filling) error { cancel(); return f.Row("order", []any{"a", nil}) },
	} {
		within := t.Context()
		if name == "interrupted" {
			within = ctx
		}
		if err := restore(within, dsn, log, list, 2, fill); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := restore(t.Context(), dsn, log, list, 3, nil); !errors.Is(err, ErrNewer) {
		t.Errorf("a version that is not known: %v", err)
	}
	if err := restore(t.Context(), dsn, log, list, 2, func(_ *sql.Tx, f *Filling) error { return f.Row("order", []any{"a", nil}) }); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

func TestSnapshotOfNothing(t *testing.T) { both(t, testSnapshotOfNothing) }

func testSnapshotOfNothing(t *testing.T, dsn string) {
	if _, err := OpenSnapshot(t.Context(), dsn); !errors.Is(err, ErrAbsent) {
		t.Errorf("got %v", err)
	}
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		if found, _ := filepath.Glob(path + "*"); len(found) > 0 {
			t.Errorf("it made %v", found)
		}
		if err := os.WriteFile(path, []byte("a file of something else, and longer than a header of SQLite's, which has a hundred bytes …………"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenSnapshot(t.Context(), dsn); err == nil {
			t.Error("a file that is no database was opened")
		}
	}
}

// Every table that migrations make can be backed up.
func TestSchemaOfThisProgram(t *testing.T) {
	list, err := embeddedMigrations()
	if err != nil {
		t.Fatal(err)
	}
	for version := range len(list) {
		tables, err := Schema(t.Context(), version+1)
		if err != nil || len(tables) < 10 {
			t.Errorf("version %d: %d tables, %v", version+1, len(tables), err)
		}
	}
	for _, version := range []int{-1, 0, len(list) + 1} {
		if _, err := Schema(t.Context(), version); !errors.Is(err, ErrNewer) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}
