package fresh

import (
	"cmp"
	"slices"

	"tributary/ingest"
)

// LoadMost is how many posts one Load takes, at most.
const LoadMost = segmentMost

// Older begins to load: it returns the id below which the posts are to be read, and whether there is room and
// something to read. Load or Stop has to follow. Meanwhile others may come in.
func (s *Set) Older() (below uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.floor == 0 || s.most <= 0 || s.size() > s.most-s.perShare {
		return 0, false
	}
	s.loading, s.below = true, s.floor
	return s.floor, true
}

// Load takes what is stored of posts with ids from floor on and below what Older said, in any order. What
// is below floor is left out.
func (s *Set) Load(posts []Post, floor uint64) {
	g := sealed(posts, floor)
	s.mu.Lock()
	defer s.mu.Unlock()
	missed := s.missed
	s.loading, s.missed = false, nil
	if s.floor != s.below { // what is above was let go of meanwhile
		return
	}
	if !s.on {
		s.segments[0].from = g.last() + 1
	}
	s.on, s.floor = true, floor
	if len(posts) > 0 {
		s.segments = slices.Insert(s.segments, 0, g)
	} else {
		s.segments[0].from = floor
	}
	for _, c := range missed {
		s.put(c)
	}
	s.trim()
}

// sealed makes a segment of the newest version of each post, if somebody may find it.
func sealed(posts []Post, floor uint64) *segment {
	slices.SortFunc(posts, func(a, b Post) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(b.Seq, a.Seq), cmp.Compare(a.Tier, b.Tier))
	})
	posts = slices.CompactFunc(posts, func(a, b Post) bool { return a.ID == b.ID })
	g := newSegment(floor)
	for _, p := range posts {
		if p.ID >= floor && p.Tier >= ingest.TierLive {
			g.add(p)
		}
	}
	g.pack()
	return g
}

// Stop ends a load that failed.
func (s *Set) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loading, s.missed = false, nil
}

// Restart forgets everything.
func (s *Set) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reset()
}
