// Package admin is what an operator can do to a running relay: tokens,
// subscribers, blocks, figures. The actions stand in [Service] once; [Handler]
// offers them as HTTP and JSON over a unix socket in the data directory, and
// [Client] has the same methods on the other side of it, so that the command
// line is an ordinary consumer and a web page can be another.
//
// # What it does not do
//
// On the socket it has no authentication of its own: that has mode 0600, so whoever
// may open it is the user that runs the relay, or root. On the public listener the
// same actions need a token ([Service.Public]), and SQL is not among them. It decides nothing: what a block or a removed subscription
// means is the business of package relay.
//
// # Map
//
//	types.go        what goes over the socket
//	service.go      Service: tokens, subscribers, blocks
//	members.go      approval, roles, the allow-list, limits, the quarantine
//	replay.go       sending again, resuming
//	sources.go      what gives the relay posts
//	blocklist.go    import of block-lists
//	lists.go        subscriptions to block-lists
//	public.go       the same for who brings a token
//	stats.go        figures about the log and the lanes
//	handler.go      HTTP and JSON
//	query.go        SQL over the index
//	client.go       Client
//	socket.go       Listen and dialling, also under long paths
//	errors.go       sentinels
package admin
