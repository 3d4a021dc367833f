package index

import (
	"context"
	"embed"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationsTable records what was applied. A migration's statements are not one
// transaction: one that failed in the middle is applied again from its start, so
// its statements are written to be repeatable by ifAbsent.
const migrationsTable = `CREATE TABLE IF NOT EXISTS migrations (number UInt32, name String, applied DateTime('UTC') DEFAULT now())
ENGINE = ReplacingMergeTree ORDER BY number`

// migrate applies what is missing, and reports whether the database was empty.
func migrate(ctx context.Context, conn driver.Conn) (fresh bool, err error) {
	if err := conn.Exec(ctx, migrationsTable); err != nil {
		return false, fmt.Errorf("index: migrate: %w", err)
	}
	var applied uint32
	if err := conn.QueryRow(ctx, `SELECT max(number) FROM migrations`).Scan(&applied); err != nil {
		return false, fmt.Errorf("index: migrate: %w", err)
	}
	names, err := migrationNames()
	if err != nil {
		return false, err
	}
	if int(applied) > len(names) {
		return false, fmt.Errorf("index: migrate: the database has migration %d, this program knows %d: it was written by a later version", applied, len(names))
	}
	for i := int(applied); i < len(names); i++ {
		if err := apply(ctx, conn, i+1, names[i]); err != nil {
			return false, err
		}
	}
	return applied == 0, nil
}

// migrationNames lists the files; the n-th is number n.
func migrationNames() ([]string, error) {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, fmt.Errorf("index: migrations: %w", err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	for i, name := range names {
		if number, _, _ := strings.Cut(name, "_"); number != fmt.Sprintf("%04d", i+1) {
			return nil, fmt.Errorf("index: migrations: %s is not number %d", name, i+1)
		}
	}
	return names, nil
}

func apply(ctx context.Context, conn driver.Conn, number int, name string) error {
	text, err := migrationFiles.ReadFile(path.Join("migrations", name))
	if err != nil {
		return fmt.Errorf("index: migrate %s: %w", name, err)
	}
	for _, s := range statements(string(text)) {
		if err := conn.Exec(ctx, ifAbsent(s)); err != nil {
			return fmt.Errorf("index: migrate %s: %w", name, err)
		}
	}
	record := `INSERT INTO migrations (number, name) VALUES (` + strconv.Itoa(number) + `, ` + literal(name) + `)`
	if err := conn.Exec(ctx, record); err != nil {
		return fmt.Errorf("index: migrate %s: %w", name, err)
	}
	return nil
}

// statements splits a migration at lines that end in a semicolon, without comments.
func statements(text string) (all []string) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimRight(line, "\n"), "--")
		line = strings.TrimRight(line, " ")
		b.WriteString(strings.TrimSuffix(line, ";"))
		b.WriteByte('\n')
		if strings.HasSuffix(line, ";") {
			all = append(all, strings.TrimSpace(b.String()))
			b.Reset()
		}
	}
	return all
}

func ifAbsent(statement string) string {
	for _, head := range []string{"CREATE TABLE ", "CREATE MATERIALIZED VIEW "} {
		if rest, ok := strings.CutPrefix(statement, head); ok {
			return head + "IF NOT EXISTS " + rest
		}
	}
	return statement
}
