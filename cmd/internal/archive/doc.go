// Package archive is the one file that a backup is: a tar, compressed by zstd, of small entries
// and a list of their checksums at its end. It knows what no entry means: cmd/internal/daemon
// fills it and reads it.
//
//	zstd( tar( manifest.json, …, state/objects/000001, state/objects/000002, …, checksums.json ))
//
// Rows of tables and records of the log stand in numbered parts of some 4 MiB, as CBOR arrays one
// behind the other: an integer, a byte string (also for text, which in SQLite need not be UTF-8)
// or null for each column. Memory is bounded by the size of a part, on both sides.
//
// Invariants:
//   - A file under its name is whole: it is written beside it, synced and renamed. Its mode is 0600,
//     as it holds private keys.
//   - Next returns io.EOF only if every entry was what the list says, in its order, and nothing is
//     missing or follows. Read it once to the end before believing anything of it.
//   - A hostile archive costs time and no more than a few parts of memory. No name of an entry is ever
//     the path of a file; names other than the plain ones are refused all the same.
//
// It is zstd for the time that it takes: rows of the state database, mostly hashes, come out as large as with
// gzip, for a seventh of the processor time.
//
// Checksums tell damage, not forgery: whoever can write the file can write keys into it.
//
// Map:
//
//	writer.go  Create, Add, Commit
//	reader.go  Open, Next, Rewind
//	rows.go    Parts: rows as entries, and back
package archive
