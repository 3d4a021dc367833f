package delivery

import (
	"net/url"
	"strings"
	"sync"
	"time"
)

// pass is the leave to send one request to a host.
type pass uint8

const (
	passNo    pass = iota
	passFree       // the host is well
	passProbe      // the one request that tries whether the host is well again
)

// host is what we know of one server: the breaker that all lanes to it, and the
// outbox, share. It is closed while the server answers. A failure that judges
// the server opens it: nobody sends until a pause is over, then one request
// does, and its answer closes the breaker or begins the next, longer pause.
type host struct {
	name string

	mu      sync.Mutex
	fails   int       // steps of backoff; 0: closed
	until   time.Time // end of the pause
	probing bool      // the probe is under way
	flying  int       // requests in flight
	users   map[waker]struct{}
}

// waker is told when it is worth asking the host again. wake must not block.
type waker interface{ wake() }

// condition is a glance at a host.
type condition struct {
	fails   int
	until   time.Time // not before; zero when the host is well
	probing bool
}

func (h *host) look() condition {
	h.mu.Lock()
	defer h.mu.Unlock()
	return condition{h.fails, h.until, h.probing}
}

// ready says whether a request may start now: as the probe when the host fails.
func (c condition) ready(now time.Time) bool {
	return c.fails == 0 || !c.probing && !now.Before(c.until)
}

// begin asks for leave to send. Each leave is given back by end.
func (h *host) begin(now time.Time) pass {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.fails == 0:
		h.flying++
		return passFree
	case h.probing || now.Before(h.until):
		return passNo
	}
	h.probing = true
	h.flying++
	return passProbe
}

// end gives a leave back and says what came of it. It returns the failures in a
// row, 0 when the host is well.
func (h *host) end(p pass, v verdict, after time.Duration, now time.Time) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flying--
	news := p == passProbe // whoever waited for the probe asks again
	if news {
		h.probing = false
	}
	switch {
	case v == judgedServer:
		h.failed(p, after, now)
	case v != aborted && h.fails > 0:
		h.fails, h.until, h.probing = 0, time.Time{}, false
		news = true
	}
	if news {
		for u := range h.users {
			u.wake()
		}
	}
	return h.fails
}

// revive ends the pause of a host that fails: the next request probes it at once.
func (h *host) revive() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fails == 0 {
		return
	}
	h.until = time.Time{}
	for u := range h.users {
		u.wake()
	}
}

// failed opens the breaker or begins its next pause. A request that started
// before the breaker opened is no news when it fails too: eight of them are one
// step, not eight. h.mu is held.
func (h *host) failed(p pass, after time.Duration, now time.Time) {
	if h.fails == 0 || p == passProbe {
		h.fails++
		h.until = now.Add(backoff(h.fails))
	}
	if at := now.Add(after); at.After(h.until) {
		h.until = at
	}
}

// busy is the number of requests in flight to the host.
func (h *host) busy() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.flying
}

// hosts holds one host per name while somebody uses it.
type hosts struct {
	mu     sync.Mutex
	byName map[string]*host
}

func newHosts() *hosts { return &hosts{byName: make(map[string]*host)} }

// join returns the host and tells u of its changes until leave.
func (hs *hosts) join(name string, u waker) *host {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h := hs.byName[name]
	if h == nil {
		h = &host{name: name, users: make(map[waker]struct{})}
		hs.byName[name] = h
	}
	h.mu.Lock()
	h.users[u] = struct{}{}
	h.mu.Unlock()
	return h
}

func (hs *hosts) leave(h *host, u waker) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h.mu.Lock()
	delete(h.users, u)
	last := len(h.users) == 0
	h.mu.Unlock()
	if last {
		delete(hs.byName, h.name)
	}
}

// open counts the breakers that are open.
func (hs *hosts) open() (n int) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for _, h := range hs.byName {
		if h.look().fails > 0 {
			n++
		}
	}
	return n
}

// parseInbox checks an inbox URL and names its host: lower case, with the port
// unless it is the scheme's own.
func parseInbox(inbox string) (*url.URL, string, error) {
	u, err := url.Parse(inbox)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, "", ErrInbox
	}
	return u, bareHost(strings.ToLower(u.Host), u.Scheme), nil
}

// bareHost takes the scheme's own port off a lower-case host.
func bareHost(host, scheme string) string {
	if scheme == "http" {
		return strings.TrimSuffix(host, ":80")
	}
	return strings.TrimSuffix(host, ":443")
}
