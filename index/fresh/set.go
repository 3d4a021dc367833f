package fresh

import (
	"math"
	"slices"
	"sort"
	"sync"

	"tributary/ingest"
)

// Set is the newest posts. It is empty, and says nothing, until older ones were loaded.
type Set struct {
	most     int // bytes
	perShare int // a segment is packed when it has so much of them, or segmentMost posts

	mu       sync.RWMutex
	on       bool
	floor    uint64     // the lowest id about which it says something
	segments []*segment // by id; only the last one is open
	loading  bool       // posts below floor are being read
	below    uint64     // floor when that began
	missed   []change   // what happened to them meanwhile
	scratch  sync.Pool
}

// change is something that happened to a post.
type change struct {
	Post
	hidden bool
}

// shares is how many segments fill a small set, at least: one of them at a time is let go of.
const shares = 8

// New makes a set of most bytes, about; 0: it never says anything.
func New(most int) *Set {
	s := &Set{most: most, perShare: most / shares}
	s.scratch.New = func() any { return new(scratch) }
	s.reset()
	return s
}

func (s *Set) reset() {
	s.on, s.floor, s.loading, s.missed, s.segments = false, math.MaxUint64, false, nil, []*segment{newSegment(0)}
}

// Len and Size are the posts that it holds, and the bytes that they take, about.
func (s *Set) Len() (posts int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, g := range s.segments {
		posts += len(g.ids) + len(g.late)
	}
	return posts
}

// Size is how many bytes it takes, about.
func (s *Set) Size() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.size()
}

func (s *Set) size() (bytes int) {
	for _, g := range s.segments {
		bytes += g.size
	}
	return bytes
}

// On reports whether it says something.
func (s *Set) On() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.on
}

// Add takes versions of posts, which are stored.
func (s *Set) Add(posts ...Post) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range posts {
		s.put(change{Post: p})
	}
	s.trim()
}

// Wants reports whether Add does something.
func (s *Set) Wants() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.on || s.loading
}

// Hide takes a version in which a withdrawal leaves less of a post.
func (s *Set) Hide(id, seq uint64, tier ingest.Tier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(change{Post{ID: id, Seq: seq, Tier: tier}, true})
}

// put takes a change where its post is, or will be. s.mu is held.
func (s *Set) put(c change) {
	switch {
	case c.ID < s.floor:
		if s.loading {
			s.missed = append(s.missed, c)
		}
	case c.hidden:
		s.of(c.ID).hide(c.ID, c.Seq, c.Tier)
	default:
		g := s.of(c.ID)
		g.put(c.Post)
		if g.open != nil && (len(g.ids) == segmentMost || g.size > s.perShare) {
			s.pack()
		}
	}
}

// of is the segment that a post is in, or belongs to.
func (s *Set) of(id uint64) *segment { return s.segments[s.place(id)] }

func (s *Set) place(id uint64) int {
	i := sort.Search(len(s.segments), func(i int) bool { return s.segments[i].from > id })
	return max(0, i-1)
}

// pack begins a new segment.
func (s *Set) pack() {
	g := s.segments[len(s.segments)-1]
	g.pack()
	s.segments = append(s.segments, newSegment(g.last()+1))
}

// trim lets go of the oldest posts that are too many.
func (s *Set) trim() {
	for s.size() > s.most && len(s.segments) > 1 {
		s.segments = slices.Delete(s.segments, 0, 1)
		s.floor = s.segments[0].from
	}
}

// Find returns at most n posts with ids between lo and hi (both exclusive; hi 0: unset), the newest first, or
// the oldest first if upwards. It returns where the caller has to go on: behind the last of them, or below
// floor; over when there is nothing. It is of no use (ok false) when the list begins below floor.
func (s *Set) Find(q *Query, lo, hi uint64, n int, upwards bool) (found []Hit, next uint64, over, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	whole := s.floor == 0 || lo >= s.floor-1 // all that is above lo is here
	if !s.on || upwards && !whole || hi != 0 && hi <= s.floor {
		return nil, 0, false, false
	}
	room, _ := s.scratch.Get().(*scratch)
	defer s.scratch.Put(room)
	first, last := s.place(lo), len(s.segments)-1
	if hi != 0 {
		last = s.place(hi)
	}
	for k := range last - first + 1 {
		i := last - k
		if upwards {
			i = first + k
		}
		found = append(found, s.segments[i].find(q, room, lo, hi, n-len(found), upwards)...)
		if len(found) == n {
			return found, found[n-1].ID, false, true
		}
	}
	return found, s.floor, whole, true
}
