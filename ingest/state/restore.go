package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// insertText is how long a statement of a Filling may be: shorter ones are kept prepared by both drivers.
const insertText = 1900 // bytes

// Schema returns the tables of a version: the number of its newest migration.
// ErrNewer: this program does not know it.
func Schema(ctx context.Context, version int) ([]Table, error) {
	list, err := embeddedMigrations()
	if err != nil {
		return nil, err
	}
	if err := known(version, list); err != nil {
		return nil, err
	}
	return schemaOf(ctx, list[:version])
}

func known(version int, list []migration) error {
	if version < 1 || version > len(list) {
		return fmt.Errorf("%w: it is at migration %d, this program knows %d", ErrNewer, version, len(list))
	}
	return nil
}

// Restore makes the database that dsn names as it was at a version, lets fill put rows into it, and then
// migrates it to the newest. It must not be there: no file of SQLite's, or no row in a PostgreSQL's
// tables (ErrNotEmpty).
//
// What fill does is one transaction, also for what it does to tx itself: after an error nothing of it is
// there. A crash leaves in a PostgreSQL tables without rows, and of SQLite's a file that has to be removed.
func Restore(ctx context.Context, dsn string, log *slog.Logger, version int, fill func(tx *sql.Tx, f *Filling) error) error {
	list, err := embeddedMigrations()
	if err != nil {
		return err
	}
	return restore(ctx, dsn, log, list, version, fill)
}

func restore(ctx context.Context, dsn string, log *slog.Logger, list []migration, version int, fill func(tx *sql.Tx, f *Filling) error) error {
	if err := known(version, list); err != nil {
		return err
	}
	source, err := parseSource(dsn)
	if err != nil {
		return err
	}
	tables, err := schemaOf(ctx, list[:version])
	if err != nil {
		return err
	}
	if err := source.empty(ctx, tables); err != nil {
		return err
	}
	db, err := open(ctx, dsn, log, list[:version])
	if err != nil {
		return err
	}
	err = db.Write(ctx, func(tx *sql.Tx) error { return clearAll(ctx, tx, tables) })
	if err == nil {
		err = db.Write(ctx, func(tx *sql.Tx) error { return fillAll(ctx, tx, tables, fill) })
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return errors.Join(err, source.remove())
	}
	if db, err = open(ctx, dsn, log, list); err != nil {
		return err
	}
	return db.Close()
}

// clearAll removes what migrations put into tables: the backup holds it, as it was changed since. It is a
// transaction of its own, so that an empty database is left when filling it fails.
func clearAll(ctx context.Context, tx *sql.Tx, tables []Table) error {
	for i := len(tables) - 1; i >= 0; i-- {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+quote(tables[i].Name)); err != nil {
			return fmt.Errorf("state: emptying %s: %w", tables[i].Name, err)
		}
	}
	return nil
}

func fillAll(ctx context.Context, tx *sql.Tx, tables []Table, fill func(tx *sql.Tx, f *Filling) error) error {
	f := &Filling{ctx: ctx, tx: tx, tables: map[string]Table{}}
	for _, t := range tables {
		f.tables[t.Name] = t
	}
	if err := fill(tx, f); err != nil {
		return err
	}
	return f.Flush()
}

// A Filling takes the rows of a database that is restored, table by table.
type Filling struct {
	ctx    context.Context
	tx     *sql.Tx
	tables map[string]Table

	table Table // of the rows that wait
	most  int   // rows of one statement
	full  string
	args  []any
}

// Row adds a row: a value for each column of the table, of its kind or nil. A table that the version
// does not have is an error.
func (f *Filling) Row(table string, values []any) error {
	if table != f.table.Name {
		if err := f.begin(table); err != nil {
			return err
		}
	}
	if len(values) != len(f.table.Columns) {
		return fmt.Errorf("state: a row of %s has %d values, and the table %d columns", table, len(values), len(f.table.Columns))
	}
	for i, c := range f.table.Columns {
		v, err := c.value(values[i])
		if err != nil {
			return fmt.Errorf("%w (table %s)", err, table)
		}
		f.args = append(f.args, v)
	}
	if len(f.args) == f.most*len(values) {
		return f.insert(f.full)
	}
	return nil
}

func (f *Filling) begin(table string) error {
	if err := f.Flush(); err != nil {
		return err
	}
	t, ok := f.tables[table]
	if !ok {
		return fmt.Errorf("state: there is no table %q in that version", table)
	}
	f.table, f.most = t, 1
	for len(t.insert(f.most+1)) <= insertText {
		f.most++
	}
	f.full = t.insert(f.most)
	return nil
}

// Flush writes the rows that wait.
func (f *Filling) Flush() error {
	if len(f.args) == 0 {
		return nil
	}
	return f.insert(f.table.insert(len(f.args) / len(f.table.Columns)))
}

func (f *Filling) insert(statement string) error {
	if err := f.ctx.Err(); err != nil { // the writer's statements do not hear it
		return err
	}
	if _, err := f.tx.ExecContext(f.ctx, statement, f.args...); err != nil {
		return fmt.Errorf("state: filling %s: %w", f.table.Name, err)
	}
	f.args = f.args[:0]
	return nil
}

// insert is a statement for so many rows.
func (t Table) insert(rows int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO ` + quote(t.Name) + ` (` + t.names() + `) VALUES `)
	for n := range rows * len(t.Columns) {
		switch {
		case n == 0:
			b.WriteString("($")
		case n%len(t.Columns) == 0:
			b.WriteString("), ($")
		default:
			b.WriteString(", $")
		}
		b.WriteString(strconv.Itoa(n + 1))
	}
	b.WriteString(")")
	return b.String()
}
