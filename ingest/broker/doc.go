// Package broker is the embedded Kafka broker: franz-go's kfake with a data directory
// and synchronous writes, on a unix socket, in a child process of its own (`tributary
// broker`, see ingest/child). Clients reach it by Transport and Addr and otherwise like
// any Kafka; with `kafka.brokers` set to addresses nothing of this package runs.
//
// It is the default for one machine. kfake is, by name, a test double: one goroutine
// serves all requests, and whoever can open the socket can make it panic (an unknown
// request key is enough). So the socket has mode 0600, the directory 0700, the process
// is nobody else's, and it is started again when it ends. For more, use a real Kafka.
//
// # What is kept
//
// One topic, Topic, with exactly one partition. RequireAll is answered after fsync, so an
// acknowledged batch survives SIGKILL of any process and power loss, as far as the disk
// does what fsync says (kfake does not look at fsync's result: a disk that fails there
// loses what it was given, and nobody is told). The log reaches back by age and by size
// (Retention).
//
// One reader may be late, the index: what it has not read does not expire by size before the
// log has Retention.Hold bytes, and expires by age like all else. How far it is is an
// offset that it commits (HoldFrom), so neither a kill of it nor one of the broker lets go
// of anything, and a broker that is started without Hold holds nothing at once. Each
// retention run asks for it and sets the topic's retention.bytes from it.
//
// # Guards
//
// kfake was written for tests. Each of these faults was seen, and each guard has a test
// that shows the fault with the guard switched off (guards_test.go):
//
//  1. A partition that retention emptied has its end offset reset to 0 at the next start.
//     Before each retention run the newest record is made one that stays: a heartbeat
//     (Options.Heartbeat), unless the newest record is one of ours already and young.
//     If the heartbeat cannot be written (disk full), retention runs only if the newest
//     record is young by its own time, for retention is what frees the disk.
//  2. kfake's own retention timer is hourly, and not armed after a restart. Ours runs
//     every minute and at start; theirs is set to ten years.
//  3. After SIGKILL the log's start falls back to the beginning of its oldest segment:
//     expired records are there again. The retention run at start, before the broker is
//     ready, takes them away. A record can come back for a moment, so readers are
//     idempotent (they are: see ingest, Exactly once); no end offset changes.
//  4. Topics seeded by option take no configuration and ignore another partition count.
//     The topic is created by CreateTopics, altered by IncrementalAlterConfigs, and its
//     partition count is checked at each start (ErrPartitions).
//  5. Two kfakes on one directory damage it. The directory is locked with flock; a second
//     broker waits for the lock (the child of a killed parent needs some milliseconds to
//     end) and then gives up with ErrLocked.
//  6. At start every segment is read whole, after SIGKILL all of them at once: memory
//     equals the log. The log is small by default (256 MiB), the snapshot that SIGKILL
//     prevented is written before kfake looks for it (snapshot.go), so that it goes
//     segment by segment, and what the start needed is given back before the broker is
//     ready.
//  7. A segment is deleted when all its records have expired, and a new one begins only
//     when the old one is full: on a quiet server raw bytes would outlive the retention
//     by months. The active segment is closed once it is older than Retention.Roll, so a
//     record's bytes leave the disk at the latest Age + Roll + a minute after it came.
//  8. After a clean end kfake trusts the segment sizes of its snapshot. If a segment was
//     damaged meanwhile (same size, other bytes), it cuts it, goes on writing, and serves
//     nothing of what it writes from then on. The segments are checked before kfake
//     reads them, and the snapshot of a damaged partition is removed.
//  9. Segments without kfake's own files (meta.json, topics.json) make it begin at offset
//     0 and append to the old segments. Open refuses with ErrDamaged.
//
// # Loss
//
// The check at start logs as an error what a torn tail or flipped bytes cost: kfake cuts
// a segment at its first bad batch. The end offset may be lower then; ingest raises its
// base for it (seq = base + offset). With a full disk a producer gets an error
// (-1, unknown), nothing is kept of its batch, and the broker goes on; it accepts again
// once there is space. If the disk is full just when a new segment begins, readers at
// the end get OffsetOutOfRange, though their offset equals the end, until a write succeeds.
//
// Retention goes by the records' own time, which the producer sets: a record that says it
// is old takes everything before it along. The appender must leave Time to now.
//
// # Files
//
//	options.go    Options, Retention
//	run.go        Run: the child's main
//	broker.go     Open, Close
//	transport.go  how kafka-go clients reach it
//	topic.go      the topic and its configuration
//	keeper.go     heartbeat, retention, roll
//	hold.go       what is still to be read stays longer
//	scan.go       check of the segments at start
//	snapshot.go   kfake's account of the segments
//	logger.go     kfake's log lines
package broker
