package fresh

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"

	"tributary/ingest"
)

// Post is a version of a post.
type Post struct {
	ID, Seq uint64
	Tier    ingest.Tier
	Terms   []Term // in any order, also twice
}

// segmentMost is how many posts a segment holds: their numbers within it are of 16 bits.
const segmentMost = 1 << 15

// segment is the posts with ids from from on, up to the next segment's.
type segment struct {
	from  uint64
	ids   []uint64 // in order; a post's number is its place
	seqs  []uint64
	tiers []ingest.Tier
	open  map[Term][]uint16 // numbers of the posts that have a term, in order; nil when it is packed
	lists packed
	late  []Post // posts that changed or came out of turn, by id, with their terms in order
	size  int    // bytes, about
}

// Bytes that things take, about.
const (
	sizePost = 8 + 8 + 1
	sizeOpen = 80 // a term of an open segment, with an entry of its map
	sizeOne  = 4  // one number of an open list, with what it may grow
	sizeLate = 64
	sizeTerm = 8
)

func newSegment(from uint64) *segment {
	return &segment{from: from, open: map[Term][]uint16{}}
}

// last is the highest id.
func (g *segment) last() uint64 {
	last := uint64(0)
	if n := len(g.ids); n > 0 {
		last = g.ids[n-1]
	}
	if n := len(g.late); n > 0 {
		last = max(last, g.late[n-1].ID)
	}
	return last
}

// add takes a post with a higher id than all.
func (g *segment) add(p Post) {
	number := uint16(len(g.ids))
	g.ids, g.seqs, g.tiers = append(g.ids, p.ID), append(g.seqs, p.Seq), append(g.tiers, p.Tier)
	g.size += sizePost
	for _, t := range p.Terms {
		list := g.open[t]
		switch {
		case len(list) == 0:
			g.size += sizeOpen
		case list[len(list)-1] == number:
			continue
		}
		g.open[t] = append(list, number)
		g.size += sizeOne
	}
}

// pack ends what is added in order.
func (g *segment) pack() {
	g.lists = pack(g.open)
	g.open = nil
	g.ids, g.seqs, g.tiers = slices.Clip(g.ids), slices.Clip(g.seqs), slices.Clip(g.tiers)
	g.size = sizePost*len(g.ids) + g.lists.size()
	for i := range g.late {
		g.size += g.late[i].size()
	}
}

func (p *Post) size() int { return sizeLate + sizeTerm*len(p.Terms) }

func byID(p Post, id uint64) int { return cmp.Compare(p.ID, id) }

// put takes any version of any post of the segment.
func (g *segment) put(p Post) {
	if i, ok := slices.BinarySearchFunc(g.late, p.ID, byID); ok {
		if at := &g.late[i]; newer(p, at.Seq, at.Tier) {
			g.size -= at.size()
			g.setLate(i, p)
		}
		return
	}
	number, known := slices.BinarySearch(g.ids, p.ID)
	switch {
	case known && !newer(p, g.seqs[number], g.tiers[number]):
	case p.Tier < ingest.TierLive: // nobody finds it
		if known {
			g.seqs[number], g.tiers[number] = p.Seq, p.Tier
		}
	case number == len(g.ids) && g.open != nil && p.ID > g.last():
		g.add(p)
	default:
		g.insertLate(p)
	}
}

// isLate reports whether late has the post: then its version counts.
func (g *segment) isLate(id uint64) bool {
	_, ok := slices.BinarySearchFunc(g.late, id, byID)
	return ok
}

// newer is whether a version counts instead of one: of the same, that does which shows less.
func newer(p Post, seq uint64, tier ingest.Tier) bool {
	return p.Seq > seq || p.Seq == seq && p.Tier < tier
}

func (g *segment) insertLate(p Post) {
	i, _ := slices.BinarySearchFunc(g.late, p.ID, byID)
	g.late = slices.Insert(g.late, i, Post{})
	g.setLate(i, p)
}

func (g *segment) setLate(i int, p Post) {
	p.Terms = slices.Clone(p.Terms)
	slices.Sort(p.Terms)
	p.Terms = slices.Clip(slices.Compact(p.Terms))
	g.late[i] = p
	g.size += p.size()
}

// hide leaves less of a post, if it is older than seq.
func (g *segment) hide(id, seq uint64, tier ingest.Tier) {
	if i, ok := slices.BinarySearchFunc(g.late, id, byID); ok {
		if at := &g.late[i]; at.Seq < seq {
			at.Seq, at.Tier = seq, tier
		}
		return
	}
	if number, ok := slices.BinarySearch(g.ids, id); ok && g.seqs[number] < seq {
		g.seqs[number], g.tiers[number] = seq, tier
	}
}

