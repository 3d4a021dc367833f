// Package state opens the state database, a file of SQLite's or a PostgreSQL: everything that is not
// the log and not the index. It migrates it, and gives its users one writer with group commit and a
// pool of readers.
//
// It knows no table of anybody: SQL lives with the package that owns the table, the tables
// themselves in migrations/*.sql. One SQL text must serve SQLite and PostgreSQL; the rules are at
// the top of migrations/0001_spine.sql.
//
// # Writing
//
// [DB.Write] is the way to write; [DB.Exec] is for single statements that cannot wait. Callers that
// arrive while another commit is under way share the next transaction, so that a hundred of them
// cost one fsync:
//
//	BEGIN IMMEDIATE
//	  SAVEPOINT f   caller 1's function   RELEASE f
//	  SAVEPOINT f   caller 2's function   ROLLBACK TO f, RELEASE f   (it failed: only its own work is undone)
//	  …
//	COMMIT          fsync: the WAL is synced before COMMIT returns (synchronous=FULL, synchronous_commit=on)
//	each caller returns
//
// On PostgreSQL BEGIN takes an advisory lock in place of IMMEDIATE, so that over all nodes one
// transaction of writers runs at a time: what a function has read stays so until its commit.
//
// Invariants:
//   - A function runs at most once per call, on its caller's own goroutine, so that a panic or
//     runtime.Goexit unwinds there with its own stack; others in the transaction are not touched.
//   - nil means committed and on disk. An error means that nothing of the function remains; only
//     [ErrUncertain], when the connection to PostgreSQL broke during COMMIT, leaves open whether all
//     or nothing of the whole transaction does.
//   - A later function of the same transaction sees what an earlier one wrote.
//   - A context that ends before the function started means that it never runs; afterwards it runs
//     to the end. Statements inside cannot be interrupted by a context, as an interrupted one makes
//     SQLite roll back the whole transaction, and the driver give the connection to PostgreSQL up: the
//     work of the others with it.
//   - A function that ignored the error of a statement may succeed on SQLite. On PostgreSQL it fails
//     (alone), as nothing more is possible in its savepoint: use ON CONFLICT, and ask before.
//
// A crash before COMMIT returns leaves all of a transaction or nothing of it, and no caller was
// told that it succeeded; a crash after it leaves all of it. A PostgreSQL that goes away fails the
// transaction under way, and each one begun until it is back; nothing needs to be opened again.
//
// # One SQL text
//
// What differs between the two is levelled here: an argument that is a boolean is stored as 0 or 1,
// and a text that PostgreSQL cannot hold (NUL, broken UTF-8) is mended, when it is written and when it
// is asked for. What is left for those who write SQL: close the rows before the next statement of a
// transaction, cast nothing, and order by text only for people, as each database has its own order.
//
// # Backups
//
// [OpenSnapshot] reads every table as of one moment, while the program runs or not; [Restore] fills a new
// database of either kind with what was read from either, at the version that it had then, and migrates it
// afterwards. What the rows mean once restored is their owners' affair.
//
// # Map
//
//	open.go        Open, DB, Read, Close, and what a data source name may say
//	sqlite.go      opening a file
//	postgres.go    opening a PostgreSQL
//	migrate.go     numbered migrations
//	schema.go      the tables of a version
//	snapshot.go    a database as it was at one moment
//	restore.go     a new database filled with that
//	write.go       Write: the caller's side
//	commit.go      the writer goroutine
//	lookup.go      Row: one row by its key, quickly
//	steady.go      SQLite: connections whose statements no context interrupts
//	postgres_conn.go
//	               PostgreSQL: the same, and the writers' lock, dead connections, arguments
//	hash.go        Hash
//	metrics.go     metrics
//	errors.go      sentinels
package state
