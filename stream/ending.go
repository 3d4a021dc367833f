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
	endTalk     = &ending{"talk", websocket.ClosePolicyViolation, "server push only: filters are part of the URL"}
	endProtocol = &ending{"protocol", 0, ""} // gorilla/websocket has told it with 1002
	endToken    = &ending{"token", websocket.ClosePolicyViolation, "token revoked or expired"}
	endInternal = &ending{"internal", websocket.CloseInternalServerErr, "internal error"}
)

// frame is the close frame, with the seq to resume from:
//
//	server shutting down; resume with cursor=123
func (e *ending) frame(position uint64) []byte {
	payload := websocket.FormatCloseMessage(e.code, "")
	if e.text != "" {
		payload = append(payload, e.text...)
		payload = append(payload, "; resume with cursor="...)
		payload = strconv.AppendUint(payload, position, 10)
	}
	return appendControl(nil, websocket.CloseMessage, payload)
}

// untold is the ending when its close frame cannot be sent.
func (e *ending) untold() *ending { return &ending{reason: e.reason} }
