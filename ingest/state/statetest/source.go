package statetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Variable names the PostgreSQL to use. It may hold other things; what is made there has names that
// begin with "test_" and is dropped when its test ends.
const Variable = "TRIBUTARY_TEST_DATABASE"

// Source is the data source name of the test's database that on SQLite is the file path: the same
// database for the same path, until the test that named it first ends.
func Source(t testing.TB, path string) string {
	t.Helper()
	if base := os.Getenv(Variable); base != "" {
		return Schema(t, base, path)
	}
	return "sqlite:" + path
}

var schemas = struct {
	sync.Mutex
	made map[string]bool // by name
}{made: map[string]bool{}}

// Schema is the data source name of a schema of the PostgreSQL at base, made if this process has not
// made it yet, and dropped when the test ends that made it.
func Schema(t testing.TB, base, name string) string {
	t.Helper()
	schema := schemaOf(name)
	if claim(schema) {
		run(t, base, `CREATE SCHEMA `+schema)
		t.Cleanup(func() {
			run(t, base, `SET lock_timeout = '20s'; DROP SCHEMA `+schema+` CASCADE`)
			release(schema)
		})
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal("statetest: the address of the PostgreSQL is not a URL") // without it: it may hold a password
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func schemaOf(name string) string { return fmt.Sprintf("test_%x", sha256.Sum256([]byte(name)))[:32] }

func claim(schema string) bool {
	schemas.Lock()
	defer schemas.Unlock()
	first := !schemas.made[schema]
	schemas.made[schema] = true
	return first
}

func release(schema string) {
	schemas.Lock()
	defer schemas.Unlock()
	delete(schemas.made, schema)
}

// Copy copies the database of the path from to that of the path to, as a kill at this moment would
// leave it.
func Copy(t testing.TB, from, to string) {
	t.Helper()
	base := os.Getenv(Variable)
	if base == "" {
		copyFiles(t, from, to)
		return
	}
	Schema(t, base, to)
	run(t, base, `BEGIN ISOLATION LEVEL REPEATABLE READ; DO $$ DECLARE name TEXT; BEGIN
		FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = '`+schemaOf(from)+`' LOOP
			EXECUTE format('CREATE TABLE `+schemaOf(to)+`.%I (LIKE `+schemaOf(from)+`.%I INCLUDING ALL)', name, name);
			EXECUTE format('INSERT INTO `+schemaOf(to)+`.%I SELECT * FROM `+schemaOf(from)+`.%I', name, name);
		END LOOP; END $$; COMMIT`)
}

func copyFiles(t testing.TB, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(from + suffix)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t testing.TB, base, statement string) {
	t.Helper()
	ctx := context.Background() // also while the test's own has ended
	conn, err := pgx.Connect(ctx, base)
	if err != nil {
		t.Fatal("statetest:", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Errorf("statetest: %s: %v", strings.TrimSpace(statement), err)
	}
}
