// Package daemon builds, runs and ends the whole program: cmd/tributary runs
// it, and tests run the same graph.
//
// Build opens what is needed in the order of dependence and starts nothing that
// talks to strangers. Run starts the parts in that order, and ends them in the
// reverse one: streams are told first, then the listeners stop, deliveries drain,
// the log is settled, the broker and the database are closed. Each part has a
// budget to end in; a part that fails ends them all.
//
//	daemon.go     Build, Run
//	part.go       what is started and ended together
//	datadir.go    the data directory and its lock;  nodes.go  this node among several, roles
//	broker.go     the embedded broker as a child;  kafka.go  a Kafka by address
//	hold.go       what the index has not read does not expire
//	copylog.go    the log moved from the one to the other, by a command
//	backup.go restore.go backuplog.go
//	              one file of the state database, the configuration and the log, and back
//	import.go     what another relay kept, taken over
//	signer.go     signatures by libcrypto, in a child
//	ingest.go     state database, keys, egress, log, admission
//	relay.go      actor, inbox, deliveries, admin socket
//	index.go      the embedded engine, the index and its API
//	stream.go     live streams and their tokens
//	listen.go     the public listener;  https.go  its certificates;  debug.go  the second one;  unused.go  connections that ends do not wait for
//	site.go       pages and figures for people
package daemon
