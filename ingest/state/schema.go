package state

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"modernc.org/sqlite"
)

// A Table of the schema. Tables and columns have the same names in both databases.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"`
}

// A Column of a Table.
type Column struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
}

// Kind is what the values of a column are.
type Kind string

// The kinds, and what their values are in Go.
const (
	Integer Kind = "integer" // int64
	Text    Kind = "text"    // string; what PostgreSQL gave is UTF-8
	Blob    Kind = "blob"    // []byte
)

// kinds are those of the types that migrations use.
var kinds = map[string]Kind{"BIGINT": Integer, "SMALLINT": Integer, "INTEGER": Integer, "TEXT": Text, "BYTEA": Blob}

// schemaOf returns the tables that migrations make, in the order in which they do, without the table of
// the migrations themselves. It asks SQLite, which has no more tables than those, as nobody else makes
// any in it; a schema of a PostgreSQL may be shared.
func schemaOf(ctx context.Context, list []migration) ([]Table, error) {
	connector, err := sqlite.NewConnector("file::memory:")
	if err != nil {
		return nil, fmt.Errorf("state: reading the schema: %w", err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }() // it was in memory
	db.SetMaxOpenConns(1)
	if _, err := migrate(ctx, db, list); err != nil {
		return nil, err
	}
	names, err := column[string](ctx, db, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'migrations'`) // in the order of their making
	if err != nil {
		return nil, fmt.Errorf("state: reading the schema: %w", err)
	}
	tables := make([]Table, 0, len(names))
	for _, name := range names {
		t, err := tableOf(ctx, db, name)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

func tableOf(ctx context.Context, db *sql.DB, name string) (Table, error) {
	rows, err := db.QueryContext(ctx, `SELECT name, type FROM pragma_table_info($1) ORDER BY cid`, name)
	if err != nil {
		return Table{}, fmt.Errorf("state: reading the schema: %w", err)
	}
	defer func() { _ = rows.Close() }()
	t := Table{Name: name}
	for rows.Next() {
		var column, kind string
		if err := rows.Scan(&column, &kind); err != nil {
			return Table{}, fmt.Errorf("state: reading the schema: %w", err)
		}
		k, ok := kinds[strings.ToUpper(kind)]
		if !ok {
			return Table{}, fmt.Errorf("state: BUG: column %s.%s is of a type that no backup knows: %s", name, column, kind)
		}
		t.Columns = append(t.Columns, Column{column, k})
	}
	return t, rows.Err()
}

// column returns the values of a query's only column.
func column[T any](ctx context.Context, db *sql.DB, query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// names of the columns, quoted and with commas.
func (t Table) names() string {
	quoted := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		quoted[i] = quote(c.Name)
	}
	return strings.Join(quoted, ", ")
}

// quote is for names of migrations.
func quote(name string) string { return `"` + name + `"` }

// value gives what a driver returned the type of its column.
func (c Column) value(v any) (any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case int64:
		if c.Kind == Integer {
			return x, nil
		}
	case string:
		switch c.Kind {
		case Text:
			return x, nil
		case Blob:
			return []byte(x), nil
		}
	case []byte:
		switch c.Kind {
		case Text:
			return string(x), nil
		case Blob:
			return x, nil
		}
	}
	return nil, fmt.Errorf("state: column %s holds a %T, where %s is expected", c.Name, v, c.Kind)
}
