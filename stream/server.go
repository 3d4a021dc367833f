package stream

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/index/status"
	"tributary/ingest"
)

// Authenticate says whether a token may read the streams: nil, an error of
// ingest/token, or that it cannot be told now. The token may be "".
type Authenticate func(ctx context.Context, token string) error

// Server holds the connections.
type Server struct {
	cfg     Config
	tail    *ingest.Tail
	auth    Authenticate // nil: open to everybody
	log     *slog.Logger
	metrics *Metrics
	encoder encoder

	abort   chan struct{} // closed when Close gives up waiting
	running sync.WaitGroup

	mu        sync.Mutex
	closing   bool                 // guarded by mu
	places    int                  // taken, the clients' and those of handshakes; guarded by mu
	addresses map[string]int       // places by address; guarded by mu
	clients   map[*client]struct{} // guarded by mu
}

// New returns a server of streams over tail. A nil auth opens them to everybody.
func New(cfg Config, tail *ingest.Tail, auth Authenticate, log *slog.Logger, reg prometheus.Registerer) *Server {
	s := &Server{
		cfg: cfg.withDefaults(), tail: tail, auth: auth, log: log.With("component", "stream"),
		metrics: NewMetrics(reg), encoder: encoder{status.New(cfg.URL)},
		abort: make(chan struct{}), addresses: make(map[string]int), clients: make(map[*client]struct{}),
	}
	s.metrics.observe(reg, s)
	return s
}

// Close ends the streams in two steps. New requests are refused, and every
// client is sent what was begun and a close frame, 1001, with the seq to resume
// from; when ctx ends, what is still open is cut. It returns when no goroutine
// of the server is left.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	for c := range s.clients {
		c.signals.finish(endShutdown)
		_ = c.conn.SetWriteDeadline(time.Unix(1, 0)) // wakes a write that waits for its client
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		defer close(done)
		s.running.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	if first {
		s.cut()
	}
	<-done
	return ctx.Err()
}

// cut closes the connections under whatever is going on.
func (s *Server) cut() {
	close(s.abort)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		_ = c.conn.Close()
	}
}

// reserve takes a place for a request from address.
func (s *Server) reserve(address string) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return unavailable(refuseShutdown, "the server is shutting down")
	case s.places >= s.cfg.MaxClients:
		return unavailable(refuseFull, "all places are taken")
	case s.cfg.MaxPerIP > 0 && address != "" && s.addresses[address] >= s.cfg.MaxPerIP:
		return tooMany()
	}
	s.places++
	if address != "" {
		s.addresses[address]++
	}
	return nil
}

// release gives a place back.
func (s *Server) release(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places--
	if address == "" {
		return
	}
	if s.addresses[address]--; s.addresses[address] == 0 {
		delete(s.addresses, address)
	}
}

// join starts serving a client, whose place is reserved. It reports false when
// the server began to close in the meantime.
func (s *Server) join(c *client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.clients[c] = struct{}{}
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		c.run()
	}()
	return true
}

// leave counts the end of a client and gives its place back.
func (s *Server) leave(c *client, end *ending) {
	s.mu.Lock()
	delete(s.clients, c)
	s.mu.Unlock()
	s.release(c.address)
	s.metrics.closed(end.reason)
	s.log.Debug("stream ended", "reason", end.reason, "position", c.position.Load())
}

// Clients is how many connections are open.
func (s *Server) Clients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}

// lag is how many clients there are, and how far the last of them is behind.
func (s *Server) lag() (clients int, furthest uint64) {
	tip := s.tail.Tip()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		if at := c.position.Load(); at < tip {
			furthest = max(furthest, tip-at)
		}
	}
	return len(s.clients), furthest
}
