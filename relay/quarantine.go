package relay

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// quarantineFor is how long a server that sent too much is left out after it last
// tried.
const quarantineFor = 10 * time.Minute

// quarantineHostsMax bounds the servers that are counted. They have signed what
// they sent, so that each costs its sender a name and a key.
const quarantineHostsMax = 16384

// Quarantine counts what each server gives in a minute, and leaves out for a
// while who gives too much: a flood of one server would else be everybody's. What
// takes something back (Delete, Undo, Block) is never counted. It lives in memory:
// a restart forgets it. Safe for concurrent use.
type Quarantine struct {
	now func() time.Time

	mu    sync.Mutex
	hosts map[string]*flow // guarded by mu
}

// flow is what one server gave in the minute under way.
type flow struct {
	began   time.Time
	count   int
	since   time.Time // of the quarantine; zero: it is in none
	until   time.Time
	refused int64
}

func newQuarantine() *Quarantine {
	return &Quarantine{now: time.Now, hosts: make(map[string]*flow)}
}

// take counts one more of a server that may give so many in a minute, 0 for no limit,
// and reports how long it is to wait; 0 lets it in.
func (q *Quarantine) take(host string, perMinute int) time.Duration {
	if perMinute == 0 {
		return 0
	}
	now := q.now()
	q.mu.Lock()
	defer q.mu.Unlock()
	f := q.hosts[host]
	if f == nil {
		if len(q.hosts) >= quarantineHostsMax {
			q.forget(now)
		}
		f = &flow{began: now}
		q.hosts[host] = f
	}
	if now.Sub(f.began) >= time.Minute {
		f.began, f.count = now, 0
	}
	f.count++
	switch {
	case f.until.After(now):
	case f.count <= perMinute:
		f.since, f.until, f.refused = time.Time{}, time.Time{}, 0
		return 0
	default:
		f.since = now
	}
	f.until = now.Add(quarantineFor)
	f.refused++
	return quarantineFor
}

// forget drops who gave nothing for a minute and waits for nothing, and when these
// are few, everybody: counting anew lets a little too much in.
func (q *Quarantine) forget(now time.Time) {
	for host, f := range q.hosts {
		if now.Sub(f.began) >= time.Minute && !f.until.After(now) {
			delete(q.hosts, host)
		}
	}
	if len(q.hosts) > quarantineHostsMax/2 {
		clear(q.hosts)
	}
}

// Quarantined is a server that is left out for now.
type Quarantined struct {
	Host    string
	Since   time.Time
	Until   time.Time // it is let in again, unless it tries before
	Refused int64     // activities since then
}

// List returns who is left out, the longest first.
func (q *Quarantine) List() (list []Quarantined) {
	now := q.now()
	q.mu.Lock()
	defer q.mu.Unlock()
	for host, f := range q.hosts {
		if f.until.After(now) {
			list = append(list, Quarantined{host, f.since, f.until, f.refused})
		}
	}
	slices.SortFunc(list, func(a, b Quarantined) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Host, b.Host)) })
	return list
}

// Release lets a server in again at once. It reports whether it was left out.
func (q *Quarantine) Release(host string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	f, ok := q.hosts[host]
	if !ok || !f.until.After(q.now()) {
		return false
	}
	delete(q.hosts, host)
	return true
}
