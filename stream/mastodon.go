package stream

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/websocket"

	"tributary/index/status"
)

// streamingPath is where Mastodon's streaming API is.
const streamingPath = "/api/v1/streaming"

// Streaming serves Mastodon's streaming API at /api/v1/streaming and below it. The
// package doc is its contract.
func (s *Server) Streaming() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case websocket.IsWebSocketUpgrade(r):
			// At any path below: clients disagree about the last slash, and Mastodon does not look.
			s.serveSocket(w, r)
		case r.Method == http.MethodOptions:
			preflight(w, r)
		case r.URL.Path == streamingPath+"/health":
			health(w)
		default:
			s.serveEvents(w, r)
		}
	})
}

// serveSocket answers errors as Mastodon does: its server writes them by hand,
// without a body.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	id := http.Header{"X-Request-Id": {rand.Text()}}
	f := s.openSocket(w, r, id)
	if f == nil {
		return
	}
	s.metrics.refused(f.name)
	h := w.Header()
	h.Set("X-Request-Id", id.Get("X-Request-Id"))
	h.Set("X-Error-Message", f.fault().text)
	h.Set("Connection", "close")
	h.Set("Content-Type", "text/plain")
	h.Set("Content-Length", "0")
	if f.retry != "" {
		h.Set("Retry-After", f.retry)
	}
	w.WriteHeader(f.fault().status)
}

func (s *Server) openSocket(w http.ResponseWriter, r *http.Request, header http.Header) *refusal {
	parameters := r.URL.Query()
	token := mastodonToken(r, parameters)
	f := s.authorize(r.Context(), token)
	noScope := f != nil && f.name == refuseScope // told for each stream
	if f != nil && !noScope {
		return f
	}
	if offered := websocket.Subprotocols(r); len(offered) > 0 {
		header.Set("Sec-WebSocket-Protocol", offered[0]) // browsers close without it
	}
	return s.admit(r, func() (*client, *refusal) {
		cursor := s.tail.Tip() + 1
		ws, f := s.upgrade(w, r, header)
		if ws == nil {
			return nil, f
		}
		p := newMultiplex(ws, events{s.encoder}, !noScope)
		c := s.newClient(p, ws.NetConn(), token, cursor)
		c.pings, c.noScope = true, noScope
		if name := parameters.Get("stream"); name != "" {
			if f := p.subscribe(name, parameters.Get("tag")); f != nil {
				c.signals.answer(f.frame())
			}
		}
		return c, nil
	})
}

func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	f := s.openEvents(w, r)
	if f == nil {
		return
	}
	s.metrics.refused(f.name)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "private, no-store")
	h.Set("Access-Control-Allow-Origin", "*")
	if f.retry != "" {
		h.Set("Retry-After", f.retry)
	}
	if f.status == http.StatusMethodNotAllowed {
		h.Set("Allow", "GET, OPTIONS")
	}
	w.WriteHeader(f.fault().status)
	b := status.AppendString([]byte(`{"error":`), f.fault().text)
	_, _ = w.Write(append(b, '}'))
}

func (s *Server) openEvents(w http.ResponseWriter, r *http.Request) *refusal {
	parameters := r.URL.Query()
	name := nameOfPath(strings.TrimPrefix(r.URL.Path, streamingPath), parameters.Get("only_media"))
	switch {
	case name == "":
		return faultPath.refusal(refuseRequest)
	case r.Method != http.MethodGet:
		return faultMethod.refusal(refuseMethod)
	}
	token := mastodonToken(r, parameters)
	if f := s.authorize(r.Context(), token); f != nil {
		return f
	}
	ch, fault := open(name, parameters.Get("tag"), true)
	switch {
	case fault == faultScope:
		return fault.refusal(refuseScope)
	case fault != nil:
		return fault.refusal(refuseRequest)
	}
	return s.admit(r, func() (*client, *refusal) {
		p := &eventSource{events: events{s.encoder}, wants: [1]subscription{{selection: ch}}, chunked: r.ProtoAtLeast(1, 1)}
		cursor := s.tail.Tip() + 1
		conn, f := p.begin(w)
		if conn == nil {
			return nil, f
		}
		c := s.newClient(p, conn, token, cursor)
		c.heartbeat = s.cfg.Thump
		return c, nil
	})
}

// mastodonToken looks in the three places where clients put a token.
func mastodonToken(r *http.Request, parameters url.Values) string {
	if token := bearer(r); token != "" {
		return token
	}
	if token := parameters.Get("access_token"); token != "" {
		return token
	}
	if offered := websocket.Subprotocols(r); len(offered) > 0 {
		return offered[0]
	}
	return ""
}

// refusal is the fault as the answer to a request.
func (f *fault) refusal(name string) *refusal {
	return &refusal{status: f.status, name: name, message: f.text}
}

// fault is the refusal in Mastodon's words.
func (f *refusal) fault() *fault {
	switch f.name {
	case refuseNoToken:
		return faultNoToken
	case refuseToken:
		return faultToken
	case refuseScope:
		return faultScope
	}
	return &fault{f.status, f.message}
}

// preflight answers a browser that asks before it sends a token (WHATWG Fetch §3.3).
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", http.MethodGet)
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
		h.Set("Vary", "Access-Control-Request-Headers")
	}
	w.WriteHeader(http.StatusNoContent)
}

func health(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	_, _ = w.Write([]byte("OK"))
}
