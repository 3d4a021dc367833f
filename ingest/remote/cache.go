package remote

import (
	"crypto"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tributary/ingest/ap"
	"tributary/ingest/signature"
)

// entry is a cached actor. It is never changed once it is made: callers share it.
type entry struct {
	actor      *ap.Actor
	keys       []*Key // those that can be used, parsed once
	assertions []*Key // the same of object integrity proofs
	fetched    time.Time
}

// failure is a remembered error.
type failure struct {
	err   error
	until time.Time
}

// cache is what is remembered in memory, bounded by count: least recently used goes first.
type cache struct {
	actors   *lru.Cache[string, *entry]  // by the actor's id
	aliases  *lru.Cache[string, string]  // other URI (key document, profile page) → the actor's id
	failures *lru.Cache[string, failure] // by the URI that was asked for
}

func newCache(actors int) *cache {
	return &cache{
		actors:   newLRU[*entry](actors),
		aliases:  newLRU[string](actors),
		failures: newLRU[failure](maxFailures),
	}
}

func newLRU[V any](size int) *lru.Cache[string, V] {
	l, err := lru.New[string, V](size)
	if err != nil {
		panic("remote: BUG: cache of no size: " + err.Error())
	}
	return l
}

// canonical is the actor's id that a URI is known to lead to, or the URI itself.
func (c *cache) canonical(uri string) string {
	if id, ok := c.aliases.Get(uri); ok {
		return id
	}
	return uri
}

func (c *cache) put(uri string, e *entry) {
	c.actors.Add(e.actor.URI, e)
	if uri != e.actor.URI {
		c.aliases.Add(uri, e.actor.URI)
		c.failures.Remove(e.actor.URI)
	}
	c.failures.Remove(uri)
}

// failed returns the error remembered for a URI, or nil.
func (c *cache) failed(uri string, now time.Time) error {
	f, ok := c.failures.Get(uri)
	if !ok || !now.Before(f.until) {
		return nil
	}
	return f.err
}

func (c *cache) drop(uri string) {
	c.actors.Remove(uri)
	c.aliases.Remove(uri)
	c.failures.Remove(uri)
}

// newEntry parses the keys of an actor. Those that cannot be used are left out.
func newEntry(actor *ap.Actor, fetched time.Time) *entry {
	e := &entry{actor: actor, fetched: fetched}
	for _, k := range actor.Keys[:min(len(actor.Keys), maxKeys)] {
		if k.Owner != "" && k.Owner != actor.URI || !ap.SameOrigin(k.ID, actor.URI) {
			continue
		}
		var public crypto.PublicKey
		public, err := signature.ParsePublicKey(k.PEM)
		if err != nil {
			continue
		}
		e.keys = append(e.keys, &Key{ID: k.ID, Owner: actor, Public: public})
	}
	for _, k := range actor.Assertions[:min(len(actor.Assertions), maxKeys)] {
		if k.Owner != actor.URI || !ap.SameOrigin(k.ID, actor.URI) { // FEP-521a: controller is required
			continue
		}
		if public, err := signature.ParseMultikey(k.Multibase); err == nil {
			e.assertions = append(e.assertions, &Key{ID: k.ID, Owner: actor, Public: public})
		}
	}
	return e
}
