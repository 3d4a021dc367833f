// Package admin is what an operator can do to a running relay: tokens,
// subscribers, blocks, figures. The actions stand in [Service] once; [Handler]
// offers them as HTTP and JSON over a unix socket in the data directory, and
// [Client] has the same methods on the other side of it, so that the command
// line is an ordinary consumer and a web page can be another.
//
// # What it does not do
//
// It has no authentication of its own: the socket has mode 0600, so whoever may
// open it is the user that runs the relay, or root. It must not be served on
// anything else. It decides nothing: what a block or a removed subscription
// means is the business of package relay.
//
// # Map
//
//	types.go        what goes over the socket
//	service.go      Service: tokens, subscribers, blocks
//	stats.go        figures about the log and the lanes
//	handler.go      HTTP and JSON
//	query.go        SQL over the index
//	client.go       Client
//	socket.go       Listen and dialling, also under long paths
//	errors.go       sentinels
package admin
