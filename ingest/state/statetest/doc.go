// Package statetest gives tests a state database: a fresh file of SQLite's, or with the variable
//
//	TRIBUTARY_TEST_DATABASE=postgres://…
//
// a fresh schema of that PostgreSQL, so that the suite of every package that owns SQL runs on both.
// It also starts a PostgreSQL from the machine's packages, which such tests can have for themselves
// and may stop and kill. It is for tests only, and opens no [tributary/ingest/state.DB].
//
//	source.go          Source, Schema, Copy
//	server.go          Server
//	postgres/          runs a command beside such a server: make test-postgres
//	orphan_*.go        a server ends with the process that started it
package statetest
