package stream

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"tributary/ingest"
)

const handshakeTimeout = 10 * time.Second

// Firehose serves GET /api/v1/firehose. The package doc is its contract.
func (s *Server) Firehose() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := s.open(w, r); f != nil {
			s.metrics.refused(f.name)
			f.write(w)
		}
	})
}

// open checks a request and turns it into a client. What it returns was not
// answered yet.
func (s *Server) open(w http.ResponseWriter, r *http.Request) *refusal {
	q, f := s.check(r)
	if f != nil {
		return f
	}
	address := network(s.cfg.ClientIP(r))
	if f := s.reserve(address); f != nil {
		return f
	}
	if f := s.locate(r.Context(), &q); f != nil {
		s.release(address)
		return f
	}
	c, f := s.upgrade(w, r, q)
	if f != nil || c == nil {
		s.release(address)
		return f
	}
	c.address = address
	if !s.join(c) {
		c.say(endShutdown)
		_ = c.conn.Close()
		s.release(address)
		s.metrics.closed(endShutdown.reason)
	}
	return nil
}

// check reads the request.
func (s *Server) check(r *http.Request) (query, *refusal) {
	if r.Method != http.MethodGet {
		return query{}, &refusal{status: http.StatusMethodNotAllowed, name: refuseMethod, message: "GET only"}
	}
	if !websocket.IsWebSocketUpgrade(r) {
		return query{}, &refusal{
			status: http.StatusUpgradeRequired, name: refuseUpgrade,
			message: "this is a WebSocket: connect with ws:// or wss://",
		}
	}
	q, f := parseQuery(r.URL.Query())
	if f != nil {
		return q, f
	}
	if token := bearer(r); token != "" {
		q.token = token
	}
	return q, s.authorize(r.Context(), q.token)
}

// locate turns the query's cursor into the first seq to read. A seq that this
// node has not read yet may come from another node, or from before a restart, so
// it is waited for; what does not come then is another server's cursor, and
// reading on from it would skip posts in silence (I2).
func (s *Server) locate(ctx context.Context, q *query) *refusal {
	if q.fromTip {
		q.cursor = s.tail.Tip() + 1
		return nil
	}
	// Behind the tip is the seq that a client asks for which adds one to the last it saw.
	if q.cursor <= s.tail.Tip()+1 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CursorWait)
	defer cancel()
	_, _ = s.tail.Reader(ingest.ViewAll, q.cursor-1).Next(ctx, 1)
	tip := s.tail.Tip()
	if q.cursor <= tip+1 {
		return nil
	}
	return &refusal{
		status: http.StatusBadRequest, name: refuseFuture, tip: &tip,
		message: fmt.Sprintf("cursor %d is ahead of the log, whose newest seq is %d", q.cursor, tip),
	}
}

// upgrade makes the connection. Without a client and a refusal the request was
// answered already, or its connection broke.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, q query) (*client, *refusal) {
	var f *refusal
	upgrader := websocket.Upgrader{
		HandshakeTimeout: handshakeTimeout,
		ReadBufferSize:   512,                                      // pings, pongs and a close
		WriteBufferPool:  &noWriters{},                             // frames are written by send.go
		CheckOrigin:      func(*http.Request) bool { return true }, // a public API; tokens are not cookies
		Error: func(_ http.ResponseWriter, _ *http.Request, status int, reason error) {
			f = &refusal{status: status, name: refuseHandshake, message: reason.Error()}
		},
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		if f == nil {
			s.metrics.refused(refuseHandshake)
		}
		return nil, f
	}
	now := time.Now()
	c := &client{
		srv: s, ws: ws, conn: ws.NetConn(), reader: s.tail.Reader(ingest.ViewStream, q.cursor),
		filter: q.filter, token: q.token, heartbeat: q.heartbeat,
		times: times{joined: now, sent: now, posted: now, pinged: now, checked: now},
	}
	if c.heartbeat == 0 {
		c.heartbeat = s.cfg.Heartbeat
	}
	c.position.Store(c.reader.Position())
	if conn, ok := c.conn.(interface{ SetWriteBuffer(int) error }); ok {
		_ = conn.SetWriteBuffer(sendBuffer)
	}
	return c, nil
}

// noWriters keeps gorilla/websocket from giving each connection a write buffer:
// the control frames that it writes itself need none.
type noWriters struct{}

func (*noWriters) Get() any { return nil }
func (*noWriters) Put(any)  {}
