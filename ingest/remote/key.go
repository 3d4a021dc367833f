package remote

import (
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"

	"tributary/ingest/ap"
)

// Key is a public key together with the actor that names it as its own.
type Key struct {
	ID     string           // as the actor writes it
	Owner  *ap.Actor        // shared, must not be changed
	Public crypto.PublicKey // *rsa.PublicKey or ed25519.PublicKey
}

// Key returns the key that a signature's keyId names. Checked both ways (FEDERATION.md, What is taken):
// keyId and actor have one origin, and the actor, as served at its own id, names the
// key. If it does not (any more), the actor is fetched once more. Besides the errors
// of Actor: ErrMismatch for a key that is not the actor's.
func (c *Client) Key(ctx context.Context, keyID string) (*Key, error) {
	e, err := c.entry(ctx, withoutFragment(keyID))
	if err != nil {
		return nil, err
	}
	if key, err := e.key(keyID); err == nil || !ap.SameOrigin(keyID, e.actor.URI) {
		return key, err
	}
	return c.RefreshKey(ctx, keyID)
}

// KnownKey is Key without waiting: it returns the key if its owner is in memory and fresh.
func (c *Client) KnownKey(keyID string) (*Key, bool) {
	e, ok := c.cache.actors.Get(c.cache.canonical(withoutFragment(keyID)))
	if !ok || c.now().Sub(e.fetched) >= c.cfg.ActorTTL {
		return nil, false
	}
	key, err := e.key(keyID)
	if err != nil {
		return nil, false
	}
	c.metrics.found(fromMemory)
	return key, true
}

// RefreshKey fetches the owner of a key again, for a signature that does not verify: the
// owner may have a new key. Not more often than RefreshEvery; within that time it
// returns the key that is cached.
func (c *Client) RefreshKey(ctx context.Context, keyID string) (*Key, error) {
	e, err := c.refresh(ctx, withoutFragment(keyID))
	if err != nil {
		return nil, err
	}
	return e.key(keyID)
}

// key finds a key by its id. A keyId that is the actor's own id (pub-relay) means its
// first RSA key.
func (e *entry) key(keyID string) (*Key, error) {
	if !ap.SameOrigin(keyID, e.actor.URI) {
		return nil, fmt.Errorf("%w: key %.100q of an actor elsewhere, %.100q", ErrMismatch, keyID, e.actor.URI)
	}
	for _, k := range e.keys {
		if k.ID == keyID {
			return k, nil
		}
	}
	if keyID == e.actor.URI {
		for _, k := range e.keys {
			if _, ok := k.Public.(*rsa.PublicKey); ok {
				return k, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %.100q has no usable key %.100q", ErrMismatch, e.actor.URI, keyID)
}

// AssertionKey is Key for object integrity proofs (FEP-8b32): the actor names the key in
// its assertionMethod, and the key names it as its controller. A proof's key signs no
// requests, and the other way round.
func (c *Client) AssertionKey(ctx context.Context, keyID string) (*Key, error) {
	e, err := c.entry(ctx, withoutFragment(keyID))
	if err != nil {
		return nil, err
	}
	if key, err := e.assertion(keyID); err == nil || !ap.SameOrigin(keyID, e.actor.URI) {
		return key, err
	}
	return c.RefreshAssertionKey(ctx, keyID)
}

// RefreshAssertionKey is RefreshKey for object integrity proofs.
func (c *Client) RefreshAssertionKey(ctx context.Context, keyID string) (*Key, error) {
	e, err := c.refresh(ctx, withoutFragment(keyID))
	if err != nil {
		return nil, err
	}
	return e.assertion(keyID)
}

func (e *entry) assertion(keyID string) (*Key, error) {
	for _, k := range e.assertions {
		if k.ID == keyID {
			return k, nil
		}
	}
	return nil, fmt.Errorf("%w: %.100q does not assert by key %.100q", ErrMismatch, e.actor.URI, keyID)
}
