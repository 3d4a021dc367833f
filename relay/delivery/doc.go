// Package delivery brings the posts of the log to the servers that subscribed, and
// the activities of the outbox to the inboxes that they are meant for.
//
// # Lanes
//
// There is one lane per inbox URL: a cursor into the log (ingest.Reader with
// ViewLane) and a window of requests in flight. No job exists per post and
// subscriber: memory and disk grow with the subscribers, and a dead server costs
// the others nothing. The lowest seq that is not settled is the lane's position, saved
// in the table lanes; a server that was away, or we, resume there, as far back as
// the log reaches. What a crash leaves is told above Engine.save.
//
// An inbox may have several receivers, each of which follows an actor of ours: the relay's,
// or that of a topic, which brings a part of what passes. A record goes there once, as the
// first of these actors whose topic, and whose follower's filter, take it (receiver.go): signed in its
// name, and announced by it. Edits and deletions go to whoever may have had the post.
//
// What goes out, and in which form, is in form.go: raw bytes where their LD
// signature lets the receiver verify them, else an Announce. Never to the origin of
// the object, nor to who gave it. Body and digest are made once per record, for all
// lanes (ingest.FormDelivery), Announces by topics' actors once per record and actor, in a memory
// that does not grow with the topics; only the signature is made per delivery, where it must be.
//
// # Signatures
//
// A signature that names the host costs 0.8 ms of a processor for each delivery. One
// that does not is the same for all inboxes with the same path, and is made once for
// them, whichever actor of ours they follow, or for all that want no path named (shared.go): for servers whose software is known to take it (Receiver.Signing), and
// only for what lanes bring, which any of them may have; never for the outbox. Who
// receives one can send it on, to the same path of another server, for as long as that one
// takes its date: so the other gets a public post that the relay passes on, signed by the relay,
// even where a filter, a pause or a block would have kept it back. It is never older than
// some seconds when it is sent.
//
// A record that a server has had before and did not take goes out with a signature of its own.
// A server that refuses a shared one (401, 403, 400) gets the same delivery at once with a
// signature of its own, and from then on only those, for a day.
//
// # Answers
//
// 2xx settles. Another 4xx judges the record: one more chance after some seconds, then it
// is given up, counted and reported. 401, 403, 408, 421, 429, everything outside
// 2xx and 4xx, and no answer at all judge the server: nothing is given up for that.
// Its breaker opens, shared by all that is sent to the host; after a pause (1 s … 10
// min, or what Retry-After says, up to 1 h) one request probes, with the oldest record
// that is not settled.
//
// After 401 and 403 a delivery is tried once more at once, signed in another form
// (RFC 9421); what a host accepts is remembered (signature.Preferences), in one memory
// for all forms.
//
// 404 and 410 may mean the record (a Delete of what was never there) or the inbox (a server
// that ended). They judge the record if the server took another one since it refused
// this one for the first time, and for two records in a row where it took none. From the third on
// they judge the inbox: nothing is given up for that, and the lane pauses and probes as
// for a server that fails, but alone, as other inboxes of the host may be well, and with another
// record each time. When one is taken the lane goes back to the first that was not. So an inbox that is
// gone costs two records, which are counted and reported, and keeps its position. What was taken, or given
// up, behind the first of them comes, or counts, twice.
//
// One exception, for servers that answer 500 for ever to one activity that they
// cannot parse: a record that got ten of them, over ten minutes, while a hundred
// others went through, is given up too; and every other probe is made with the record
// that got the fewest. A server that fails for all never meets that rule.
//
// # Death
//
// A lane whose inbox takes nothing for Config.StaleAfter, of the time in which it was
// asked, or for a day because it is gone, is stale: reported, and tried on, at the slowest pace
// of the breaker. After Config.PauseAfter the relay pauses it: it is asked no more, and keeps
// its position. It is never removed: only its own server's Undo or the operator ends a
// subscription. Any signed request of its host (Engine.Alive) has a stale lane probed at once, and a
// paused one go on; so has the operator's word (Engine.Revive). The state machine is
// in silence.go.
//
// # Invariants
//
//   - A position never passes a record that is neither answered 2xx, nor given up, nor
//     excluded, nor withdrawn, and never goes back, whoever writes it (generation); but for
//     Engine.Replay, by which an operator has a server sent again what it had, under a generation of its own.
//   - Records of one object or one actor reach an inbox one after another, in the order
//     of the log (window.go). Others may overtake.
//   - A lane can always have one request in flight. How many more it may have depends
//     on how many are free (slots.go), so lanes whose servers hold their responses open
//     cannot starve others (I3). At most lanes + Config.ExtraMax requests are in flight.
//   - A lane whose server stays away holds no records. It reads them again when it
//     probes, and so never sends what was withdrawn meanwhile.
//   - What a server answers is read up to 4 KiB and for one second.
//
// # Catching up
//
// Records older than Config.CatchUpAfter go at a capped rate per lane, and only so many
// of them as there are processors wait for a signature at once, so that live posts
// stand in no queue behind them. There is no cap for all lanes together: it could be
// below the rate of the log times the lanes, and then none of them would ever arrive.
//
// # Outbox
//
// Rows of the table outbox (Accept, Reject, later replies) go to one inbox each, in
// order per inbox, one request per host at a time, by the same rules; what judges the
// server is tried for Config.OutboxKeep. Enqueue writes a row in the transaction
// of what causes it.
//
// # Several nodes
//
// The hosts are dealt among the nodes in 64 shares, by lease (share.go): lanes, breaker and
// outbox of a host are one node's. A share that is handed over (a node joins, or ends in
// order) is finished and saved first: nothing is sent twice. When a node dies, another one
// goes on within some ten seconds, from the positions saved last: what was in flight, or
// settled within the second before, is sent again. Deliveries are made at least once;
// receivers know what they have by its id. Nothing is lost, as a position is always the
// lowest seq not settled.
//
// Two fences keep a node that does not know yet that it lost a share from doing harm: a lane
// is claimed in a transaction that checks the lease, and a position is written only under
// the generation of the newest claim.
//
// # What it does not do
//
// It decides neither who is subscribed nor what may be passed on: package relay and
// ingest's view do. It makes no HTTP client (ingest/remote) and no signature
// (ingest/signature).
//
// # Files
//
//	engine.go     Engine: New, Run, Close; lanes in step with the subscribers; saving
//	config.go     what an operator may say
//	share.go      the part of the hosts that is this node's
//	lane.go       one inbox: reading, starting, booking answers
//	window.go     order and settling: a pure state machine
//	slots.go      how lanes share the requests in flight
//	host.go       the breaker of a host
//	backoff.go    pauses
//	receiver.go   who wants what, as whom, and in which style
//	topic.go      parts of what passes
//	filter.go     which posts a receiver wants
//	form.go       what goes out
//	sender.go     one request
//	shared.go     one signature for many requests
//	answer.go     whom an answer judges
//	silence.go    inboxes that take nothing: stale, paused, gone
//	revive.go     what sets lanes going again: life, the operator, a replay
//	meter.go      a rate
//	positions.go  the table lanes
//	outbox.go     sending the outbox
//	letters.go    the table outbox
//	status.go     how lanes are doing, for people
//	metrics.go    and for machines
package delivery
