package stream

import (
	"io"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"tributary/index/status"
	"tributary/ingest"
)

// Bounds of what a client says on a socket. A client of Mastodon's web
// interface has about ten streams open, and says some hundred bytes for each.
const (
	maxSubscriptions = 64
	maxMessageBytes  = 4 << 10
	messagesPerSec   = 10
	messageBurst     = 256
)

// multiplex is the protocol of Mastodon's WebSocket: streams come and go while it
// is open.
type multiplex struct {
	ws     *websocket.Conn // reads only
	events events
	scoped bool // the token may read streams
	rate   *rate.Limiter

	// Written before the client runs and by receive, read by run; what it points to
	// is never changed.
	wants atomic.Pointer[[]subscription]
}

func newMultiplex(ws *websocket.Conn, e events, scoped bool) *multiplex {
	p := &multiplex{ws: ws, events: e, scoped: scoped, rate: rate.NewLimiter(messagesPerSec, messageBurst)}
	p.wants.Store(new([]subscription))
	return p
}

func (p *multiplex) receive(c *client) {
	c.receiveFrames(p.ws, func(kind int, r io.Reader) *ending {
		switch {
		case kind != websocket.TextMessage:
			return endBinary
		case !p.rate.Allow():
			return endFlood
		}
		message, err := io.ReadAll(io.LimitReader(r, maxMessageBytes+1))
		if err != nil {
			return nil // the next read says so
		}
		if len(message) > maxMessageBytes {
			return endLarge
		}
		if asked, ok := parseCommand(message); ok {
			if reply := p.do(asked); reply != nil {
				c.signals.answer(reply)
			}
		}
		return nil
	})
}

// do obeys a command. It returns the frame that answers it, nil: Mastodon answers
// only what went wrong.
func (p *multiplex) do(asked command) []byte {
	if asked.subscribe {
		if f := p.subscribe(asked.stream, asked.tag); f != nil {
			return f.frame()
		}
		return nil
	}
	if !p.unsubscribe(asked.stream, asked.tag) {
		return textFrame(`{"error":"Error unsubscribing from channel"}`)
	}
	return nil
}

// subscribe opens a stream. One that is open stays as it is.
func (p *multiplex) subscribe(name, tag string) *fault {
	ch, f := open(name, tag, p.scoped)
	if f != nil {
		return f
	}
	wants := *p.wants.Load()
	switch {
	case slices.ContainsFunc(wants, ch.is):
		return nil
	case len(wants) >= maxSubscriptions:
		return faultTooMany
	}
	wants = append(slices.Clip(wants), subscription{ch, ch.label(name, tag)})
	p.wants.Store(&wants)
	return nil
}

// unsubscribe closes a stream, if it is open. It reports false when there is no
// such stream.
func (p *multiplex) unsubscribe(name, tag string) bool {
	ch, f := find(name, tag)
	if f != nil {
		return slices.Contains(private, name) && name != "list"
	}
	wants := slices.DeleteFunc(slices.Clone(*p.wants.Load()), ch.is)
	p.wants.Store(&wants)
	return true
}

func (c channel) is(s subscription) bool { return s.selection == c }

func (p *multiplex) subscriptions() []subscription { return *p.wants.Load() }

func (p *multiplex) encoded(e *ingest.Entry) []byte {
	return e.Encoded(ingest.FormMastodon, p.events.frame)
}

// gap: the protocol has no word for posts that were missed. Clients read the
// timeline again when they reconnect.
func (p *multiplex) gap(b []byte, _ ingest.Event, _ time.Time) ([]byte, *ending) { return b, endGap }

// beat: there is none, a WebSocket is pinged.
func (p *multiplex) beat(b []byte, _ uint64, _ time.Time) []byte { return b }

func (p *multiplex) beatDue(t *times, every time.Duration) time.Time { return t.sent.Add(every) }

func (p *multiplex) farewell(end *ending, _ uint64) ([]byte, bool) { return end.frame(), false }

// frame tells a fault on an open socket: {"error":"Unknown stream type","status":400}.
func (f *fault) frame() []byte {
	b := status.AppendString([]byte(`{"error":`), f.text)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(f.status), 10)
	return textFrame(string(append(b, '}')))
}

func textFrame(text string) []byte { return append(appendHeader(nil, len(text)), text...) }
