// Package server is the process of the embedded ClickHouse: ClickHouse's HTTP
// interface over package chdb, on a unix socket or a TCP port, for clickhouse-go
// and curl.
//
// It has one user: on a socket, which is 0600, whoever opens it; on a port, who
// brings the credentials. It encrypts nothing and knows nothing of posts. It runs
// in bin/tributary-engine only.
//
// # Invariants
//
//   - An acknowledged INSERT is with the engine; one whose body was cut off, or
//     whose client left, is not committed.
//   - A request has a session of its own: what it sets ends with it.
//   - A statement ends when its client does.
//   - An error reaches the client as ClickHouse's number and text, as status while
//     nothing was sent, else within the result. A result that ends without one is
//     whole.
//
// # Guards
//
// libchdb was made for scripts in one process. Each of these faults was seen, and
// each guard has a test that shows the fault with the guard switched off
// (traps_test.go):
//
//  1. Data of an INSERT in the text ends at the first blank line, and what follows
//     is run as SQL; a block of numbers with 2570 (0x0A0A) in it breaks off. The
//     text is cut behind VALUES or FORMAT and everything after goes through the
//     streaming INSERT, wherever it came from.
//  2. A text of several statements is run, the first ones before a later one turns
//     out to be no SQL. The engine's parser must find exactly one (PARALLEL WITH
//     counts as several).
//  3. Its signal handlers end a process in which Go recovers from a nil
//     dereference. They are switched off before the first connection.
//  4. A call goes on when its client has left. It is killed from another session,
//     again and again until it ends: it may not have begun at the first time.
//  5. An error behind the first block looks like the end. It is written as
//     ClickHouse does, in a block of its own with a tag that a header announces.
//  6. Blocks are of revision 0, whatever the client asks for. The handshake is
//     answered by hand and says so.
//  7. Unknown settings are ignored, so a limit with a typing error limits nothing.
//     They are refused.
//
// compress.Reader of ch-go has two faults that would store rows which nobody sent:
// see blocks in input.go.
//
// # What it lacks
//
// External tables, sessions of several requests, INSERT with input(), FROM INFILE,
// INTO OUTFILE, encodings of HTTP other than gzip: each is refused by name. A
// SELECT without rows brings no columns either. Only Native results are streamed;
// others are complete in memory before the first byte.
//
// # Files
//
//	main.go       arguments of the program
//	run.go        Run: from the library to the end
//	server.go     a request's way, its session
//	auth.go       the credentials that a request must bring
//	request.go    parameters and headers
//	input.go      the body, the text in it
//	lexer.go      pieces of SQL
//	statement.go  where the data of an INSERT begins
//	execute.go    checking and running a statement
//	idle.go       sessions that only read, used again
//	hello.go      the handshake
//	output.go     results, compression, errors within them
//	kill.go       ending what nobody waits for
//	errors.go     numbers, names and status of errors
package server
