// Package e2e tests the program as its users meet it: the built binary, started
// with `serve`, between servers that talk to it over HTTP and readers on its
// WebSocket. Nothing is imported from the stages; what is asserted is the wire.
//
// Two worlds stand around it. Fedify, from npm, is a server software that nobody
// here wrote (fedify/, one process per server); what it says about a signature
// counts. relay/simulator makes the many servers that a load needs.
//
//	make e2e                                        all of it
//	TRIBUTARY_SEED=7 go test -tags e2e ./cmd/internal/e2e -run TestKills -rounds 40
//
// The tests need Linux (they find child processes in /proc), Go, and npm with a
// Node.js of any version: the one that Fedify needs comes with its packages,
// which are installed at the first run. Those of the index need the engine's library
// (make engine-lib), that of Mastodon.py python3 with pip; they are skipped without.
//
// # What is tested
//
//   - TestFedify: subscribe, post, edit, delete, consent, boost, leave, and all of
//     it again after kill -9.
//   - TestKills (I1, I2, I7): posts at a steady rate while broker, serve or both are
//     killed, at random moments and at each named crash point. What was
//     acknowledged reaches every subscriber and the firehose; there once, in
//     order. The seed is printed.
//   - TestClients (I4, I5): go-mastodon, masto.js and Mastodon.py, unmodified: paging,
//     search, authors, live updates, edits and deletes.
//   - TestFedifySearched: Fedify's posts in search and timelines, until their Delete.
//   - TestEngineKills (I4, I7): SIGKILL of the index's engine under load. Nothing lost,
//     nothing twice, streams and deliveries undisturbed.
//   - TestFediverse (I2, I4, I5, I7): servers of all softwares, with slow, dead, lying and
//     flooding ones among them; inboxes, stream, replay, timelines and search against
//     relay/simulator/model. The seed is logged.
//   - TestIsolation (I3): servers that hold their responses, refuse, trickle, never end,
//     keep their keys back or lie, and what that changes for the others: nothing.
//   - TestRegression (I2): a log shortened, emptied, regrown with other records, after a
//     clean end and after kill -9, and one whose records expired.
//   - TestShutdown, TestToldBeforeTheRest, TestSecondInstance: SIGTERM under load, once
//     and twice, and with a request under way; two programs on one folder.
//   - TestHeldLog: the log while the index is away, back, and off.
//   - TestNodes (I1, I2, I7): two programs over one Kafka (in this process, or a real one:
//     go run ./ingest/ingesttest/kafka go test -tags e2e -run TestNodes ./cmd/internal/e2e) and one
//     PostgreSQL; posts come to either or both at once; one is killed, and comes back.
//   - TestRejoin: servers that leave and come back right after each restart.
//   - TestPeersWithoutRelay: the two worlds against each other, so that a
//     failure of the above is the product's.
//
// # Files
//
//	program_test.go   build the binary, start, wait, kill, restart
//	process_test.go   children that never outlive the test
//	firehose_test.go  a reader that resumes from where it was
//	peer_test.go      a Fedify server and its control port
//	indexed_test.go   the program with its engine, and what its API tells
//	library_test.go   a client library of Mastodon: in a process of its own, or
//	gomastodon_test.go   in ours
//	fediverse_test.go a simulated fediverse, held against the model; fediverse_index_test.go
//	                  what the index answers about it
//	load_test.go      senders and subscribers of TestKills and others
//	nodes_test.go     two programs, and what stands before them
//	await_test.go     posts in bursts, what is still missing, stacks after a failure
//	brokeralone_test.go   the embedded log while the program is down: copied, replaced,
//	                  appended to by a plain client
//	fedify/           the Fedify server: peer.mjs starts it, federation.mjs is its
//	                  actors and inbox, control.mjs what a test tells it to do
//	clients/          masto.mjs and mastodon_py.py: readers that do what a test tells them
package e2e
