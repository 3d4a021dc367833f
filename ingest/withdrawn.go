package ingest

import "sync"

// withdrawal says that what was appended before seq under a key must not be
// shown above tier any more.
type withdrawal struct {
	tier    Tier
	seq     uint64
	version int64 // ms, when it was decided: the same decision appended twice is one
}

type withdrawalKey struct {
	scope Scope
	key   Hash
}

// withdrawnSet holds the withdrawals that still cover a record in the log.
// Tail adds to it as it reads, so every reader of the process sees a record
// through what came after it.
type withdrawnSet struct {
	mu sync.RWMutex
	m  map[withdrawalKey]withdrawal // guarded by mu
}

func newWithdrawnSet() *withdrawnSet {
	return &withdrawnSet{m: make(map[withdrawalKey]withdrawal)}
}

func (s *withdrawnSet) get(k withdrawalKey) (withdrawal, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	w, ok := s.m[k]
	return w, ok
}

// add stores w and reports false when the same decision is already there.
func (s *withdrawnSet) add(k withdrawalKey, w withdrawal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.m[k]; ok && old.version >= w.version && old.tier <= w.tier {
		return false
	}
	s.m[k] = w
	return true
}

// left is the highest tier that is left of what the record showed when it was
// appended, after everything that was withdrawn since.
func (s *withdrawnSet) left(r *Record) Tier {
	tier := r.Tier
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.m) == 0 {
		return tier
	}
	for _, k := range [...]withdrawalKey{
		{ScopeObject, HashOf(r.Object)}, {ScopeActor, r.owner()}, {ScopeDomain, HashOf(r.Domain)},
	} {
		if w, ok := s.m[k]; ok && w.seq > r.Seq {
			tier = min(tier, w.tier)
		}
	}
	return tier
}

// cap lowers the tier of a record that was admitted with an author snapshot
// older than the author's withdrawal: a node with old knowledge must not bring
// back what was withdrawn.
func (s *withdrawnSet) cap(r *Record) Tier {
	w, ok := s.get(withdrawalKey{ScopeActor, r.owner()})
	if ok && r.AuthorAt < w.version {
		return min(r.Tier, w.tier)
	}
	return r.Tier
}

// forget drops the withdrawals that no record in the log can fall under.
func (s *withdrawnSet) forget(logStart uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, w := range s.m {
		if w.seq < logStart {
			delete(s.m, k)
		}
	}
}

// Left is the highest tier that is left of a record, after everything that was
// withdrawn since and that Tail has read. A reader of ViewIndex that replays old
// records asks it, so that what is withdrawn is not shown in between.
func (t *Tail) Left(r *Record) Tier { return t.withdrawn.left(r) }
