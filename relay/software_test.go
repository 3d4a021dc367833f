package relay

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"tributary/ingest/remote"
)

// runs says what the servers of a test run.
func (s *servers) set(p *peer, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		s.runs = make(map[string]remote.Software)
	}
	s.runs[p.host()] = remote.Software{Name: name, Version: "1"}
}

// surveyed is a relay that asks nobody by itself, but for who follows.
func surveyed(t *testing.T) (*env, *servers) {
	t.Helper()
	runs := &servers{}
	e := newEnv(t, nil)
	e.inbox.survey = e.surveyor(runs)
	return e, runs
}

func (e *env) surveyor(runs *servers) *survey {
	return &survey{db: e.ingest.DB, subs: e.subscriptions, blocks: e.blocks, ask: runs, log: e.log, now: time.Now}
}

func (e *env) ask(runs *servers) {
	e.t.Helper()
	if _, err := e.surveyor(runs).round(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
}

// The block of a software ends the subscriptions of who is known to run it and no other; their
// posts are refused with a sentence, what they take back is taken, and what was shown stays.
func TestBlockOfSoftware(t *testing.T) {
	e, runs := surveyed(t)
	bad, good := newPeer(t), newPeer(t)
	runs.set(bad, "spamware")
	runs.set(good, "mastodon")
	server, alice := bad.account("server", nil), bad.account("alice", nil)
	other := good.account("server", nil)
	e.subscribe(server)
	e.subscribe(other)
	if got := e.post(alice, alice.create(1)); got != 202 {
		t.Fatal(got)
	}
	e.ask(runs)
	block := Block{Scope: ScopeSoftware, Key: "spamware", Reason: "it floods"}
	would, err := e.Affected(t.Context(), block)
	if err != nil || len(would.Subscribers) != 1 || would.Subscribers[0].Actor != server.URI || e.Subscriptions().Count() != 2 {
		t.Fatalf("%+v, %v", would, err)
	}
	e.ingest.CatchUp()
	tip := e.ingest.Tail.Tip()
	if _, err := e.Block(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	if e.Subscriptions().Count() != 1 || e.member(other).State != StateAccepted || e.ingest.Tail.Tip() != tip {
		t.Errorf("subscribers %+v", e.Subscriptions().List())
	}
	equal(t, "sent", e.kinds(), "Accept", "Accept", "Reject")

	got := alice.message(t, alice.create(2)).send(t, e.inboxURL())
	if got.Status != http.StatusForbidden || !strings.Contains(got.Error, "spamware, which the server says it runs, is blocked here: it floods") {
		t.Errorf("a post: %+v", got)
	}
	remove := map[string]any{
		"id": alice.URI + "/deletes/1", "type": "Delete", "actor": alice.URI, "object": alice.create(1)["object"].(map[string]any)["id"],
	}
	if got := e.post(alice, remove); got != 202 {
		t.Errorf("a Delete: %d", got)
	}
	runs.asked = 0
	for i := range 3 {
		if got := e.post(server, server.follow(1+i)); got != 403 {
			t.Errorf("a Follow: %d", got)
		}
	}
	if runs.asked != 0 {
		t.Errorf("asked %d times what was known", runs.asked)
	}
	e.ask(runs) // and it is not forgotten yet
	if got := e.post(alice, alice.create(3)); got != 403 {
		t.Errorf("a post after the next round: %d", got)
	}

	if err := e.Unblock(t.Context(), ScopeSoftware, "spamware"); err != nil {
		t.Fatal(err)
	}
	if got := e.post(server, server.follow(9)); got != 202 || e.member(server).State != StateAccepted {
		t.Errorf("a Follow after the block: %d", got)
	}
}

// While a software is blocked, who follows is asked first. Who does not say is let in, and
// ends when it says; who said something else is let in again.
func TestFollowWhileSoftwareIsBlocked(t *testing.T) {
	e, runs := surveyed(t)
	bad, silent, good := newPeer(t), newPeer(t), newPeer(t)
	runs.set(bad, "spamware")
	runs.set(good, "mastodon")
	first := good.account("before", nil)
	e.subscribe(first)
	if runs.asked != 0 {
		t.Error("asked though no software is blocked")
	}
	if _, err := e.Block(t.Context(), Block{Scope: ScopeSoftware, Key: "spamware"}); err != nil {
		t.Fatal(err)
	}
	server, quiet, fine := bad.account("server", nil), silent.account("server", nil), good.account("server", nil)
	for a, want := range map[*account]int{server: 403, quiet: 202, fine: 202} {
		if got := e.post(a, a.follow(1)); got != want || (e.member(a).State == StateAccepted) != (want == 202) {
			t.Errorf("%s: %d, want %d", a.URI, got, want)
		}
	}
	if got := e.post(server, server.follow(2)); got != 403 {
		t.Errorf("at once again: %d", got)
	}
	runs.set(silent, "spamware")
	later := e.surveyor(runs)
	later.now = func() time.Time { return time.Now().Add(surveyEvery) }
	if _, err := later.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.refresh(t.Context())
	if e.member(quiet).Actor != "" || e.member(fine).State != StateAccepted || e.kinds()[len(e.kinds())-1] != "Reject" {
		t.Errorf("subscribers %+v, sent %v", e.Subscriptions().List(), e.kinds())
	}

	// An hour later it is asked anew.
	runs.set(bad, "mastodon")
	later.now = func() time.Time { return time.Now().Add(surveyEvery + 2*surveyAgain) }
	if _, err := later.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := e.post(server, server.follow(3)); got != 202 || e.member(server).State != StateAccepted {
		t.Errorf("after an hour: %d", got)
	}
}

// A block made at one node holds at the others, for who subscribed there meanwhile too, and
// after a restart.
func TestBlockOfSoftwareAtAnotherNode(t *testing.T) {
	e, runs := surveyed(t)
	bad := newPeer(t)
	runs.set(bad, "spamware")
	other := e.node(Config{})
	server, alice := bad.account("server", nil), bad.account("alice", nil)
	e.subscribe(server) // the other node does not know yet
	if _, err := other.Block(t.Context(), Block{Scope: ScopeSoftware, Key: "spamware"}); err != nil {
		t.Fatal(err)
	}
	e.ask(runs)
	e.refresh(t.Context())
	if e.Subscriptions().Count() != 0 {
		t.Errorf("subscribers %+v", e.Subscriptions().List())
	}
	if got := e.post(alice, alice.create(1)); got != 403 {
		t.Errorf("a post: %d", got)
	}
	if again := e.node(Config{}); !again.Blocked(alice.URI) {
		t.Error("forgotten after a restart")
	}
}

func FuzzParseSoftware(f *testing.F) {
	for _, s := range []string{"mastodon", " GoToSocial ", "iceshrimp.net", "a b", "<b>", "", "\x00", "ⅯASTODON"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := ParseSoftware(s)
		if err != nil {
			return
		}
		if again, err := ParseSoftware(name); err != nil || again != name || len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q is read as %q, then %q, %v", s, name, again, err)
		}
	})
}
