package ingest

import (
	"sort"
	"sync"
)

// pendingMax bounds how far the Tail reads ahead of what the state database has
// folded in. Beyond it readers wait: what they saw could not be made good by a node
// that starts anew from the database. 131,072 records take some 12 MB.
const pendingMax = 1 << 17

// pendingStates are what the window knew of objects after the newest records, for as
// long as the state database does not have them: the state cursor may be behind the
// ring, on this node because the database stood still, or on the next one because
// this one dies.
type pendingStates struct {
	mu   sync.Mutex
	list []pendingState // by seq; guarded by mu
	off  int            // of them, those already folded; guarded by mu
}

type pendingState struct {
	seq   uint64
	state objectState
}

// add notes the states of new entries.
func (p *pendingStates) add(entries []*Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range entries {
		if !e.dropped && e.Record.Kind.aboutObject() {
			p.list = append(p.list, pendingState{e.Record.Seq, e.state})
		}
	}
}

// get returns the state after a record, if it is pending.
func (p *pendingStates) get(seq uint64) (objectState, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.search(seq)
	if i == len(p.list) || p.list[i].seq != seq {
		return objectState{}, false
	}
	return p.list[i].state, true
}

// settled lets go of what the state database has.
func (p *pendingStates) settled(through uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = p.search(through + 1)
	switch {
	case p.off == len(p.list) && cap(p.list) <= 1<<10:
		p.list, p.off = p.list[:0], 0
	case p.off == len(p.list):
		p.list, p.off = nil, 0
	case 2*p.off > len(p.list):
		n := copy(p.list, p.list[p.off:])
		p.list, p.off = p.list[:n], 0
	}
}

// full says that the Tail must wait.
func (p *pendingStates) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.list)-p.off >= pendingMax
}

// search is the first index from off on with a seq of at least seq; p.mu is held.
func (p *pendingStates) search(seq uint64) int {
	return p.off + sort.Search(len(p.list)-p.off, func(i int) bool { return p.list[p.off+i].seq >= seq })
}
