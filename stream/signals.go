package stream

import (
	"context"
	"sync"
	"time"
)

// signals is what reaches a client's run goroutine from outside: from its own
// receive goroutine and from Server.Close. Only run writes to the connection,
// so that no frame lands inside another and no deadline is changed under a write.
type signals struct {
	mu     sync.Mutex
	end    *ending // the first one; guarded by mu
	ping   []byte  // newest ping to answer, nil: none; guarded by mu
	reply  []byte  // frames that answer what the client said; guarded by mu
	heard  bool    // anything came in; guarded by mu
	raised bool    // something above changed since take; guarded by mu
	wake   context.CancelFunc
}

// inbound is what signals held.
type inbound struct {
	end   *ending
	ping  []byte
	reply []byte
	heard bool
}

// take returns what came in since the last call. An ending stays.
func (s *signals) take() inbound {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := inbound{s.end, s.ping, s.reply, s.heard}
	s.ping, s.reply, s.heard, s.raised = nil, nil, false, false
	return in
}

// ended returns why the connection is to end, nil: it is not.
func (s *signals) ended() *ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end
}

func (s *signals) raise(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.raised = true
	if s.wake != nil {
		s.wake()
	}
}

func (s *signals) finish(e *ending) {
	s.raise(func() {
		if s.end == nil {
			s.end = e
		}
	})
}

func (s *signals) pinged(payload []byte) {
	s.raise(func() { s.ping, s.heard = payload, true })
}

// maxReply bounds the replies that a client has not read.
const maxReply = 16 << 10

// answer replies to what the client said. One that talks and does not listen is
// closed.
func (s *signals) answer(frame []byte) {
	s.raise(func() {
		switch {
		case len(s.reply)+len(frame) <= maxReply:
			s.reply = append(s.reply, frame...)
		case s.end == nil:
			s.end = endFlood
		}
	})
}

func (s *signals) ponged() { s.raise(func() { s.heard = true }) }

// until returns a context that ends at due or when something is raised. It is
// used for many waits, as most of them end with a record.
func (s *signals) until(due time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithDeadline(context.Background(), due)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake = cancel
	if s.raised {
		cancel()
	}
	return ctx, cancel
}
