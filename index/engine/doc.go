// Package engine is the embedded ClickHouse: libchdb behind ClickHouse's HTTP
// interface on a unix socket, in a child process (`tributary engine`, which
// becomes bin/tributary-engine; see ingest/child). Clients reach it by Dial and
// otherwise like any ClickHouse; with `clickhouse.url` set to an address nothing
// of this package runs. By hand it can also serve a TCP port, with a password: one
// machine's index for another program, and a server by address for our own tests.
//
// It stores and answers; what is stored is package index's. The main program
// loads no library: it stays static, and a broken engine never stops it.
//
// # From start to ready
//
// Start looks whether everything is installed, which is one error line that names
// the fix if not (ErrNotInstalled), and has ingest/child run `tributary engine`.
// That is Run: it makes the folder, takes its lock, writes ClickHouse's
// configuration, opens the socket, gives up its rights and executes
// tributary-engine with the socket and the lock still open. Package server does
// the rest. A client that connects earlier waits until it serves.
//
// # Invariants
//
//   - The child holds no right that it does not need. Its environment is TZ=UTC.
//     With Landlock (Linux 5.13; TCP since 6.7) it reads system libraries and its
//     own folder, writes below Dir/data, executes nothing and connects to nothing,
//     so that SQL cannot either. On a kernel without, it warns at each start.
//   - ClickHouse's own rights hold besides (users.xml.tmpl): no files, URLs or
//     other sources, no dictionaries, no access management, no shutdown. The
//     scalar function file() knows no right: only Landlock holds it, and it reads
//     what is in Dir, where no secrets may be. The role ro, which a request takes
//     by its parameter role, reads one database; with readonly=1 that is for
//     people.
//   - The folder is locked: a second engine waits for the child of a killed parent
//     to end, then gives up with ErrLocked. Modes are 0700 and 0600.
//   - An INSERT that was acknowledged survives SIGKILL. Power loss is another
//     matter: ClickHouse leaves new parts to the system's cache unless a table says
//     fsync_after_insert.
//   - Memory is bounded by Options.Memory, caches and merges are parts of it.
//
// The socket's file stays when the engine ends, which may not remove it; the next
// one replaces it.
//
// # Files
//
//	options.go   Options
//	start.go     Start: for the daemon
//	find.go      where library and program are
//	run.go       Run: the main of `tributary engine`
//	lock.go      one engine per folder
//	config.go    ClickHouse's configuration, of config.xml.tmpl and users.xml.tmpl
//	confine.go   what the engine keeps of our rights
//	socket.go    Dial, the socket of any path length, or a TCP port
//	package.json the library, from npm, by platform
//
// Packages: chdb calls the library, server speaks HTTP; ingest/landlock gives up rights.
package engine
