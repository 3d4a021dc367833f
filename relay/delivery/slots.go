package delivery

import "sync/atomic"

// slots shares the requests in flight among the lanes, so that slow lanes cannot
// take them all (I3).
//
// The first request of a lane needs no slot: a lane can always send, whatever
// the others do. Only requests beyond the first take one, and a lane may hold at most
// a sixteenth of what is free at that moment. The more lanes hold their requests
// open, the less each of them gets, and some always stay free for the others: with F
// slots and n lanes that never answer, F/(1+n/16) stay free (512 slots, 200 such lanes:
// 38 free, two or three held by each). This is the dynamic threshold of shared-memory
// switches (Choudhury, Hahne 1998).
//
// So at most lanes + ExtraMax requests are in flight. A lane that is refused has a
// request in flight, whose end makes it ask again: nobody waits for a slot.
type slots struct{ free atomic.Int64 }

const slotsShare = 16

func newSlots(n int) *slots {
	s := new(slots)
	s.free.Store(int64(n))
	return s
}

// take gives a slot to a lane that holds held of them.
func (s *slots) take(held int) bool {
	for {
		free := s.free.Load()
		if free <= 0 || int64(held)*slotsShare >= free {
			return false
		}
		if s.free.CompareAndSwap(free, free-1) {
			return true
		}
	}
}

func (s *slots) give() { s.free.Add(1) }
