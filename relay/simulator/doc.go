// Package simulator is a fake fediverse over real HTTP on loopback: servers with
// accounts, posts and an inbox, that can be good, slow, lying or dead. Tests use
// it against the product; a demo or a load run can too.
//
// A Server runs one of the softwares of the fediverse: its instance actor subscribes to a
// relay in that software's way, its accounts sign and send what they write in the form of
// its documents, and its inbox takes what comes back. How it answers
// the network is switched at run time (Behaviour).
//
// It imports nothing of relay, so that what it says about the wire is said
// independently; of the project it uses only ingest/signature, for keys, digests
// and signed GETs. What each activity means is said beside it (Activity.Means), in the words of
// package model, which tells what a relay has to do about it.
//
// # What it does not do
//
// The LD signature on its posts has the right shape and the right creator but
// signs nothing: nobody here canonicalises RDF. Its servers do not fetch what an
// Announce names; Received lists the object's id, which is what tests compare.
// Keys are made once per process and shared by the accounts of all servers in
// turn; nothing is persisted.
//
// # Invariants
//
//   - Two worlds with the same seed write the same posts in the same order on each
//     server, and what happens in traffic is the same; only ports, keys and times
//     differ. Two feeds with the same seed are the same bytes.
//   - A delivery counts as received only if its digest and signature hold and it was
//     answered 2xx. Every other request to an inbox is kept too, with its status.
//   - Close ends every goroutine, held responses included.
//
// # Files
//
//	world.go      World: seed, keys, all servers
//	population.go servers of many kinds
//	traffic.go    what they send at a rate; spoil.go what is wrong in it
//	feed.go       a fediverse without a network, as fast as it is read
//	script.go     what happens next; lies.go what lying servers do
//	server.go     Server: listener, Down and Up
//	behaviour.go  the ways to answer
//	said.go       what accounts of a server do
//	send.go       sending, retrying; signing.go, verifying.go
//	documents.go  actors, keys, objects, WebFinger, NodeInfo over HTTP
//	inbox.go      deliveries: verify, record, wait for
//
//	site.go       a server without a network
//	software.go   what differs between softwares; context.go their JSON-LD contexts
//	account.go    accounts and their documents
//	post.go       posts and their documents
//	activity.go   Create, Update, Delete, Announce, Follow, Undo, Accept
//	writing.go    languages; text.go seeded writing
//	json.go       documents being written
package simulator
