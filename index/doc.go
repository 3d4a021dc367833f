// Package index stores what the log says in ClickHouse and answers questions
// about it: timelines, search, authors, hashtags.
//
// It does not decide what may be shown (ingest does: each record has a tier, and
// withdrawals are records), render anything (index/status), speak HTTP to
// clients (index/api), or run the server (index/engine, or somebody else's).
//
//	server.go                        the server: its address, its version, the database
//	index.go migrate.go cursor.go    open, tables, where the writer stands
//	writer.go batch.go insert.go     the writer: from records to rows
//	rows.go words.go                 what a row holds
//	withdraw.go                      what is withdrawn disappears
//	rollup.go                        counts of hashtags that hold something gone are made again
//	page.go                          pages by id, over the newest versions only
//	timeline.go search.go account.go tag.go overview.go statement.go   one family of questions each
//	latest.go                        which posts have several versions, and which is the newest
//	newest.go                        what is asked about the newest posts, in memory (index/fresh)
//	recent.go packed.go              records that were shown lately, decoded; those and the newest, compressed
//	merges.go                        merges wait while the writer catches up
//	kept.go                          answers that everybody gets for a while
//	literal.go                       strangers' words inside statements
//
// # Versions
//
// A row is a version of a post: its id says of which post, its seq which version.
// The id holds the time of the post's first arrival, so all versions of a post lie
// in one partition (month of arrival) and next to each other. No date that a
// stranger wrote decides partition, key or version; published is a clamped column.
// The engine replaces older versions when it merges, sometime; queries see to it
// themselves that only the newest version counts (page.go). Where one process alone
// writes, it knows of the newer posts which have several versions (latest.go), and a
// page asks only about those of which it does not.
//
// A version has a row in posts, which is what is asked, and one in records, which
// is what is shown. The row in records is written first, everywhere: what is found
// has a record, and what must not be shown is not shown as soon as either says so.
//
// # The server
//
// Any ClickHouse from 26.2 on, by HTTP or its native protocol: text indexes need no
// setting since. What is older is refused with its version (ErrOldServer). The user
// needs every right on the one database, and CREATE DATABASE only where it is not
// there yet:
//
//	CREATE DATABASE tributary;
//	CREATE USER tributary IDENTIFIED BY '…';
//	GRANT ALL ON tributary.* TO tributary
//
// # Invariants
//
//   - I4: timelines show tier live and above, of the last seven days; search shows
//     tier search. Columns below their tier are empty: words of what is not
//     searchable and records of what is not shown are not in the database.
//   - I5: when Position has passed a Delete or a withdrawal, no query returns what it
//     took away, whatever was merged. Its bytes leave the disk with the next merge
//     of its part, a month's after a day without news at the latest. Hashtags'
//     counts follow within a minute or so.
//   - I7: the same records make the same rows, however often and in whatever
//     batches they are read.
package index
