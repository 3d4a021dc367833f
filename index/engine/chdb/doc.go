// Package chdb calls libchdb, ClickHouse as a library, without cgo.
//
// It is a binding and nothing more: what must be guarded, and why, is said in index/engine/server,
// which is the only user. Only the child process that is the engine may import it: the library
// takes 200 MB, and purego makes a program dynamically linked.
//
// # Invariants
//
//   - One engine per process, with one data directory, from Open to the end of the process. Its first connection stays
//     open all the time: closing the last one would shut the engine down.
//   - The library installs no signal handlers. Go needs its own: a nil dereference that is
//     recovered elsewhere would end the process.
//   - Memory that the library gives is copied or used before it is freed; memory that it gets is pinned during
//     the call. It keeps none of it.
//
// A Conn is for one goroutine, and runs one statement at a time. The calls block their thread.
//
// # Files
//
//	library.go   loading, the functions of the library
//	engine.go    Open, Connect, Close
//	query.go     a statement, its parameters and result; classification
//	stream.go    a result block by block
//	insert.go    data of an INSERT, piece by piece
//	errors.go    errors of the library
package chdb
