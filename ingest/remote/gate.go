package remote

import (
	"fmt"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"
)

// purpose of a fetch. All else leaves half of a host's places to actors, because
// requests in our inbox wait for actors, and only the fetch queue waits for objects.
type purpose int

const (
	forActor purpose = iota
	forObject
	forNodeInfo // any JSON will do
	forList     // text
)

// fault is what a fetch says of its host.
type fault int

const (
	noFault     fault = iota // it answered, with whatever status
	unknown                  // ended for a reason of ours
	unreachable              // no address, no connection, no TLS
	slow                     // connected, but no whole answer in time
)

// Faults add up until the host answers; from backoffFrom on it is left alone, for a second
// and then twice as long with each further fault. A single slow answer must not do that: a
// stranger can name a slow page of a good server as a key.
var faultWeight = map[fault]int{unreachable: 3, slow: 1}

const (
	backoffFrom = 3
	backoffMax  = time.Minute
)

// gate bounds the fetches under way and those who wait for them, and knows the hosts
// that do not answer.
type gate struct {
	cfg Config
	now func() time.Time

	mu      sync.Mutex // guards what follows
	hosts   map[string]*hostState
	sites   map[string]int // fetches under way
	fetches int            // under way
	waiting int
}

type hostState struct {
	fetches  int // under way
	waiting  int // callers
	faults   int // weighted, since it last answered
	until    time.Time
	answered time.Time
}

func newGate(cfg Config, now func() time.Time) *gate {
	return &gate{cfg: cfg, now: now, hosts: map[string]*hostState{}, sites: map[string]int{}}
}

// enter takes a place for a fetch from u's host, or fails at once: with errBusy if all are
// taken, with ErrTemporary if the host did not answer lately. The caller calls
// the returned function when the fetch is over.
func (g *gate) enter(u *url.URL, why purpose) (leave func(fault), err error) {
	host, site, now := u.Host, siteOf(u), g.now()
	perHost, all := g.cfg.MaxFetchesPerHost, g.cfg.MaxFetches
	if why != forActor {
		perHost, all = (perHost+1)/2, (all+1)/2
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.host(host)
	defer g.forget(host, h)
	switch {
	case now.Before(h.until):
		return nil, fmt.Errorf("%w: %s did not answer, asked again in %s", ErrTemporary, host, h.until.Sub(now).Round(time.Second))
	case h.fetches >= perHost, g.sites[site] >= g.cfg.MaxFetchesPerSite, g.fetches >= all:
		return nil, fmt.Errorf("%w: host %s %d, site %d, all %d", errBusy, host, h.fetches, g.sites[site], g.fetches)
	}
	h.fetches++
	g.sites[site]++
	g.fetches++
	return func(f fault) { g.leave(host, site, now, f) }, nil
}

func (g *gate) leave(host, site string, entered time.Time, f fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fetches--
	if g.sites[site]--; g.sites[site] == 0 {
		delete(g.sites, site)
	}
	h := g.host(host)
	h.fetches--
	h.judge(entered, g.now(), f)
	g.forget(host, h)
}

// judge takes what a fetch says of its host. A fault of a fetch that began before the
// host last answered says nothing.
func (h *hostState) judge(entered, now time.Time, f fault) {
	switch {
	case f == noFault:
		h.faults, h.until, h.answered = 0, time.Time{}, now
	case f != unknown && !entered.Before(h.answered) && !now.Before(h.until):
		h.faults += faultWeight[f]
		if n := h.faults - backoffFrom; n >= 0 {
			h.until = now.Add(min(time.Second<<min(n, 16), backoffMax))
		}
	}
}

// wait counts a caller that waits for a host's actor, or fails with errBusy.
func (g *gate) wait(host string) (done func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.host(host)
	defer g.forget(host, h)
	if h.waiting >= g.cfg.MaxWaitingPerHost {
		return nil, fmt.Errorf("%w: %d wait for %s", errBusy, h.waiting, host)
	}
	h.waiting++
	g.waiting++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		h := g.host(host)
		h.waiting--
		g.waiting--
		g.forget(host, h)
	}, nil
}

// host returns a host's state, and makes room for it. Hosts with something under way
// are bounded by MaxFetches and by the requests of our inbox; the others by maxHosts.
func (g *gate) host(name string) *hostState {
	h := g.hosts[name]
	if h == nil {
		if len(g.hosts) >= maxHosts {
			g.evict()
		}
		h = &hostState{}
		g.hosts[name] = h
	}
	return h
}

// forget drops a host of which there is nothing to remember.
func (g *gate) forget(name string, h *hostState) {
	if h.idle() && h.faults == 0 {
		delete(g.hosts, name)
	}
}

func (h *hostState) idle() bool { return h.fetches == 0 && h.waiting == 0 }

// evict drops some hosts that did not answer: they may be asked too early, no worse.
func (g *gate) evict() {
	dropped := 0
	for name, h := range g.hosts {
		if h.idle() {
			delete(g.hosts, name)
			if dropped++; dropped == maxHosts/16 {
				return
			}
		}
	}
}

// counts of fetches under way, callers that wait, hosts in backoff.
func (g *gate) counts() (fetches, waiting, resting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	for _, h := range g.hosts {
		if now.Before(h.until) {
			resting++
		}
	}
	return g.fetches, g.waiting, resting
}

// siteOf is the registered domain of a host, or the host and port where there is none: an
// address, "localhost".
func siteOf(u *url.URL) string {
	name := u.Hostname()
	if _, err := netip.ParseAddr(name); err == nil {
		return u.Host
	}
	site, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return u.Host
	}
	return site
}
