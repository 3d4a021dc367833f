package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest/ap"
)

func TestActor(t *testing.T) {
	c, p := devClient(t), newPeer(t)
	id := p.addActor("/users/vera")
	for range 3 {
		a, err := c.Actor(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if a.URI != id || a.Inbox != id+"/inbox" {
			t.Errorf("got %+v", a)
		}
	}
	if n := p.hit("/users/vera"); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	if memory, network := c.metric(t, "tributary_remote_actor_lookups_total", fromMemory),
		c.metric(t, "tributary_remote_actor_lookups_total", fromNetwork); memory != 2 || network != 1 {
		t.Errorf("%v from memory, %v from the network", memory, network)
	}
	if got := c.metric(t, "tributary_remote_fetches_total", "actor", "ok"); got != 1 {
		t.Errorf("%v fetches counted", got)
	}
	c.Forget(t.Context(), id)
	if _, err := c.Actor(t.Context(), id); err != nil || p.hit("/users/vera") != 2 {
		t.Errorf("after Forget: %v, fetched %d times", err, p.hit("/users/vera"))
	}
}

func TestActorRefuses(t *testing.T) {
	c, p, other := devClient(t), newPeer(t), newPeer(t)
	victim := other.addActor("/users/victim")
	f := func(name, uri string, want error) {
		t.Helper()
		for range 2 { // the second time from the failures that are remembered
			if a, err := c.Actor(t.Context(), uri); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v (%+v)", name, err, want, a)
			}
		}
		if n := p.hit(strings.TrimPrefix(uri, p.URL)); n > 1 {
			t.Errorf("%s: fetched %d times", name, n)
		}
	}
	note := p.serve("/n", object{"id": p.URL + "/n", "type": "Note", "content": "x"})
	f("not an actor", note, ErrMalformed)
	f("not found", p.URL+"/nobody", ErrNotFound)
	p.handle("/gone", status(http.StatusGone))
	f("gone", p.URL+"/gone", ErrGone)
	f("tombstone", p.serve("/dead", object{"id": p.URL + "/dead", "type": "Tombstone", "formerType": "Person"}), ErrGone)
	p.handle("/blocked", status(http.StatusForbidden))
	if _, err := c.Actor(t.Context(), p.URL+"/blocked"); !errors.Is(err, ErrRefused) || p.hit("/blocked") != 2 {
		t.Errorf("refused: %v, asked %d times: not once in each form of signature", err, p.hit("/blocked"))
	}
	p.handle("/blocked2", status(http.StatusForbidden))
	f("refused again", p.URL+"/blocked2", ErrRefused)
	p.handle("/broken", status(http.StatusBadGateway))
	f("broken", p.URL+"/broken", ErrTemporary)
	f("ids that point on and on", p.serve("/a", person(p.URL+"/b", theirKey())), ErrNotFound)
	p.serve("/d", person(p.URL+"/e", theirKey()))
	f("ids that never agree", p.serve("/c", person(p.URL+"/d", theirKey())), ErrMismatch)

	// A document that says that it is somebody else is not believed: that one is asked.
	spoof := p.serve("/spoof", person(victim, newKey()))
	a, err := c.Actor(t.Context(), spoof)
	if err != nil || a.URI != victim || len(a.Keys) != 1 || a.Keys[0].PEM != publicKey("", "", theirKey())["publicKeyPem"] {
		t.Errorf("spoofed actor: %+v, %v", a, err)
	}
	if a, err = c.Actor(t.Context(), victim); err != nil || a.Keys[0].PEM != publicKey("", "", theirKey())["publicKeyPem"] {
		t.Errorf("victim afterwards: %+v, %v", a, err)
	}
}

