// Package state opens the state database: everything that is not the log and not the index. It
// migrates it, and gives its users one writer with group commit and a pool of readers.
//
// It knows no table of anybody: SQL lives with the package that owns the table, the tables
// themselves in migrations/*.sql. One SQL text must serve SQLite and PostgreSQL; the rules are at
// the top of migrations/0001_spine.sql.
//
// # Writing
//
// [DB.Write] is the only way to write. Callers that arrive while another commit is under way share
// the next transaction, so that a hundred of them cost one fsync:
//
//	BEGIN IMMEDIATE
//	  SAVEPOINT f   caller 1's function   RELEASE f
//	  SAVEPOINT f   caller 2's function   ROLLBACK TO f, RELEASE f   (it failed: only its own work is undone)
//	  …
//	COMMIT          fsync: the WAL is synced before COMMIT returns (synchronous=FULL)
//	each caller returns
//
// Invariants:
//   - A function runs at most once per call, on its caller's own goroutine, so that a panic or
//     runtime.Goexit unwinds there with its own stack; others in the transaction are not touched.
//   - nil means committed and on disk. An error means that nothing of the function remains.
//   - A later function of the same transaction sees what an earlier one wrote.
//   - A context that ends before the function started means that it never runs; afterwards it runs
//     to the end. Statements inside cannot be interrupted by a context, as an interrupted one makes
//     SQLite roll back the whole transaction, the work of the others with it.
//
// A crash before COMMIT returns leaves all of a transaction or nothing of it, and no caller was
// told that it succeeded; a crash after it leaves all of it.
//
// # Map
//
//	open.go        Open, DB, Read, Close, and what a data source name may say
//	migrate.go     numbered migrations
//	write.go       Write: the caller's side
//	commit.go      the writer goroutine
//	steady.go      connections whose statements no context interrupts
//	hash.go        Hash
//	metrics.go     metrics
//	errors.go      sentinels
package state
