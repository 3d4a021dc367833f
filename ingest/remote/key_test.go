package remote

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestKey(t *testing.T) {
	c, p := devClient(t), newPeer(t)
	f := func(name, keyID, owner string) {
		t.Helper()
		key, err := c.Key(t.Context(), keyID)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if key.Owner.URI != owner || !theirKey().PublicKey.Equal(key.Public) {
			t.Errorf("%s: %+v", name, key)
		}
	}
	vera := p.addActor("/users/vera")
	f("Mastodon", vera+"#main-key", vera)
	f("pub-relay, the actor's own id", vera, vera)

	// GoToSocial: the key has a URL of its own, at which a stub of the actor is.
	gts := p.URL + "/users/gts"
	full := person(gts, theirKey())
	full["publicKey"] = publicKey(gts+"/main-key", gts, theirKey())
	p.serve("/users/gts", full)
	p.serve("/users/gts/main-key", object{
		"@context": "https://w3id.org/security/v1", "id": gts, "type": "Person", "preferredUsername": "gts",
		"publicKey": full["publicKey"],
	})
	f("GoToSocial", gts+"/main-key", gts)
	f("GoToSocial, cached", gts+"/main-key", gts)
	if a, b := p.hit("/users/gts"), p.hit("/users/gts/main-key"); a != 1 || b != 1 {
		t.Errorf("fetched %d and %d times", a, b)
	}

	// A key document that says whose it is: by owner, by controller, within publicKey.
	for i, document := range []object{
		{"type": "CryptographicKey", "owner": "ACTOR", "publicKeyPem": "x"},
		{"type": "Key", "controller": "ACTOR"},
		{"publicKey": object{"owner": "ACTOR"}},
	} {
		name := string(rune('a' + i))
		actor, keyID := p.URL+"/users/"+name, p.URL+"/keys/"+name
		a := person(actor, theirKey())
		a["publicKey"] = publicKey(keyID, actor, theirKey())
		p.serve("/users/"+name, a)
		document["id"] = keyID
		for _, member := range []string{"owner", "controller"} {
			if document[member] != nil {
				document[member] = actor
			}
		}
		if document["publicKey"] != nil {
			document["publicKey"] = object{"owner": actor}
		}
		p.serve("/keys/"+name, document)
		f("key document "+name, keyID, actor)
	}

	// Several keys; the ones that cannot be used do not stand in the way.
	many := p.URL + "/users/many"
	a := person(many, theirKey())
	a["publicKey"] = []object{
		{"id": many + "#broken", "owner": many, "publicKeyPem": "-----BEGIN"},
		publicKey(many+"#old", many, newKey()),
		publicKey(many+"#second", many, theirKey()),
	}
	p.serve("/users/many", a)
	f("second of several", many+"#second", many)

	noOwner := p.URL + "/users/noowner"
	a = person(noOwner, theirKey())
	delete(a["publicKey"].(object), "owner")
	p.serve("/users/noowner", a)
	f("without owner", noOwner+"#main-key", noOwner)
}

func TestKeyRefuses(t *testing.T) {
	c, p, evil := devClient(t), newPeer(t), newPeer(t)
	vera := p.addActor("/users/vera")
	f := func(name, keyID string, want error) {
		t.Helper()
		if key, err := c.Key(t.Context(), keyID); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v (%+v)", name, err, want, key)
		}
	}
	f("not a URL", "vera", ErrMalformed)
	f("a key that the actor does not name", vera+"#other", ErrMismatch)
	f("key document that leads to another origin", evil.serve("/key", object{"id": evil.URL + "/key", "owner": vera}), ErrMismatch)
	f("stub that leads to another origin", evil.serve("/stub", person(vera, newKey())), ErrMismatch)

	mallory := person(evil.URL+"/users/mallory", newKey())
	mallory["publicKey"] = publicKey(evil.URL+"/users/mallory#main-key", vera, newKey())
	f("key that another is said to own", evil.serve("/users/mallory", mallory)+"#main-key", ErrMismatch)

	foreign := person(evil.URL+"/users/foreign", newKey())
	foreign["publicKey"] = publicKey(vera+"#main-key", evil.URL+"/users/foreign", newKey())
	f("key of another host", evil.serve("/users/foreign", foreign)+"#main-key", ErrMismatch)

	none := person(p.URL+"/users/none", newKey())
	delete(none, "publicKey")
	f("no key", p.serve("/users/none", none)+"#main-key", ErrMismatch)

	// Two actors of one origin: each names only its own keys.
	p.serve("/users/bob", person(p.URL+"/users/bob", newKey()))
	stub := object{"id": p.URL + "/k", "type": "Key", "owner": p.URL + "/users/bob"}
	f("key document whose owner does not name it", p.serve("/k", stub), ErrMismatch)

	p.handle("/users/gone", status(http.StatusGone))
	f("gone", p.URL+"/users/gone#main-key", ErrGone)
	down := newPeer(t)
	down.Close()
	f("server away", down.URL+"/users/x#main-key", ErrTemporary)
	f("server away, at once", down.URL+"/users/y#main-key", ErrTemporary)
}

