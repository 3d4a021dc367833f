// Package lease shares work between the nodes of one relay: each share (a lease)
// is served by one node at a time, and passes to another within seconds when that
// node dies.
//
// It knows nothing of the work. Who has some calls [Keeper.Serve] with its kind
// and number of shards, and is called back for each share that this node holds.
//
// # The table leases
//
//	node/ID        one row a node: it is renewed once a second, in one UPDATE however much
//	               the node holds. generation: of its start
//	wants/KIND/ID  the node takes shares of the kind
//	opened/ID      the node reads the log: see Join
//	opening        who compares log and state database, alone
//	KIND, KIND/N   the shares: their node ("" for nobody) and a generation, raised by
//	               each taking
//
// # Time
//
// No two clocks are compared. A node is dead when its row has not changed for
// [ttl] while another node looked at it all that time, by the other's monotonic
// clock. It stops acting by its own, [ttl]−[margin] after it began the last renewal
// that was committed. That renewal was seen later than it began, so the node has
// stopped for [margin] before anybody else may start: whatever the clocks say, as
// long as they run at about the same speed. While the database is away nobody
// renews and nobody counts: what was seen before a pause in looking is forgotten.
//
// The renewal runs beside the database's writers (state.DB.Exec) and does not wait for them: a
// machine that is busy must not lose its leases for that. A dead node's row is removed only as
// it was seen, so that of a renewal and a burial at the same time one undoes the other.
//
// What a paused process does in the instant between its waking and its timers is
// caught by generations: every write of a share's state is made in a transaction
// with [Term.Check]. The database runs one transaction of writers at a time
// (package state), so what Check read holds until the commit.
//
// # Shares
//
// A kind with one shard stays where it is. The shards of others are dealt by
// rendezvous hashing among the nodes that want the kind: a node that joins gets its
// part of every other one, and one that comes back under its old name gets what it
// had. A share moves by agreement: the old node is told, ends the work in
// its own time, gives the share back, and the new one takes it.
//
// A node that starts under the name of another takes its shares at once, and the other stops at its next beat.
// The name is kept in the data directory, whose lock proves that the other is gone.
//
// # Invariants
//
//   - A share's serve is called again, anywhere, only after the call before has
//     returned, or margin after its context ended.
//   - A write with Check is not committed by anyone but the newest holder.
//   - A node alone (nil, or Alone) holds everything, and writes nothing.
//
// # Crash cases
//
//   - after a taking was committed, before serve was called: the row says ours and
//     nobody serves; the next beat takes it again, or the others after ttl.
//   - after serve returned, before the share was given back: as above.
//   - during the commit of a renewal: it does not count. If it was committed, the
//     others wait longer than they need to.
//
// # Files
//
//	keeper.go   Keeper: Start, Serve, Close; terms and their end
//	beat.go     each second: renew and look (watch), take and hand over (deal)
//	join.go     who compares the log with the state database
//	table.go    the table leases
//	metrics.go errors.go
package lease
