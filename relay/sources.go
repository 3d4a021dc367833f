package relay

import (
	"maps"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"tributary/relay/delivery"
)

// sourcesMax bounds the hosts that are known: those that gave something last.
const sourcesMax = 4096

// Source is what one server gave this node since it started, or since it came back
// among the sourcesMax that gave last.
type Source struct {
	Host       string
	First      time.Time
	Last       time.Time
	LastPost   time.Time        // that the log took; zero: none
	Accepted   map[string]int64 // requests answered 202, by what became of them
	Refused    map[string]int64 // requests that it signed, by why they were refused
	Signatures int64            // requests in its name whose signature did not hold: anybody may have sent them
	Bytes      int64            // of bodies that it signed
	Posts      float64          // that the log took in the last minute
}

// Sources counts what gives the relay posts, for the operator. It lives in memory,
// each node has its own, and a restart forgets it: what must last is counted from the log. A
// host enters by what it signed, never by what is said in its name. Safe for concurrent use.
type Sources struct {
	now func() time.Time

	mu    sync.Mutex
	hosts *simplelru.LRU[string, *source] // guarded by mu
	since time.Time
}

type source struct {
	Source
	meter delivery.Meter
}

func newSources() *Sources {
	hosts, err := simplelru.NewLRU[string, *source](sourcesMax, nil)
	if err != nil {
		panic("relay: BUG: " + err.Error())
	}
	return &Sources{now: time.Now, hosts: hosts, since: time.Now()}
}

// gave counts a request that the host signed; refused is why it was refused, if it was.
func (s *Sources) gave(host, verdict string, refused bool, bytes int, post bool) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	src, known := s.hosts.Get(host)
	if !known {
		src = &source{Source: Source{Host: host, First: now, Accepted: make(map[string]int64), Refused: make(map[string]int64)}}
		s.hosts.Add(host, src)
	}
	src.Last = now
	src.Bytes += int64(bytes)
	if refused {
		src.Refused[verdict]++
	} else {
		src.Accepted[verdict]++
	}
	if post {
		src.LastPost = now
		src.meter.Count(now)
	}
}

// forged counts a request in the name of a host that is known.
func (s *Sources) forged(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src, known := s.hosts.Peek(host); known {
		src.Signatures++
	}
}

// Since is when counting began.
func (s *Sources) Since() time.Time { return s.since }

// Count is the number of hosts that gave a post since t.
func (s *Sources) Count(t time.Time) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, src := range s.hosts.Values() {
		if !src.LastPost.IsZero() && !src.LastPost.Before(t) {
			n++
		}
	}
	return n
}

// List returns all sources, in no order.
func (s *Sources) List() []Source {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Source, 0, s.hosts.Len())
	for _, src := range s.hosts.Values() {
		one := src.Source
		one.Accepted, one.Refused = maps.Clone(one.Accepted), maps.Clone(one.Refused)
		one.Posts = src.meter.PerMinute(now)
		list = append(list, one)
	}
	return list
}
