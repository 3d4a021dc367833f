package delivery

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"tributary/ingest/lease"
)

// The hosts are dealt among the nodes in parts: what one node does for a host, lanes
// and outbox, no other one does, so that breaker and pacing need no agreement.
const (
	shardsLease = "lanes"
	shards      = 64
)

func shardOf(host string) int { return int(xxhash.Sum64String(host) % shards) }

// share is a part of the hosts while this node has it.
type share struct {
	term  lease.Term
	stop  context.Context // nothing starts after it
	abort context.Context // what is in flight ends with it

	mu      sync.Mutex
	over    bool           // guarded by mu
	working sync.WaitGroup // lanes, and errands of the outbox; added to while not over
}

// enter counts somebody in who works on the share; false when it is over. leave
// counts out.
func (s *share) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	s.working.Add(1)
	return true
}

func (s *share) leave() { s.working.Done() }

func (s *share) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// serve has a part of the hosts served until ctx ends. When another node shall go on,
// what is in flight is waited for and the positions are saved first: nothing is
// sent twice. When the lease was lost everything ends at once: what was in flight, or
// was settled since the last save, the next node sends again, and receivers know it
// by its id.
func (e *Engine) serve(ctx, abort context.Context, term lease.Term) {
	abort, abortNow := context.WithCancelCause(abort)
	defer abortNow(nil)
	s := &share{term: term, stop: ctx, abort: abort}
	e.mu.Lock()
	e.shares[term.Shard] = s
	e.mu.Unlock()
	signal(e.stale)
	e.outbox.wake()

	<-ctx.Done()
	lost := errors.Is(context.Cause(ctx), lease.ErrLost)
	if lost {
		abortNow(errAborted)
	}
	late := time.AfterFunc(e.cfg.Drain, func() { abortNow(errAborted) })
	defer late.Stop()
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.working.Wait()
	if e.deps.Leases.Shared() && !lost {
		saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
		defer cancel()
		if err := e.save(saving); err != nil {
			e.logger.Error("lane positions not saved: the next node sends again what was delivered since the last time", "err", err)
		}
	}
	e.drop(s)
	signal(e.stale)
}

// drop forgets a share and its lanes. Without other nodes the lanes stay until the
// positions were saved at the end of Run.
func (e *Engine) drop(s *share) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.shares[s.term.Shard] == s {
		delete(e.shares, s.term.Shard)
	}
	if !e.deps.Leases.Shared() {
		return
	}
	for inbox, l := range e.lanes {
		if l.share == s {
			delete(e.lanes, inbox)
		}
	}
}

// shareOf is the share that a host belongs to, nil when another node has it.
func (e *Engine) shareOf(host string) *share {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.shares[shardOf(host)]
	if s == nil || s.isOver() {
		return nil
	}
	return s
}