// find returns n posts between lo and hi (both exclusive; hi 0: unset), the newest or, upwards, the oldest.
func (g *segment) find(q *Query, s *scratch, lo, hi uint64, n int, upwards bool) []Hit {
	hits := g.listed(q, s, lo, hi, n, upwards)
	late := g.findLate(q, lo, hi, n, upwards)
	if len(late) == 0 {
		return hits
	}
	hits = append(hits, late...)
	slices.SortFunc(hits, func(a, b Hit) int {
		if upwards {
			return cmp.Compare(a.ID, b.ID)
		}
		return cmp.Compare(b.ID, a.ID)
	})
	return hits[:min(n, len(hits))]
}

// listed finds posts that the lists hold.
func (g *segment) listed(q *Query, s *scratch, lo, hi uint64, n int, upwards bool) (hits []Hit) {
	first, end := within(len(g.ids), func(i int) uint64 { return g.ids[i] }, lo, hi)
	if first >= end || !g.match(q, s) {
		return nil
	}
	for number := range s.found.between(first, end, upwards) {
		if !q.Shown(g.ids[number], g.tiers[number]) || g.isLate(g.ids[number]) {
			continue
		}
		if hits = append(hits, Hit{g.ids[number], g.seqs[number]}); len(hits) == n {
			break
		}
	}
	return hits
}

// match puts the numbers of the posts that have the terms asked for into s.found; false when there are none.
func (g *segment) match(q *Query, s *scratch) bool {
	s.found.fill(len(g.ids))
	for _, t := range q.All {
		s.some.clear()
		if !g.mark(t, &s.some) {
			return false
		}
		s.found.and(&s.some)
	}
	for _, group := range q.Any {
		s.some.clear()
		one := false
		for _, t := range group {
			one = g.mark(t, &s.some) || one
		}
		if !one {
			return false
		}
		s.found.and(&s.some)
	}
	for _, t := range q.None {
		s.some.clear()
		if g.mark(t, &s.some) {
			s.found.not(&s.some)
		}
	}
	return true
}

// mark sets the numbers of the posts that have the term.
func (g *segment) mark(t Term, set *numbers) bool {
	if g.open == nil {
		return g.lists.mark(t, set)
	}
	list := g.open[t]
	for _, number := range list {
		set.set(number)
	}
	return len(list) > 0
}

func (g *segment) findLate(q *Query, lo, hi uint64, n int, upwards bool) (hits []Hit) {
	first, end := within(len(g.late), func(i int) uint64 { return g.late[i].ID }, lo, hi)
	for k := range max(0, end-first) {
		p := &g.late[end-1-k]
		if upwards {
			p = &g.late[first+k]
		}
		if !q.Shown(p.ID, p.Tier) || !p.matches(q) {
			continue
		}
		if hits = append(hits, Hit{p.ID, p.Seq}); len(hits) == n {
			break
		}
	}
	return hits
}

func (p *Post) matches(q *Query) bool {
	has := func(t Term) bool {
		_, ok := slices.BinarySearch(p.Terms, t)
		return ok
	}
	for _, t := range q.All {
		if !has(t) {
			return false
		}
	}
	for _, group := range q.Any {
		if !slices.ContainsFunc(group, has) {
			return false
		}
	}
	return !slices.ContainsFunc(q.None, has)
}

// within is where of n ids in order those between lo and hi stand (both exclusive; hi 0: unset).
func within(n int, id func(int) uint64, lo, hi uint64) (first, end int) {
	first, end = firstAbove(n, id, lo), n
	if hi != 0 {
		end = firstAbove(n, id, hi-1)
	}
	return first, end
}

func firstAbove(n int, id func(int) uint64, bound uint64) int {
	return sort.Search(n, func(i int) bool { return id(i) > bound })
}

// scratch is what a question needs for a while.
type scratch struct{ found, some numbers }

// numbers is a set of numbers of posts.
type numbers [segmentMost / 64]uint64

func (s *numbers) clear() { *s = numbers{} }

// fill makes it all numbers below n.
func (s *numbers) fill(n int) {
	s.clear()
	for i := range n / 64 {
		s[i] = ^uint64(0)
	}
	if n%64 != 0 {
		s[n/64] = 1<<(n%64) - 1
	}
}

func (s *numbers) set(n uint16) { s[n/64] |= 1 << (n % 64) }

func (s *numbers) and(o *numbers) {
	for i := range s {
		s[i] &= o[i]
	}
}

func (s *numbers) not(o *numbers) {
	for i := range s {
		s[i] &^= o[i]
	}
}

// between yields the numbers from first to end, the highest first unless upwards.
func (s *numbers) between(first, end int, upwards bool) func(func(int) bool) {
	return func(yield func(int) bool) {
		low, high := first/64, (end-1)/64
		for k := range high - low + 1 {
			i := high - k
			if upwards {
				i = low + k
			}
			for word := s[i]; word != 0; {
				bit := 63 - bits.LeadingZeros64(word)
				if upwards {
					bit = bits.TrailingZeros64(word)
				}
				word &^= 1 << bit
				if n := 64*i + bit; n >= first && n < end && !yield(n) {
					return
				}
			}
		}
	}
}
