// Package relay is what other servers of the fediverse see of us: the service
// actor and those of topics with their discovery documents, the inboxes, and who subscribed.
//
// # Purpose
//
// [Relay] serves the actor (/actor), those of topics (/tag/…, /instance/…, /language/…),
// WebFinger, host-meta, NodeInfo and the inboxes of one [Community], and owns the tables keys,
// subscribers, blocks, allowed, limits, software, block_lists and listed, and
// with package relay/delivery the rows of lanes that it opens and closes. The
// inbox authenticates a request (FEDERATION.md, What is taken), settles in it what is addressed
// to the relay actor, and gives everything else to ingest.Admission.
//
// # What it does not do
//
// It delivers nothing: lanes and the outbox are relay/delivery's, which asks
// [Subscriptions] whom to serve. It decides nothing about posts: that is
// admission's. It makes no connection of its own: keys, NodeInfo and block-lists come from ingest/remote.
//
// # Invariants
//
//   - 202 means durable: what admission accepted, or a committed transaction.
//     The signature is remembered after that, never before, so that a retry is
//     not taken for a repeat.
//   - Whoever follows our actor (LitePub) is followed back, by the actor that it follows; the
//     Follow is taken back when the subscription ends.
//   - A topic has one actor, whose name is in its one form, and nothing is kept of it until
//     somebody follows it. All actors have one key.
//   - What the operator decided of an actor holds until the operator changes it: a
//     rejected one is rejected again, a role survives an Undo and a new Follow; for a topic that it
//     follows for the first time, too.
//   - A subscription, to all that passes or to a topic, is ended by its own actor, by that
//     actor's end, or by the operator; never by what a request says of somebody else.
//   - A subscription and its Accept, its lane and the request's signature are one
//     transaction.
//   - Both inboxes of a subscriber share its origin: we never send to a place
//     that somebody else named.
//   - The inbox's memory is bounded by RequestsMax × 256 KiB, and some 64 MiB for
//     documents whose signature is looked at (prove.go); what one host's slow key server
//     holds of it by KeyWaitsPerHostMax.
//   - Each refusal is counted under a reason of a closed set and told to the
//     sender in a sentence.
//   - Every URI is built by a [Community].
//
// # Order of an inbox request
//
//	topic      of the path, if it is not the relay's own inbox                  404
//	headers    method, host, content type, length, Signature's syntax, blocks   405 421 415 413 401 403
//	body       at most 256 KiB within BodyTimeout                               413 408
//	signature  what needs no key: coverage, date, digest                        401
//	key        from its server, under a deadline and a bound per host           401 503, gone: see gone.go
//	signature  the key fits, at the second try with the key fetched anew        401
//	replay     accepted before: 202 and nothing else
//	document   parse, blocks of all whom it concerns, and of what they run      400 403
//	settle     Follow, Undo, Block, Accept, Reject addressed to us              403 422
//	limits     of the sender's server: bytes, posts in a minute                 413 429
//	admit      everything else; a forwarded document by a signature inside it   admission's refusals
//
// # Map
//
//	relay.go          Relay: New, Routes, Run
//	community.go      URIs
//	topic.go          and those of topics' actors
//	config.go         Config
//	keys.go           the actor's key in the state database
//	actor.go          actor document and collections
//	webfinger.go      WebFinger and host-meta
//	nodeinfo.go       NodeInfo 2.0 and 2.1
//	picture.go        of authors who have none
//	document.go       serving of what seldom changes
//	inbox.go          the order above
//	verify.go         keys and signatures
//	prove.go          signatures inside forwarded documents
//	gone.go           Deletes of actors whose key is gone
//	settle.go         what is addressed to us
//	follows.go        Follow and Undo{Follow}
//	followback.go     our own Follow of who follows our actor
//	answers.go        Accept and Reject
//	answer.go         what refusals look like
//	host.go           hosts of URIs
//	mode.go           who may subscribe; the allow-list
//	role.go           what a member may do
//	membership.go     the transactions that begin, change and end a subscription
//	takeover.go       the subscribers and the key of a relay that was here before
//	replay.go         signatures of accepted requests
//	memberlink.go     links by which a member's admin sets what it gets
//	survey.go         what the servers of subscribers run
//	signing.go        which signatures they take, therefore
//	subscriptions.go  Subscriptions: the copy in memory
//	subscriber.go     SQL of subscribers, and of the lanes that they open and close
//	blocks.go         Blocks
//	block.go          what a block does
//	blocklist.go      lists of domains, as admins exchange them
//	blocks_import.go  what the block of such a list does
//	listsubscription.go  lists that are subscribed, and what they say: SQL
//	listrefresh.go    how they are fetched and applied
//	slots.go          bounds
//	limits.go         what single servers may give
//	quarantine.go     who gives too much in a minute
//	sources.go        what each server gave, for the operator
//	copies.go         the same post at several inboxes
//	refuse.go         reasons
//	metrics.go        metrics
package relay
