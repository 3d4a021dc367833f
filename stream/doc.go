// Package stream serves the log to whoever reads along, as far as posts may be
// shown as they happen (FEDERATION.md, Consent: tier live and above): the
// firehose, a WebSocket of our own that can be resumed, and Mastodon's streaming
// API, for the apps that exist.
//
// # The firehose
//
//	GET /api/v1/firehose?cursor=SEQ
//
// is a WebSocket (RFC 6455) without extensions and subprotocols. A token with
// scope read goes into "Authorization: Bearer" or, for browsers, access_token=;
// a server in development mode asks for none. Any Origin may connect.
//
//	cursor=SEQ     the first frame is that of the first visible record with seq >= SEQ; 0 is the
//	               log's start; without it the stream starts behind the newest record
//	heartbeat=S    1 … 60 seconds without a frame until a heartbeat; 15 if not given
//	language=pt    repeated: any of them; "pt" covers "pt-br", "und" what declares none
//	tag=cats       repeated: any of them; folded as the tags of the frames are
//	domain=a.b     repeated: any of them; the origin's host
//
// The axes of the filter are ANDed. An unknown parameter is an error. What takes
// something away passes every filter but a domain's, as a delete has no language;
// an edit that no longer matches is not shown.
//
// Frames are text, one JSON object each:
//
//	{"seq":123,"time":"2026-11-23T10:20:30.123Z","kind":"create","id":"1154…","uri":"https://…","actor":"https://…",
//	 "domain":"a.b","language":"en","tags":["cats"],"post":{…}}   create, update; post is a Mastodon Status, language may be null
//	{"seq":124,…,"kind":"delete","scope":"object","id":"1154…","uri":"https://…","actor":"https://…","domain":"a.b"}
//	{"seq":125,…,"kind":"delete","scope":"actor","uri":"https://…","actor":"https://…","account_id":"7…","domain":"a.b"}
//	{"seq":126,…,"kind":"withdraw","scope":"actor","uri":"https://…","actor":"https://…","account_id":"7…","domain":"a.b"}
//	{"seq":127,…,"kind":"withdraw","scope":"domain","domain":"a.b"}
//	{"seq":127,…,"kind":"heartbeat"}
//	{"seq":199,…,"kind":"gap","reason":"expired","from":128,"to":200}
//
// time is when the record was appended, or when a heartbeat or gap was sent. A
// delete says that the origin deleted it, or that this one post was withdrawn
// here; a withdraw, that the author opted out or an operator blocked the author or
// the host: who keeps posts drops those of the actor or the domain. An update with
// which a post left tier live is shown as its delete, an edit or upgrade that brings it
// there as its create. reason is expired (the log has deleted the records) or
// regressed (it has lost them). Unknown kinds and fields are to be ignored.
//
// seq increases from frame to frame, but is not dense; a heartbeat may repeat the
// seq of the frame before it. Resuming at the seq of any frame skips nothing
// (I2): the record of that seq comes again if it is still visible, and a client
// that dislikes this adds one.
//
// A replay is what was live, minus what was withdrawn since (I5).
//
// # Refusals
//
// Before the upgrade, in JSON: {"error":NAME,"message":"…"}.
//
//	400 InvalidRequest      a parameter is unknown, repeated or garbage
//	400 FutureCursor        the cursor is ahead of the log even after a short wait; "tip" is the newest seq.
//	                        It belongs to another server, or this one's log was replaced: start over
//	400 BadHandshake        not a WebSocket handshake of version 13
//	401 MissingToken, InvalidToken; 403 MissingScope
//	405 MethodNotAllowed, 426 UpgradeRequired
//	429 TooManyConnections  of one address; Retry-After
//	503 TooManyClients, ShuttingDown, Unavailable; Retry-After
//
// # Endings
//
// The server closes with a reason, which ends in "resume with cursor=SEQ" on the
// firehose:
//
//	1001 the server is shutting down
//	1008 the client has read nothing at all for a minute; left a ping unanswered; sent a data frame (the
//	     stream is push only); its token was revoked or has expired
//	1011 the log cannot be read
//
// Every ending is counted by its reason, also those that nobody is left to hear (I8).
//
// # Mastodon's streaming API
//
//	GET /api/v1/streaming[?stream=public][&tag=cats]    WebSocket, at any path below too
//	GET /api/v1/streaming/public[?only_media=true]      server-sent events, also
//	    …/public/local, …/public/remote, …/hashtag?tag=cats, …/hashtag/local?tag=cats
//	GET /api/v1/streaming/health                        OK
//
// as Mastodon 4.5 has it (https://docs.joinmastodon.org/methods/streaming/). The
// token goes into Authorization, else access_token=, else Sec-WebSocket-Protocol,
// whose first value is echoed. Without a good one an upgrade is answered by 401
// without a body and the error in X-Error-Message, a request for events by 401 and
// {"error":"…"}: "Missing access token", "Invalid access token". A token that lacks
// scope read opens a WebSocket, and no stream.
//
// A client of the WebSocket opens and closes streams:
//
//	{"type":"subscribe","stream":"hashtag","tag":"Cats"}
//	{"type":"unsubscribe","stream":"public:remote:media"}
//
// The streams are public, public:local and public:remote, each also with :media;
// hashtag and hashtag:local. local is what accounts hosted here write, remote the
// rest. Tags are folded, so "Cats" is "cáts". What cannot be opened is answered by
// {"error":"Unknown stream type","status":400}; opening what is open and closing
// what is not, by nothing. user, list and direct need an account, which no token
// has yet, so they are refused as for a token without the scope. Messages that are
// not understood are ignored; a binary one closes with 1003.
//
// A post that is in several of a client's streams is sent for each:
//
//	{"stream":["hashtag","Cats"],"event":"update","payload":"{\"id\":\"1154…\",…}"}
//	{"stream":["public"],"event":"delete","payload":"1154…"}
//
//	event: update
//	data: {"id":"1154…",…}
//
// The events are update, status.update and delete, whose payload is the id alone. A
// delete stands for all with which a post left tier live, an edit or a withdrawal
// too, and comes in every stream that the post may have been in. The end of an
// actor or a host with all its posts has no event: Mastodon would send a delete
// for each, and which posts those are is not known here.
//
// There is no cursor: a stream begins with the next post. A client that falls
// behind gets everything later; where posts are missing for good the connection
// ends (1012), as apps read the timeline when they reconnect. Server-sent events
// begin with ":)" and have a comment ":thump" every 15 s.
//
// Bounds that Mastodon does not have: 64 streams a connection (error, 429), 4 KiB a
// message (1009), 10 messages a second after the first 256 (1008), 1 KiB a tag.
//
// # How it works
//
// Each client has a pull cursor on ingest.Tail, and two goroutines. One reads the
// socket; the other copies the log to it: ask the cursor for as many records as
// fill a write, put their frames, which are encoded once for all clients, side by
// side, write, begin again. This is the same for all protocols; of Mastodon's
// frames the head, with the name of the stream, is put before the shared rest. There is no queue. A client that reads slowly is one
// whose write takes long; it holds up to 16 KiB and no record meanwhile, falls
// back in the log, and gets everything, or a gap if the log's retention overtakes
// it. So slowness is no reason to be closed; only a client whose socket takes not
// one byte for StallTimeout is. A client that falls behind reads larger batches, so
// under load system calls become fewer by themselves.
//
// A ping is sent only where no post was, and a write that progresses counts as
// its answer: else a client busy with a backlog would be closed for the pong that
// waits behind it.
//
// # Invariants
//
//   - Nothing below tier live is in a frame (I4). Tail's ViewStream decides; a record
//     that slipped through is not encoded.
//   - Frames are written whole: only run writes to the connection, and what was begun
//     is finished before a close frame.
//   - position is never ahead of what was handed to the socket (I2).
//   - Every goroutine belongs to Server and is waited for by Close.
//
// # Files
//
//	config.go      what an operator may set
//	server.go      the connections: places, Close
//	admit.go       from request to client
//	firehose.go    the firehose's handler and protocol
//	mastodon.go    Mastodon's handlers
//	multiplex.go   the protocol of its WebSocket
//	command.go     what clients say on it
//	eventsource.go the protocol of its server-sent events
//	channel.go     its streams and errors
//	event.go       a record becomes its event
//	query.go       parameters of the firehose
//	filter.go      which posts its client asked for
//	auth.go        tokens
//	refusal.go     errors before the upgrade
//	socket.go      the WebSocket: upgrade, what comes in
//	client.go      the two goroutines of a connection, and what protocols do differently
//	signals.go     what reaches the writing one from outside
//	attend.go      heartbeats, pings, tokens
//	send.go        writing
//	pace.go        how many records fill a write
//	ending.go      why a connection ends
//	show.go        what a record does to what is shown
//	frame.go       a record becomes JSON
//	wire.go        JSON becomes a WebSocket frame
//	metrics.go
package stream
