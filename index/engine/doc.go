// Package engine is the embedded ClickHouse: libchdb behind ClickHouse's HTTP
// interface on a unix socket, in a child process (`tributary engine`, which
// becomes bin/tributary-engine; see ingest/child). Clients reach it by Dial and
// otherwise like any ClickHouse; with `clickhouse.url` set to an address nothing
// of this package runs.
//
// It stores and answers; what is stored is package index's. The main program
// loads no library: it stays static, and a broken engine never stops it.
//
// # Invariants
//
//   - The child holds no right that it does not need: an empty environment, its
//     data folder, its socket (Landlock, where the kernel has it); no user of it
//     may read files or URLs by SQL (users.xml).
//   - The folder is locked: a second engine waits, then gives up.
//   - Missing parts are one error line that says how to install them.
//
// Packages: chdb calls the library, server speaks HTTP, landlock gives up rights.
package engine
