package relay

import (
	"crypto/sha256"

	lru "github.com/hashicorp/golang-lru/v2"
)

// copiesMax bounds the bodies that are remembered, 100 bytes each.
const copiesMax = 8 << 10

// copies remembers the bodies that were taken last. A server that subscribed to several
// topics sends each post to each of their inboxes, and that is one post to its limit
// (Quarantine). What was refused is not remembered, so that it counts when it comes again.
type copies struct {
	memory *lru.Cache[bodyCopy, struct{}]
}

func newCopies() copies {
	memory, err := lru.New[bodyCopy, struct{}](copiesMax)
	if err != nil {
		panic("relay: BUG: " + err.Error()) // only for a size that is not positive
	}
	return copies{memory}
}

// bodyCopy is what a body is known by.
type bodyCopy [16]byte

func copyOf(body []byte) bodyCopy {
	sum := sha256.Sum256(body)
	return bodyCopy(sum[:16])
}

func (c copies) had(body bodyCopy) bool { return c.memory.Contains(body) }

func (c copies) add(body bodyCopy) { c.memory.Add(body, struct{}{}) }
