package stream

import (
	"net"
	"net/http"
	"time"

	"tributary/ingest"
)

// eventSource is the protocol of Mastodon's server-sent events (WHATWG HTML §9.2):
// one stream, no ids, so there is nothing to resume from.
type eventSource struct {
	events  events
	wants   [1]subscription
	chunked bool // HTTP/1.1; HTTP/1.0, which nginx speaks if not told otherwise, knows no chunks
}

// begin takes the connection from the HTTP server and sends the head of the
// answer. Without a connection and a refusal, it broke.
func (p *eventSource) begin(w http.ResponseWriter) (net.Conn, *refusal) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, &refusal{status: http.StatusHTTPVersionNotSupported, name: refuseHandshake, message: "HTTP/1.1 is needed"}
	}
	_ = conn.SetWriteDeadline(time.Now().Add(handshakeTimeout))
	if _, err := conn.Write(p.head(time.Now())); err != nil {
		_ = conn.Close()
		return nil, nil
	}
	return conn, nil
}

// head is the answer's header and the first line, a comment that makes proxies
// send on what they have.
func (p *eventSource) head(now time.Time) []byte {
	head := "HTTP/1.1 200 OK\r\nDate: " + now.UTC().Format(http.TimeFormat) +
		"\r\nContent-Type: text/event-stream\r\nCache-Control: private, no-store" +
		"\r\nAccess-Control-Allow-Origin: *" +
		"\r\nX-Accel-Buffering: no" + // else nginx collects events until they fill a buffer
		"\r\nConnection: close\r\n"
	if p.chunked {
		head += "Transfer-Encoding: chunked\r\n"
	}
	return p.append([]byte(head+"\r\n"), ":)\n")
}

func (p *eventSource) append(b []byte, text string) []byte {
	if p.chunked {
		return appendChunk(b, text)
	}
	return append(b, text...)
}

// receive: nothing may come but the end.
func (p *eventSource) receive(c *client) {
	drain(c.conn)
	c.signals.finish(endGone)
}

func (p *eventSource) subscriptions() []subscription { return p.wants[:] }

func (p *eventSource) encoded(e *ingest.Entry) []byte {
	chunk := e.Encoded(ingest.FormEventSource, p.events.chunk)
	if p.chunked {
		return chunk
	}
	return unchunked(chunk)
}

// gap: as on the WebSocket.
func (p *eventSource) gap(b []byte, _ ingest.Event, _ time.Time) ([]byte, *ending) { return b, endGap }

// beat is a comment, with the empty line that some parsers need (mastodon#37379).
func (p *eventSource) beat(b []byte, _ uint64, _ time.Time) []byte {
	return p.append(b, ":thump\n\n")
}

// beatDue: always after the same time, as Mastodon does.
func (p *eventSource) beatDue(t *times, every time.Duration) time.Time { return t.beat.Add(every) }

// farewell ends the answer; there is no place for a reason.
func (p *eventSource) farewell(*ending, uint64) ([]byte, bool) {
	if p.chunked {
		return []byte("0\r\n\r\n"), true
	}
	return nil, true
}
