package stream

import (
	"strconv"

	"github.com/gorilla/websocket"
)

// ending says why a connection ends: to the other side in the close frame, to
// the operator in a counter.
type ending struct {
	reason string // closed set: the metric's label
	code   int    // of the close frame (RFC 6455 §7.4.1), 0: nobody is there to be told
	text   string // for people
}

// The endings.
var (
	endClient   = &ending{"client", websocket.CloseNormalClosure, ""} // its own close frame, answered
	endGone     = &ending{"gone", 0, ""}                              // the connection broke
	endShutdown = &ending{"shutdown", websocket.CloseGoingAway, "server shutting down"}
	endSlow     = &ending{"slow", websocket.ClosePolicyViolation, "too slow: nothing was read for too long"}
	endSilent   = &ending{"silent", websocket.ClosePolicyViolation, "ping was not answered"}
	endProtocol = &ending{"protocol", 0, ""} // gorilla/websocket has told it with 1002
	endToken    = &ending{"token", websocket.ClosePolicyViolation, "token revoked or expired"}
	endInternal = &ending{"internal", websocket.CloseInternalServerErr, "internal error"}

	// Of the firehose.
	endTalk = &ending{"talk", websocket.ClosePolicyViolation, "server push only: filters are part of the URL"}

	// Of Mastodon's streams.
	endBinary = &ending{"binary", websocket.CloseUnsupportedData, "binary messages are not supported"}
	endLarge  = &ending{"large", websocket.CloseMessageTooBig, "message too long"}
	endFlood  = &ending{"flood", websocket.ClosePolicyViolation, "too many messages"}
	endGap    = &ending{"gap", websocket.CloseServiceRestart, "posts were missed: read the timeline, then reconnect"}
)

// frame is the close frame.
func (e *ending) frame() []byte {
	payload := append(websocket.FormatCloseMessage(e.code, ""), e.text...)
	return appendControl(nil, websocket.CloseMessage, payload)
}

// resumable names the seq to resume from:
//
//	server shutting down; resume with cursor=123
func (e *ending) resumable(position uint64) *ending {
	if e.text == "" {
		return e
	}
	return &ending{e.reason, e.code, e.text + "; resume with cursor=" + strconv.FormatUint(position, 10)}
}

// untold is the ending when its close frame cannot be sent.
func (e *ending) untold() *ending { return &ending{reason: e.reason} }
