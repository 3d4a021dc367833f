package token

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	cacheMax  = 1024             // tokens
	cacheTime = 30 * time.Second // how long a token revoked by another process may still work here
)

// cache holds tokens that were found in the database. It never holds that one was not found:
// strangers choose what is unknown.
type cache struct {
	tokens *lru.Cache[hash, cached]

	mu         sync.Mutex
	generation uint64 // counts forgets, so that a lookup that overlaps one is not kept
}

type cached struct {
	token Token
	until time.Time
}

func newCache() *cache {
	tokens, err := lru.New[hash, cached](cacheMax)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &cache{tokens: tokens}
}

func (c *cache) get(h hash, now time.Time) (Token, bool) {
	e, ok := c.tokens.Get(h)
	return e.token, ok && now.Before(e.until)
}

// begin is called before the database is read, its result given to put.
func (c *cache) begin() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

func (c *cache) put(h hash, t Token, now time.Time, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation == generation {
		c.tokens.Add(h, cached{t, now.Add(cacheTime)})
	}
}

// forget drops everything: revocations are rare.
func (c *cache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.tokens.Purge()
}
