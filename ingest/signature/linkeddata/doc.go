// Package linkeddata verifies LD signatures of type RsaSignature2017: signatures
// that stand in a document and travel with it, so that a relay can pass a post on and
// whoever gets it still knows who wrote it. Mastodon, Misskey, Friendica, PeerTube
// and Fedify make them.
//
// What is signed are the statements (RDF) that the document makes as JSON-LD, not
// its bytes. That is why such signatures are dangerous: one set of statements can be
// written as many trees, and servers read the tree (CVE-2026-46349). Here
//
//   - contexts are bundled, never fetched; a document that names another one
//     cannot be verified;
//   - a document that uses more of JSON-LD than servers write is refused: @graph,
//     @included, @reverse, @nest, aliases, contexts inside, named blank nodes, terms
//     of ActivityStreams with another meaning, members that come twice (shape.go);
//   - one tree is built of the expanded document, and both the statements that are
//     hashed (quads.go) and the document that is trusted afterwards, [Document.Statement]
//     (statement.go), are written from that tree. What the context does not define is
//     in neither;
//   - a node that is described in two places, and several values where a reader
//     takes the first, are refused, since statements have no order;
//   - the work is bounded: bytes, depth, values, terms, and the blank nodes that
//     look alike, with whose number the canonical form grows as a factorial (tangle.go).
//
// # What it does not do
//
// It has no network, no cache and no clock: who fetches the key, whether it is
// the actor's, how old a signature may be, and whether the raw document reads the
// same as the statement, is the caller's to decide.
//
// # Use of json-gold
//
// The library expands (JSON-LD 1.1) and canonicalises (URDNA2015). It does not load
// contexts, and does not make the quads: it leaves out what it takes for no URL.
// FuzzParse and TestSameAsJSONGold hold quads.go to it otherwise.
//
// # Files
//
//	linkeddata.go  Document: Parse, Verify, Statement
//	contexts.go    the bundled contexts (contexts/), and what their terms mean
//	shape.go       what is refused before anything is expanded
//	tree.go        the expanded document
//	quads.go       its statements
//	tangle.go      what would take too long to canonicalise
//	statement.go   what is read afterwards
//	sign.go        signatures, for fakes of other servers
package linkeddata
