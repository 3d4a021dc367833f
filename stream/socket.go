package stream

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

const handshakeTimeout = 10 * time.Second

// upgrade makes a WebSocket of a request; header is added to the answer. Without
// a socket and a refusal the request was answered already, or its connection broke.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, header http.Header) (*websocket.Conn, *refusal) {
	var f *refusal
	upgrader := websocket.Upgrader{
		HandshakeTimeout: handshakeTimeout,
		ReadBufferSize:   512,                                      // pings, pongs, a close, a command
		WriteBufferPool:  &noWriters{},                             // frames are written by send.go
		CheckOrigin:      func(*http.Request) bool { return true }, // a public API; tokens are not cookies
		Error: func(_ http.ResponseWriter, _ *http.Request, status int, reason error) {
			f = &refusal{status: status, name: refuseHandshake, message: reason.Error()}
		},
	}
	ws, err := upgrader.Upgrade(w, r, header)
	if err != nil && f == nil {
		s.metrics.refused(refuseHandshake)
	}
	return ws, f
}

// receiveFrames reads the other side of a WebSocket. data reads a message and may
// end the connection; an error of the connection it may ignore.
func (c *client) receiveFrames(ws *websocket.Conn, data func(kind int, r io.Reader) *ending) {
	ws.SetPongHandler(func(string) error { c.signals.ponged(); return nil })
	ws.SetPingHandler(func(data string) error { c.signals.pinged([]byte(data)); return nil })
	ws.SetCloseHandler(func(int, string) error { return nil }) // run answers
	for {
		kind, r, err := ws.NextReader()
		if err != nil {
			c.broken(err)
			return
		}
		if end := data(kind, r); end != nil {
			c.signals.finish(end)
			// Unread bytes would turn the close into a reset, and the reset would
			// overtake the close frame.
			drain(c.conn)
			return
		}
	}
}

// broken notes why a WebSocket can be read no further.
func (c *client) broken(err error) {
	var closed *websocket.CloseError
	var broken net.Error
	switch {
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		c.signals.finish(endClient)
	case errors.As(err, &closed), errors.As(err, &broken), errors.Is(err, net.ErrClosed):
		c.signals.finish(endGone)
	default:
		c.signals.finish(endProtocol)
		drain(c.conn)
	}
}

// noWriters keeps gorilla/websocket from giving each connection a write buffer:
// the control frames that it writes itself need none.
type noWriters struct{}

func (*noWriters) Get() any { return nil }
func (*noWriters) Put(any)  {}