// TestKeyRotation: a new key is found when the signature does not verify (RefreshKey), and
// when its id is new (Key); both at most once a minute.
func TestKeyRotation(t *testing.T) {
	c, p := devClient(t), newPeer(t)
	vera := p.addActor("/users/vera")
	keyID := vera + "#main-key"
	if _, err := c.Key(t.Context(), keyID); err != nil {
		t.Fatal(err)
	}
	p.serve("/users/vera", person(vera, newKey()))
	key, err := c.RefreshKey(t.Context(), keyID)
	if err != nil || !theirKey().PublicKey.Equal(key.Public) || p.hit("/users/vera") != 1 {
		t.Errorf("within a minute: %v, fetched %d times", err, p.hit("/users/vera"))
	}
	c.clock.forward(2 * time.Minute)
	key, err = c.RefreshKey(t.Context(), keyID)
	if err != nil || !newKey().PublicKey.Equal(key.Public) {
		t.Errorf("after a minute: %+v, %v", key, err)
	}
	if key, err = c.Key(t.Context(), keyID); err != nil || !newKey().PublicKey.Equal(key.Public) {
		t.Errorf("then cached: %+v, %v", key, err)
	}

	second := person(vera, theirKey())
	second["publicKey"] = publicKey(vera+"#key-2", vera, theirKey())
	p.serve("/users/vera", second)
	if _, err := c.Key(t.Context(), vera+"#key-2"); !errors.Is(err, ErrMismatch) || p.hit("/users/vera") != 2 {
		t.Errorf("new id, within a minute: %v, fetched %d times", err, p.hit("/users/vera"))
	}
	c.clock.forward(2 * time.Minute)
	if key, err := c.Key(t.Context(), vera+"#key-2"); err != nil || !theirKey().PublicKey.Equal(key.Public) {
		t.Errorf("new id, after a minute: %v", err)
	}
	c.clock.forward(2 * time.Minute)
	p.handle("/users/vera", status(http.StatusBadGateway))
	if _, err := c.RefreshKey(t.Context(), vera+"#key-2"); !errors.Is(err, ErrTemporary) {
		t.Errorf("server away: %v", err)
	}
}

// BenchmarkKey is what an inbox request pays for a cached key.
func BenchmarkKey(b *testing.B) {
	c, p := devClient(b), newPeer(b)
	keyID := p.addActor("/users/vera") + "#main-key"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Key(b.Context(), keyID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkKeyFromTable is the same after a restart, or when memory has forgotten the actor.
func BenchmarkKeyFromTable(b *testing.B) {
	c, p := newTestClient(b, devConfig(), openDB(b), nil), newPeer(b)
	keyID := p.addActor("/users/vera") + "#main-key"
	if _, err := c.Key(b.Context(), keyID); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c.cache.actors.Purge()
		if _, err := c.Key(b.Context(), keyID); err != nil {
			b.Fatal(err)
		}
	}
}

// A proof's key must name the actor, stand on its origin, and sign no requests.
func TestAssertionKey(t *testing.T) {
	const multibase = "z6MkeeUXVFZTRv9q3RWvN9hcwEFq42nNhcvUu3j5uFfC3ogV"
	c, p := devClient(t), newPeer(t)
	uri := p.URL + "/users/ed"
	key := func(id, controller string) object {
		return object{"id": id, "type": "Multikey", "controller": controller, "publicKeyMultibase": multibase}
	}
	actor := person(uri, theirKey())
	actor["assertionMethod"] = []any{
		key(uri+"#ed", uri), key(uri+"#other", p.URL+"/users/other"), key(uri+"#none", ""), key("https://else.example/k", uri),
		object{"id": uri + "#rsa", "type": "Multikey", "controller": uri, "publicKeyMultibase": "z4MX"},
		uri + "#reference",
	}
	p.serve("/users/ed", actor)
	if key, err := c.AssertionKey(t.Context(), uri+"#ed"); err != nil || key.Owner.URI != uri || key.ID != uri+"#ed" {
		t.Errorf("%+v, %v", key, err)
	}
	for _, keyID := range []string{uri + "#other", uri + "#none", uri + "#rsa", uri + "#reference", uri + "#main-key", uri} {
		if _, err := c.AssertionKey(t.Context(), keyID); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", keyID, err)
		}
	}
	if _, err := c.Key(t.Context(), uri+"#ed"); !errors.Is(err, ErrMismatch) {
		t.Errorf("a proof's key signs a request: %v", err)
	}
}
