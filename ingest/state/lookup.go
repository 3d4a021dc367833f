package state

import (
	"context"
	"database/sql"
)

// keptLookups bounds the texts that are kept prepared; those who look things up have few.
const keptLookups = 64

// Row is Read().QueryRowContext for a row that is found by its key, on the way of every post.
// SQLite prepares such a query for longer than it runs it, and the driver starts two goroutines to
// watch a context: so the statement is kept, and ctx counts only until it starts. The query must be
// a constant of the program, and one that an index answers.
func (db *DB) Row(ctx context.Context, query string, args ...any) *sql.Row {
	if !db.local || ctx.Err() != nil {
		return db.read.QueryRowContext(ctx, query, args...)
	}
	ctx = context.WithoutCancel(ctx)
	if stmt := db.lookup(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return db.read.QueryRowContext(ctx, query, args...)
}

// lookup is the kept statement of a query, nil when it cannot be prepared: whoever runs the query
// then is told why. database/sql prepares it once for each connection, and closes it with them.
func (db *DB) lookup(ctx context.Context, query string) *sql.Stmt {
	db.lookupsMu.RLock()
	stmt := db.lookups[query]
	db.lookupsMu.RUnlock()
	if stmt != nil {
		return stmt
	}
	db.lookupsMu.Lock()
	defer db.lookupsMu.Unlock()
	if stmt = db.lookups[query]; stmt != nil || len(db.lookups) >= keptLookups {
		return stmt
	}
	stmt, err := db.read.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	db.lookups[query] = stmt
	return stmt
}
