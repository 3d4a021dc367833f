package ingest

// windowSize is how many objects the repeat window remembers. Whatever can
// repeat (a retry, a crash, two nodes at once) repeats within seconds; 200,000
// records are minutes of the whole fediverse.
const windowSize = 200_000

// window remembers the state of the objects that the newest records changed,
// least recently changed first out. Its content is a function of the log's
// order alone, so that a window filled from the table objects (newest rows by
// seq) equals the one that a running Tail has. Not safe for concurrent use.
type window struct {
	size  int
	slots []slot
	index map[Hash]int32
	head  int32 // newest, -1 when empty
	tail  int32 // oldest
}

type slot struct {
	key          Hash
	state        objectState
	newer, older int32
}

func newWindow(size int) *window {
	return &window{size: size, index: make(map[Hash]int32), head: -1, tail: -1}
}

// get returns the state of an object, nil when the window does not hold it. The
// pointer is valid until the next put.
func (w *window) get(key Hash) *objectState {
	i, ok := w.index[key]
	if !ok {
		return nil
	}
	return &w.slots[i].state
}

// put stores the newest state of an object and makes it the newest of all.
func (w *window) put(key Hash, s objectState) {
	i, ok := w.index[key]
	switch {
	case ok:
		w.unlink(i)
	case len(w.slots) < w.size:
		i = int32(len(w.slots))
		w.slots = append(w.slots, slot{})
	default:
		i = w.tail
		delete(w.index, w.slots[i].key)
		w.unlink(i)
	}
	w.slots[i].key, w.slots[i].state = key, s
	w.index[key] = i
	w.linkNewest(i)
}

func (w *window) len() int { return len(w.slots) }

func (w *window) unlink(i int32) {
	s := &w.slots[i]
	if s.newer >= 0 {
		w.slots[s.newer].older = s.older
	} else {
		w.head = s.older
	}
	if s.older >= 0 {
		w.slots[s.older].newer = s.newer
	} else {
		w.tail = s.newer
	}
}

func (w *window) linkNewest(i int32) {
	s := &w.slots[i]
	s.newer, s.older = -1, w.head
	if w.head >= 0 {
		w.slots[w.head].newer = i
	} else {
		w.tail = i
	}
	w.head = i
}
