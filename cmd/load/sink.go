package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// follows is how many Follows are under way at once: each costs the relay a
// signature or two.
const follows = 8

// sink is the subscribers of a run. It counts and times what comes and checks
// nothing: what a receiver spends is not measured here.
type sink struct {
	delay       time.Duration // before each answer
	subscribers []*subscriber
	hosts       []*sinkHost
	sender      atomic.Pointer[sender] // of the posts that are under way
	arrived     atomic.Int64           // at subscribers who live
	last        atomic.Int64           // when the newest came, ns since 1970
}

// sinkHost is one server with one or more subscribers.
type sinkHost struct {
	*party
	sink    *sink
	members map[string]*subscriber // by the path of the inbox
	dead    bool
	hanging atomic.Bool // takes connections and answers nothing
	failing atomic.Bool // answers 503
}

type subscriber struct {
	host *sinkHost
	name string

	mu    sync.Mutex
	times []time.Duration // from the POST to here, guarded by mu
}

// newSink starts count subscribers on so many hosts and subscribes them.
func newSink(ctx context.Context, w *world, target, software string, count, hosts int, ca *authority, http2 bool) (*sink, error) {
	s := &sink{}
	for range hosts {
		h := &sinkHost{sink: s, members: map[string]*subscriber{}}
		var err error
		if h.party, err = w.add(ca, http2, hosts == count, h.serve); err != nil {
			return nil, err
		}
		h.software = software
		s.hosts = append(s.hosts, h)
	}
	for i := range count {
		h := s.hosts[i%hosts]
		sub := &subscriber{host: h, name: fmt.Sprint(instance, i)}
		path := "/users/" + sub.name + "/inbox"
		if h.shared {
			path = "/inbox"
		}
		h.members[path] = sub
		s.subscribers = append(s.subscribers, sub)
	}
	if err := s.follow(ctx, target); err != nil || software == "" {
		return s, err
	}
	return s, s.known(ctx)
}

// known waits until the relay has asked all hosts what they run, and a moment for what
// it makes of that.
func (s *sink) known(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, h := range s.hosts {
		for !h.surveyed.Load() {
			if !pause(ctx, 10*time.Millisecond) {
				return fmt.Errorf("the relay does not ask for NodeInfo: %w", ctx.Err())
			}
		}
	}
	pause(ctx, time.Second)
	return ctx.Err()
}

func (s *sink) follow(ctx context.Context, target string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(follows)
	for _, h := range s.hosts { // one after the other on a host, which knows its Accepts by their number
		group.Go(func() error {
			for _, sub := range s.subscribers {
				if sub.host != h {
					continue
				}
				if err := h.party.follow(ctx, target, sub.name); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// kill ends a share of the hosts, evenly spread: how is what validDeath takes.
func (s *sink) kill(share float64, how string) {
	killed := 0
	for i, h := range s.hosts {
		if int(float64(i+1)*share+1e-9) == int(float64(i)*share+1e-9) {
			continue
		}
		h.dead = true
		switch {
		case how == "error":
			h.failing.Store(true)
		case how == "hang" || how == "mix" && killed%2 == 1:
			h.hanging.Store(true)
		default:
			h.close()
		}
		killed++
	}
}

// live is how many subscribers are not dead.
func (s *sink) live() (n int) {
	for _, sub := range s.subscribers {
		if !sub.host.dead {
			n++
		}
	}
	return n
}

// connections is how many were opened to the hosts that live.
func (s *sink) connections() (n int) {
	for _, h := range s.hosts {
		if !h.dead {
			n += int(h.conns.Load())
		}
	}
	return n
}

// times takes what was measured since the last call.
func (s *sink) times() (all []time.Duration) {
	for _, sub := range s.subscribers {
		sub.mu.Lock()
		all = append(all, sub.times...)
		sub.times = nil
		sub.mu.Unlock()
	}
	return slices.Clip(all)
}

func (h *sinkHost) serve(w http.ResponseWriter, r *http.Request) {
	body, delivery := h.take(w, r)
	switch {
	case !delivery:
		return
	case h.hanging.Load():
		<-r.Context().Done()
		return
	case h.failing.Load():
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.note(r.URL.Path, body)
	if h.sink.delay > 0 && !pause(r.Context(), h.sink.delay) {
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (h *sinkHost) note(path string, body []byte) {
	sub, sender := h.members[path], h.sink.sender.Load()
	n, ok := numberIn(body)
	if sub == nil || sender == nil || !ok {
		return
	}
	took, ok := sender.since(n)
	if !ok {
		return
	}
	h.sink.arrived.Add(1)
	h.sink.last.Store(time.Now().UnixNano())
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.times = append(sub.times, took)
}

// settle waits until so many deliveries have come in all, nothing came for a
// while, or ctx ends.
func (s *sink) settle(ctx context.Context, expected int64, patience time.Duration) {
	began := time.Now()
	for s.arrived.Load() < expected && pause(ctx, 10*time.Millisecond) {
		if newest := time.Unix(0, s.last.Load()); time.Since(newest) > patience && time.Since(began) > patience {
			return
		}
	}
}

func validDeath(how string) error {
	if !slices.Contains([]string{"refuse", "hang", "error", "mix"}, how) {
		return fmt.Errorf("--dead-how %q: it is refuse, hang, error or mix", how)
	}
	return nil
}
