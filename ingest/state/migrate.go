package state

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var embedded embed.FS

// A migration is one file of migrations/, named NUMBER_name.sql. Numbers are 1, 2, 3 … without a
// hole; a file that a release carried is never changed.
type migration struct {
	version int64
	name    string
	sql     string
}

// embeddedMigrations are those of this program.
func embeddedMigrations() ([]migration, error) {
	dir, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, fmt.Errorf("state: reading migrations: %w", err)
	}
	return readMigrations(dir)
}

// readMigrations returns the *.sql of a folder in order.
func readMigrations(dir fs.FS) ([]migration, error) {
	files, err := fs.Glob(dir, "*.sql") // sorted, and numbers have four digits
	if err != nil {
		return nil, fmt.Errorf("state: reading migrations: %w", err)
	}
	list := make([]migration, 0, len(files))
	for i, file := range files {
		number, name, _ := strings.Cut(strings.TrimSuffix(file, ".sql"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(i+1) {
			return nil, fmt.Errorf("state: migration %s: expected number %04d", file, i+1)
		}
		text, err := fs.ReadFile(dir, file)
		if err != nil {
			return nil, fmt.Errorf("state: reading migration %s: %w", file, err)
		}
		list = append(list, migration{version, name, string(text)})
	}
	return list, nil
}

// migrate brings the database to the newest of list. Each migration and the row that records it
// are one transaction: a crash leaves it done or not begun, and the next start continues there.
// The version is read inside that transaction, so that of two programs that start at once one
// migrates and the other finds it done.
func migrate(ctx context.Context, db *sql.DB, list []migration) (applied []string, err error) {
	const table = `CREATE TABLE IF NOT EXISTS migrations (
		version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)`
	if err := inTransaction(ctx, db, table); err != nil {
		return nil, fmt.Errorf("state: creating the table of migrations: %w", explain(err))
	}
	for {
		done, err := migrateNext(ctx, db, list)
		if err != nil {
			return applied, err
		}
		if done == "" {
			return applied, nil
		}
		applied = append(applied, done)
	}
}

// inTransaction runs one statement in a transaction of its own, and so under the writers' lock: of two
// that create a table at once PostgreSQL fails one, IF NOT EXISTS or not.
func inTransaction(ctx context.Context, db *sql.DB, statement string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if _, err := tx.ExecContext(ctx, statement); err != nil {
		return err
	}
	return tx.Commit()
}

// migrateNext applies the first migration that is missing and returns its name, "" if none is.
func migrateNext(ctx context.Context, db *sql.DB, list []migration) (string, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return "", fmt.Errorf("state: beginning a migration: %w", explain(err))
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit

	var current int64
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM migrations`).Scan(&current); err != nil {
		return "", fmt.Errorf("state: reading the version: %w", explain(err))
	}
	if current > int64(len(list)) {
		return "", fmt.Errorf("%w: it is at migration %d, this program knows %d; use the program that wrote it, or a newer one, or a backup",
			ErrNewer, current, len(list))
	}
	if current == int64(len(list)) {
		return "", nil
	}
	m := list[current]
	if _, err := tx.ExecContext(ctx, m.sql); err != nil {
		return "", fmt.Errorf("state: migration %d (%s): %w", m.version, m.name, explain(err))
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO migrations (version, name, applied_at) VALUES ($1, $2, $3)`,
		m.version, m.name, time.Now().UnixMilli()); err != nil {
		return "", fmt.Errorf("state: recording migration %d (%s): %w", m.version, m.name, explain(err))
	}
	if err := tx.Commit(); err != nil {
		return "", fmt.Errorf("state: committing migration %d (%s): %w", m.version, m.name, explain(err))
	}
	return m.name, nil
}
