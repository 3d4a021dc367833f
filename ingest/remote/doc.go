// Package remote is the one HTTP client for everything that leaves this program:
// it fetches actors, keys and objects of other servers, and carries deliveries.
//
// # Purpose
//
// Other servers are hostile until shown otherwise, and slow. This package makes
// sure that none of them makes us call a private address, hold memory without
// bound, believe a document that its origin did not serve, or wait so long that
// the others suffer.
//
// # What it does not do
//
// It does not decide whom to talk to (blocks are the caller's, asked before a key
// is fetched), does not retry what failed, and reads no key given as a bare URI: every
// server that signs embeds its keys.
//
// # Invariants
//
//   - The address is checked when it is dialled, after resolution (address.go), so
//     that no name, redirect or changed DNS answer leads to a private one. Proxies of
//     the environment are not used.
//   - Only https to port 443, unless the configuration says otherwise. At most three
//     redirects, each checked like the first URL, never from https to http.
//   - A document counts for what it says it is only if its id is the URL it came
//     from; else its id is fetched, once (FEDERATION.md, What is taken).
//   - Everything has an end: dial, headers, and the whole of a fetch with all its redirects
//     have deadlines; bodies are cut at 256 KiB (lists at what the caller says); compression is neither asked for nor undone.
//   - At most MaxFetchesPerHost fetches of a host run at once, MaxFetchesPerSite of
//     a registered domain, MaxFetches in all, and at most MaxWaitingPerHost callers wait
//     for a host. What exceeds that fails at once with ErrTemporary, as does a host
//     that did not answer lately: a slow key server holds four fetches and a few
//     requests, not the inbox (I3).
//   - Caches are bounded by count, the table by count and age.
//
// # Keys
//
// A key belongs to its owner both ways (FEDERATION.md, What is taken): keyId and actor have one
// origin, and the actor, fetched from its own id, names the key. Found are:
//
//	https://h/users/a#main-key   nearly everybody: the fragment is cut off
//	https://h/users/a            pub-relay: the keyId is the actor's id
//	https://h/users/a/main-key   GoToSocial: a stub, whose id or owner leads to the actor
//
// Keys of object integrity proofs are Multikeys that the actor names in its
// assertionMethod (FEP-521a). A key of one kind does not count as one of the other.
//
// # Fetch loops
//
// Every GET is signed by our service actor, because GoToSocial and servers with
// authorised fetch answer no other. To check that signature they fetch our
// actor, signed by theirs. So **our own actor must be served to anybody, unsigned
// requests included**; if it demanded a signature, we would fetch their key to check
// theirs, signed by ours, and so on without end.
//
// # Forms of signature
//
// A GET goes out with a draft-cavage signature. A server that refuses it (401, 403) is
// asked once more with one of RFC 9421, and if the URL has a query with one that leaves the
// query out, as Fedify does. What a host accepts is remembered for a day, that it accepts
// none for an hour (signature.Preferences).
//
// # Stale actors
//
// A cached actor is fresh for ActorTTL. Afterwards it is fetched again when it is asked
// for; if its server cannot be reached, the old one is used for up to StaleFor more.
// An answer is an answer, though: 404 and 410 end it.
//
// # Files
//
//	client.go   Client: New, Do, Close
//	config.go   Config and its defaults
//	address.go  which addresses are never called
//	url.go      which URLs are, and when two of them are one
//	dial.go     the transport
//	gate.go     bounds per host, site and in all; backoff
//	fetch.go    one signed GET with its redirects
//	media.go    content types
//	peek.go     id and type of a document before it is parsed
//	actor.go    Actor, RefreshActor, Forget
//	key.go      Key, RefreshKey, AssertionKey, RefreshAssertionKey
//	object.go   Object
//	list.go     List: a list that the operator chose
//	nodeinfo.go NodeInfo: what software a server runs
//	cache.go    what is remembered in memory
//	store.go    the table actors
//	drain.go    leaving a connection fit for use
package remote
