package relay

import (
	"context"
	"sync"
	"time"
)

// slots is a counting semaphore.
type slots chan struct{}

// try takes a slot if there is one now.
func (s slots) try() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

// wait takes a slot, or gives up after d or when ctx ends.
func (s slots) wait(ctx context.Context, d time.Duration) bool {
	if s.try() {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case s <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (s slots) release() { <-s }

// hostSlots counts per host, so that one host cannot take what all share.
type hostSlots struct {
	max int
	mu  sync.Mutex
	n   map[string]int // guarded by mu; no zero values, so it is as large as what is under way
}

func newHostSlots(limit int) *hostSlots { return &hostSlots{max: limit, n: make(map[string]int)} }

func (s *hostSlots) try(host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n[host] >= s.max {
		return false
	}
	s.n[host]++
	return true
}

func (s *hostSlots) release(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n[host]--; s.n[host] <= 0 {
		delete(s.n, host)
	}
}
