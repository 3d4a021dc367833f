// Package ingest brings public posts into one log and lets everything else read
// it: admission, the log itself, and the fold over it that the state database
// holds.
//
// It does not authenticate requests (ingest/signature, relay), parse documents
// (ingest/ap), talk to strangers (ingest/remote) or render anything. Nothing
// outside it appends to the log or writes the tables objects, authors,
// withdrawn, corrections, marks, epochs, cursors and fetches.
//
//	record.go codec.go        what a record says, and its bytes
//	topic.go kafka.go         the topic; its one partition as the protocol shows it
//	log.go settings.go        Log: open, run, close; cursors and ceiling in the state database
//	appender.go               batches by what waits
//	fold.go window.go         what a record means, given what came before it
//	entry.go snowflake.go     a record as readers get it; ids
//	tail.go ring.go           one reading of the log for all readers
//	block.go pages.go         what readers far behind share: decoded records; what the last fetches brought
//	seqat.go                  which seq a time is
//	reader.go withdrawn.go    a pull cursor with a view; what is hidden since
//	epochs.go marks.go open.go   seqs that never go back; is it still the same log?
//	copy.go carry.go          the log on another server, under the same seqs
//	export.go restored.go     the log out of a backup; what restored positions mean
//	statecursor.go pending.go the fold, written to the state database
//	tiers.go                  how many posts stand at each tier
//	topics.go                 what hashtags and languages a post may have had, for who wanted it for them
//	admission.go consent.go   what may enter, how far it may travel
//	fetchqueue.go             what its origin must give first
//
// # Codec
//
// A record's value is a version byte and a CBOR map with numbered keys. A reader
// ignores keys that it does not know, counts and skips kinds that it does not
// know, and counts and skips a version that it does not know. A number is never
// used again for something else. testdata/record_v1_*.golden holds what the first
// release wrote; every later one must read it.
//
// # Seqs
//
// The log is one topic with one partition: one order for every consumer on every
// node. seq = base + offset; the base is raised whenever a seq could otherwise be
// shown twice, so seqs increase but are not dense. What was shown is bounded by
// the ceiling, which the state database holds before anything up to it is shown.
//
// # Exactly once
//
// The producer may repeat: a lost acknowledgement is tried again, a killed
// sender tries again, two nodes admit the same post at once. Readers still see
// each thing once, because every reader reads through Tail and Tail folds the
// log's order: what says again, for the same object, what the newest records
// said is dropped (fold.go holds the rules). The window that it folds with is a
// function of the log alone. It is rebuilt at start from the newest rows of
// objects, which are the same fold, and cold readers apply the corrections that
// were kept for the few records whose own bytes do not tell what the window said
// of them.
//
// The crash cases, and where the code says them again:
//
//   - before the append is acknowledged (appender.go): the sender has no answer
//     and comes again. If the record is in the log all the same, the second one
//     is a repeat.
//   - after the append, before the answer (crashpoint after-append): the record
//     is in the log; the sender's repeat finds the object known and gets 202.
//   - after a fetch row is committed, before the answer (after-fetch-row): the
//     row is worked off after the restart; the sender's repeat finds the row.
//   - after a fetched object was appended, before its row is removed: it is
//     fetched again, and found known.
//   - before the state transaction (before-state): none of the batch is in the
//     database and the cursor stands before it. The restart reads the batch
//     again with the window as it was and comes to the same verdicts.
//   - after the state transaction: objects, authors, withdrawals, corrections,
//     marks and the cursor are there together.
//   - records were shown, and the process died before the state transaction:
//     they are in the log under the same offsets and the same base, so they
//     keep their seqs; what is appended from then on gets seqs above the ceiling
//     (open.go, epochStopped).
//   - the log lost records that were shown (torn tail, emptied, replaced, or
//     shortened and grown again): the marks tell where it differs; what stands
//     from there on gets seqs above the ceiling, and readers that cross the place
//     are told (EventRegressed).
//   - the state database is a backup's, and the log is what it is by now: the ceiling
//     was raised beyond all that can have been shown since, and nothing that cannot be
//     recognised is believed to have its old seq (restored.go).
//   - a lane's position is saved after its deliveries were answered
//     (before-position): a crash in between repeats deliveries, and receivers
//     know the id.
//
// # Several nodes
//
// Every node appends, reads the log by its own Tail, and comes to the same verdicts,
// seqs and ids, as all of these follow from the log's order and from the epochs. What
// must not be done twice is done by one node at a time, by lease (package lease): the
// fold into the state database ("state"), fetches ("fetches", 16 parts by host).
//
//   - Who opens the log first, while no other node reads it, compares it with the state
//     database and may raise the base (open.go). A node that joins takes one snapshot of
//     the database and raises nothing.
//   - While nodes run, only the one that folds may say where the log has lost records
//     (Tail.regress). Another one that finds a loss makes sure that seqs go on above
//     all that was shown, and starts again (regressElsewhere, ErrSuperseded).
//   - An epoch record begins its epoch at its own place, for all. The database gets the
//     epoch with the fold, in the transaction that moves the cursor over the record.
//   - The ceiling covers what any node shows, and only the last one that ends lowers it.
//
// And their crash cases:
//
//   - the node that folds is killed: another one takes the lease after lease.ttl and goes
//     on behind the last committed batch. What it needs of the records since, it has kept
//     (pending.go), whether they are still in its ring or not.
//   - it stands still and wakes when another one folds: its transaction fails at
//     Term.Check, before anything of it is written.
//   - it is killed between raising the base for a loss and saying so in the log: who takes
//     over finds other epochs in the database than it has read by, and starts again.
//   - all are killed: the first one back waits until the others are proven dead, then does
//     what a single node does (epochStopped).
//   - not covered: Kafka loses records that it has shown to one node only, and that node
//     dies before it could tell. What is appended in their place has their seqs.
//
// # Invariants
//
//   - I2: a cursor never runs ahead of the data. Resuming at Reader.Position or
//     at any seq seen skips nothing.
//   - I5: what was withdrawn is hidden from streams and lanes at once, hot and
//     cold; the record that withdraws it is shown in its place.
//   - I7: a record appended any number of times changes no row and is shown once.
//   - A tombstone beats every later create, fetch and upgrade of its owner; an
//     older version never replaces a newer one; no clock but ours decides.
package ingest
