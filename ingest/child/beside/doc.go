// Package beside is what commands have in common that run a test command beside servers
// which its tests need: index/engine/enginetest, ingest/ingesttest/kafka,
// ingest/state/statetest/postgres. It is for tests only, and supervises nothing: a server
// that ends stays ended, and the tests say so.
//
//	command.go  Run: the command
//	server.go   Start, Server, Addresses
package beside
