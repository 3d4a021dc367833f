package relay

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"tributary/ingest/ingesttest"
	"tributary/ingest/signature"
	"tributary/relay/delivery"
)

// What a server signed is counted under its name; what is only said in its name is not taken for its own, and
// makes nobody known.
func TestSources(t *testing.T) {
	e := newEnv(t, nil)
	member, stranger, unknown := newPeer(t), newPeer(t), newPeer(t)
	a, b, c := member.account("a", nil), stranger.account("b", nil), unknown.account("c", nil)
	e.subscribe(a)
	send := func(a *account, doc map[string]any, want int) {
		t.Helper()
		if got := a.message(t, doc).send(t, e.inboxURL()); got.Status != want {
			t.Fatalf("%d %s", got.Status, got.Error)
		}
	}
	send(a, a.create(1), 202)
	send(a, a.create(2), 202)
	send(b, b.create(1), 403)
	forge := func(a *account) {
		t.Helper()
		m := a.message(t, a.create(9))
		m.Key = keys()[1]
		if got := m.send(t, e.inboxURL()); got.Status != 401 {
			t.Fatalf("%d %s", got.Status, got.Error)
		}
	}
	forge(a)
	forge(c)
	list := map[string]Source{}
	for _, s := range e.Sources().List() {
		list[s.Host] = s
	}
	if len(list) != 2 || e.Sources().Count(time.Now().Add(-time.Hour)) != 1 || e.Sources().Count(time.Now().Add(time.Hour)) != 0 {
		t.Fatalf("%+v", list)
	}
	s := list[member.host()]
	if s.Accepted["accepted"] != 2 || s.Accepted["subscribed"] != 1 || s.Signatures != 1 || len(s.Refused) != 0 || s.Bytes < 500 || s.Posts < 1 || s.Last.IsZero() {
		t.Errorf("%+v", s)
	}
	if s := list[stranger.host()]; s.Refused["no_grant"] != 1 || len(s.Accepted) != 0 {
		t.Errorf("%+v", s)
	}
}

// However many servers send something, no more than sourcesMax are kept (I6).
func TestSourcesAreBounded(t *testing.T) {
	s := newSources()
	for i := range sourcesMax + 100 {
		s.gave(fmt.Sprint(i, ".example"), "accepted", false, 1, true)
		s.forged(fmt.Sprint("forged", i, ".example"))
	}
	if n := len(s.List()); n != sourcesMax {
		t.Errorf("%d are kept", n)
	}
}

// A server that the relay has left alone gets everything as soon as anybody of it signs a
// request to us, over real sockets.
func TestLifeInTheInboxWakesAPausedServer(t *testing.T) {
	var engine atomic.Pointer[delivery.Engine]
	e := newEnv(t, func(_ *Config, d *Deps) {
		d.Alive = func(ctx context.Context, host string) {
			if e := engine.Load(); e != nil {
				e.Alive(ctx, host)
			}
		}
	})
	dead, other := newPeer(t), newPeer(t)
	a, b := dead.account("a", nil), other.account("b", nil)
	dead.answer("/inbox", http.StatusServiceUnavailable)
	dead.serve("/inbox", map[string]any{})
	e.subscribe(a)
	e.subscribe(b)
	key := keys()[0]
	made, err := delivery.New(delivery.Config{StaleAfter: time.Millisecond, PauseAfter: 2 * time.Millisecond, SaveEvery: 10 * time.Millisecond}, delivery.Deps{
		Tail: e.ingest.Tail, DB: e.ingest.DB, Signer: signature.NewSigner(e.community.KeyID(), key, 2), Client: e.remote,
		Subscribers: e.Subscriptions(), Actor: e.community.Actor(), Log: ingesttest.Logger(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	engine.Store(made)
	ended := make(chan error, 1)
	go func() { ended <- made.Run(t.Context()) }()
	defer func() {
		_ = made.Close(t.Context())
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	if got := b.message(t, b.create(1)).send(t, e.inboxURL()); got.Status != 202 {
		t.Fatal(got)
	}
	lane := func() delivery.Status {
		list, err := made.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			if s.Host == dead.host() {
				return s
			}
		}
		return delivery.Status{}
	}
	until := func(what string, f func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not %s: %+v", what, lane())
			}
		}
	}
	until("paused", func() bool { return lane().State == delivery.StatePaused })
	dead.answer("/inbox", http.StatusAccepted)
	n := 0
	until("live", func() bool {
		n++
		like := map[string]any{"id": fmt.Sprint(a.URI, "#like", n), "type": "Like", "actor": a.URI, "object": b.URI}
		if got := a.message(t, like).send(t, e.inboxURL()); got.Status != 202 {
			t.Fatal(got)
		}
		s := lane()
		return s.State == delivery.StateLive && s.Delivered == 1 && s.Lag == 0
	})
}