// TestActorIsShared: many who ask at once cause one fetch, and one who gives up does not
// end it for the others.
func TestActorIsShared(t *testing.T) {
	c, p := devClient(t), newPeer(t)
	id := p.URL + "/users/vera"
	release := make(chan struct{})
	p.handle("/users/vera", func(w http.ResponseWriter, r *http.Request) {
		<-release
		answer(person(id, theirKey()))(w, r)
	})
	impatient, leave := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := c.Actor(impatient, id)
		first <- err
	}()
	eventually(t, "fetch under way", func() bool { return p.hit("/users/vera") == 1 })
	var wg sync.WaitGroup
	errs := make(chan error, 20)
	for range 20 {
		wg.Go(func() {
			_, err := c.Actor(t.Context(), id)
			errs <- err
		})
	}
	eventually(t, "all wait", func() bool { _, n, _ := c.gate.counts(); return n == 21 })
	leave()
	if err := <-first; !errors.Is(err, ErrTemporary) || !errors.Is(err, context.Canceled) {
		t.Errorf("the impatient one: %v", err)
	}
	close(release)
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if n := p.hit("/users/vera"); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

// TestSlowHost: a host that hangs holds a few fetches and a few callers; all others fail
// at once, and other hosts notice nothing (I3). When it is given up it is left alone.
func TestSlowHost(t *testing.T) {
	cfg := devConfig()
	cfg.HeaderTimeout = time.Minute // nothing but the bounds may end a call
	cfg.FetchTimeout = time.Minute
	cfg.MaxWaitingPerHost = 10
	c, slowPeer, good := newTestClient(t, cfg, nil, nil), newPeer(t), newPeer(t)
	release := make(chan struct{})
	hang := func(http.ResponseWriter, *http.Request) { <-release }
	for i := range 10 {
		slowPeer.handle(fmt.Sprintf("/users/%d", i), hang)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	ask := func(path string) { wg.Go(func() { _, _ = c.Actor(ctx, slowPeer.URL+path) }) }
	for i := range 4 {
		ask(fmt.Sprintf("/users/%d", i))
	}
	eventually(t, "four fetches", func() bool { n, _, _ := c.gate.counts(); return n == 4 })
	for i := 4; i < 10; i++ {
		if _, err := c.Actor(t.Context(), fmt.Sprintf("%s/users/%d", slowPeer.URL, i)); !errors.Is(err, ErrTemporary) {
			t.Errorf("fetch %d: %v", i, err)
		}
	}
	for range 6 {
		ask("/users/0")
	}
	eventually(t, "ten wait", func() bool { _, n, _ := c.gate.counts(); return n == 10 })
	if _, err := c.Actor(t.Context(), slowPeer.URL+"/users/0"); !errors.Is(err, ErrTemporary) {
		t.Errorf("the eleventh: %v", err)
	}
	if _, err := c.Actor(t.Context(), good.addActor("/users/vera")); err != nil {
		t.Errorf("another host: %v", err)
	}
	if got := c.metric(t, "tributary_remote_fetches_total", "actor", "busy"); got != 6 {
		t.Errorf("%v busy", got)
	}
	cancel()
	wg.Wait()
	close(release)
	eventually(t, "fetches over", func() bool { n, _, _ := c.gate.counts(); return n == 0 })
	// What failed for our own reasons is asked again.
	slowPeer.addActor("/users/9")
	if _, err := c.Actor(t.Context(), slowPeer.URL+"/users/9"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestStale: an expired actor serves while its server is away, and no longer than StaleFor.
func TestStale(t *testing.T) {
	db := openDB(t)
	for _, restart := range []bool{false, true} {
		c, p := newTestClient(t, devConfig(), db, nil), newPeer(t)
		id := p.addActor("/users/vera")
		if _, err := c.Actor(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		fetched := time.Now()
		if restart {
			c = newTestClient(t, devConfig(), db, nil)
		}
		at := func(age time.Duration) error {
			c.clock.offset.Store(int64(age - time.Since(fetched)))
			_, err := c.Actor(t.Context(), id)
			return err
		}
		if err := at(23 * time.Hour); err != nil || p.hit("/users/vera") != 1 {
			t.Errorf("fresh: %v, fetched %d times", err, p.hit("/users/vera"))
		}
		p.handle("/users/vera", status(http.StatusServiceUnavailable))
		if err := at(25 * time.Hour); err != nil || p.hit("/users/vera") != 2 {
			t.Errorf("expired, away: %v, fetched %d times", err, p.hit("/users/vera"))
		}
		// Every request of a server that is away must not cost a fetch.
		if err := at(25*time.Hour + time.Second); err != nil || p.hit("/users/vera") != 2 {
			t.Errorf("a second later: %v, fetched %d times", err, p.hit("/users/vera"))
		}
		if err := at(7 * 24 * time.Hour); err != nil {
			t.Errorf("a week: %v", err)
		}
		if err := at(9 * 24 * time.Hour); !errors.Is(err, ErrTemporary) {
			t.Errorf("too old: %v", err)
		}
		p.addActor("/users/vera")
		if err := at(9*24*time.Hour + time.Minute); err != nil {
			t.Errorf("back: %v", err)
		}
		p.handle("/users/vera", status(http.StatusNotFound))
		if err := at(11 * 24 * time.Hour); !errors.Is(err, ErrNotFound) {
			t.Errorf("an answer ends it: %v", err)
		}
	}
}

// TestStored: actors survive a restart, gone ones do too if they were known, and no row
// is made for those that were not.
func TestStored(t *testing.T) {
	db, p := openDB(t), newPeer(t)
	id := p.addActor("/users/vera")
	rows := func(where string) (n int) {
		t.Helper()
		if err := db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM actors WHERE `+where).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	c := newTestClient(t, devConfig(), db, nil)
	if _, err := c.Key(t.Context(), id+"#main-key"); err != nil || rows("gone = 0") != 1 {
		t.Fatalf("%v, %d rows", err, rows("gone = 0"))
	}
	c = newTestClient(t, devConfig(), db, nil)
	if _, err := c.Key(t.Context(), id+"#main-key"); err != nil || p.hit("/users/vera") != 1 {
		t.Errorf("after a restart: %v, fetched %d times", err, p.hit("/users/vera"))
	}
	if got := c.metric(t, "tributary_remote_actor_lookups_total", fromTable); got != 1 {
		t.Errorf("%v from the table", got)
	}

	p.handle("/users/vera", status(http.StatusGone))
	c.clock.forward(2 * time.Minute)
	if _, err := c.RefreshActor(t.Context(), id); !errors.Is(err, ErrGone) || rows("gone = 1") != 1 {
		t.Errorf("gone: %v, %d rows", err, rows("gone = 1"))
	}
	c = newTestClient(t, devConfig(), db, nil)
	if _, err := c.Actor(t.Context(), id); !errors.Is(err, ErrGone) || p.hit("/users/vera") != 2 {
		t.Errorf("gone, after a restart: %v, fetched %d times", err, p.hit("/users/vera"))
	}
	c.clock.forward(25 * time.Hour)
	p.addActor("/users/vera")
	if _, err := c.Actor(t.Context(), id); err != nil {
		t.Errorf("back from the dead: %v", err)
	}

	p.handle("/users/stranger", status(http.StatusGone))
	if _, err := c.Actor(t.Context(), p.URL+"/users/stranger"); !errors.Is(err, ErrGone) || rows("1 = 1") != 1 {
		t.Errorf("unknown and gone: %v, %d rows", err, rows("1 = 1"))
	}
	big := person(p.URL+"/users/big", theirKey())
	big["x"] = strings.Repeat("x", maxStoredBytes)
	if _, err := c.Actor(t.Context(), p.serve("/users/big", big)); err != nil || rows("1 = 1") != 1 {
		t.Errorf("large: %v, %d rows", err, rows("1 = 1"))
	}
	c.Forget(t.Context(), id)
	if rows("1 = 1") != 0 {
		t.Error("not forgotten")
	}
}

// TestPrune: the table is bounded by age and count.
func TestPrune(t *testing.T) {
	db := openDB(t)
	s := newStore(db, Config{StoredActors: 10, ActorTTL: time.Hour, StaleFor: time.Hour})
	now := time.Now()
	for i := range pruneEvery {
		at := now.Add(time.Duration(i-pruneEvery+1) * time.Minute)
		if err := s.save(t.Context(), fmt.Sprintf("https://a.example/%d", i), []byte("{}"), at); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	var oldest int64
	if err := db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*), MIN(fetched_at) FROM actors`).Scan(&n, &oldest); err != nil {
		t.Fatal(err)
	}
	if n != 10 || oldest != now.Add(-9*time.Minute).UnixMilli() {
		t.Errorf("%d rows, oldest %s", n, time.UnixMilli(oldest))
	}
}

// TestRefreshIsLimited: what a stranger can ask for with bad signatures is one fetch a minute.
func TestRefreshIsLimited(t *testing.T) {
	c, p := devClient(t), newPeer(t)
	id := p.addActor("/users/vera")
	for range 5 {
		if _, err := c.RefreshActor(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.hit("/users/vera"); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	c.clock.forward(2 * time.Minute)
	if _, err := c.RefreshActor(t.Context(), id); err != nil || p.hit("/users/vera") != 2 {
		t.Errorf("later: %v, fetched %d times", err, p.hit("/users/vera"))
	}
	p.handle("/users/vera", status(http.StatusBadGateway))
	c.clock.forward(2 * time.Minute)
	for range 5 {
		if _, err := c.RefreshActor(t.Context(), id); !errors.Is(err, ErrTemporary) {
			t.Errorf("away: %v", err)
		}
	}
	if n := p.hit("/users/vera"); n != 3 {
		t.Errorf("fetched %d times", n)
	}
}

// TestFailuresAreBounded: a flood of URIs leaves a bounded number of remembered failures.
func TestFailuresAreBounded(t *testing.T) {
	c := devClient(t)
	for i := range 2 * maxFailures {
		_ = c.fail(fmt.Sprintf("https://a.example/%d", i), ErrNotFound)
	}
	if n := c.cache.failures.Len(); n != maxFailures {
		t.Errorf("%d failures", n)
	}
}

// TestClose: Close ends what is under way and waits for it; afterwards nothing begins.
func TestClose(t *testing.T) {
	c, p := devClient(t), newPeer(t)
	id := p.URL + "/users/vera"
	p.handle("/users/vera", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	errs := make(chan error, 2)
	go func() {
		_, err := c.Actor(t.Context(), id)
		errs <- err
	}()
	go func() {
		_, err := c.Object(t.Context(), id)
		errs <- err
	}()
	eventually(t, "fetches under way", func() bool { return p.hit("/users/vera") == 2 })
	c.Close()
	for range 2 {
		if err := <-errs; !errors.Is(err, ErrTemporary) {
			t.Error(err)
		}
	}
	if _, err := c.Actor(t.Context(), p.addActor("/users/other")); !errors.Is(err, ErrTemporary) || p.hit("/users/other") != 0 {
		t.Errorf("after Close: %v", err)
	}
}

// FuzzActorResponse: whatever a server answers, the actor that is believed has the id that it
// was asked for at, and its keys are its own.
func FuzzActorResponse(f *testing.F) {
	const id = "https://peer.example/users/vera"
	f.Add(marshal(person(id, theirKey())))
	f.Add(marshal(person("https://victim.example/", theirKey())))
	f.Add(marshal(object{"id": id + "/main-key", "publicKey": publicKey(id+"/main-key", id, theirKey())}))
	f.Add([]byte(`{"id":["https://peer.example/users/vera"],"type":["Person"],"publicKey":[{"id":"https://b.example/"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		actor, next, err := readActor(document{url: id, raw: raw})
		if err != nil {
			if Result(err) == "other" {
				t.Fatalf("unnamed error %v", err)
			}
			return
		}
		if next != "" {
			return
		}
		if withoutFragment(actor.URI) != id {
			u, err := normal(actor.URI)
			if err != nil || u.String() != id {
				t.Fatalf("%q believed at %q", actor.URI, id)
			}
		}
		for _, k := range newEntry(actor, time.Time{}).keys {
			if k.Owner != actor || !ap.SameOrigin(k.ID, id) {
				t.Fatalf("key %q of %q", k.ID, actor.URI)
			}
		}
	})
}
