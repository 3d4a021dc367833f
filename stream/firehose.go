package stream

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"tributary/ingest"
)

// Firehose serves GET /api/v1/firehose. The package doc is its contract.
func (s *Server) Firehose() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := s.openFirehose(w, r); f != nil {
			s.metrics.refused(f.name)
			f.write(w)
		}
	})
}

func (s *Server) openFirehose(w http.ResponseWriter, r *http.Request) *refusal {
	q, f := s.check(r)
	if f != nil {
		return f
	}
	return s.admit(r, func() (*client, *refusal) {
		if f := s.locate(r.Context(), &q); f != nil {
			return nil, f
		}
		ws, f := s.upgrade(w, r, nil)
		if ws == nil {
			return nil, f
		}
		p := &firehose{ws: ws, encoder: s.encoder, wants: [1]subscription{{selection: &q.filter}}}
		c := s.newClient(p, ws.NetConn(), q.token, q.cursor)
		c.heartbeat, c.pings = q.heartbeat, true
		if c.heartbeat == 0 {
			c.heartbeat = s.cfg.Heartbeat
		}
		return c, nil
	})
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
	for reader := s.tail.Reader(ingest.ViewAll, q.cursor-1); ; {
		_, err := reader.Next(ctx, 1) // may bring no more than the news that the log lost something
		if q.cursor <= s.tail.Tip()+1 {
			return nil
		}
		if err != nil {
			break
		}
	}
	tip := s.tail.Tip()
	return &refusal{
		status: http.StatusBadRequest, name: refuseFuture, tip: &tip,
		message: fmt.Sprintf("cursor %d is ahead of the log, whose newest seq is %d", q.cursor, tip),
	}
}

// firehose is the protocol of the firehose: push only, with seqs.
type firehose struct {
	ws      *websocket.Conn // reads only
	encoder encoder
	wants   [1]subscription
}

func (p *firehose) receive(c *client) {
	c.receiveFrames(p.ws, func(int, io.Reader) *ending { return endTalk })
}

func (p *firehose) subscriptions() []subscription { return p.wants[:] }

func (p *firehose) encoded(e *ingest.Entry) []byte {
	return e.Encoded(ingest.FormFirehose, p.encoder.encode)
}

func (p *firehose) gap(b []byte, e ingest.Event, now time.Time) ([]byte, *ending) {
	return appendGap(b, e, now), nil
}

func (p *firehose) beat(b []byte, position uint64, now time.Time) []byte {
	return appendHeartbeat(b, position, now)
}

// beatDue: after a while without a frame.
func (p *firehose) beatDue(t *times, every time.Duration) time.Time { return t.sent.Add(every) }

// farewell: the other side answers a close frame.
func (p *firehose) farewell(end *ending, position uint64) ([]byte, bool) {
	return end.resumable(position).frame(), false
}
