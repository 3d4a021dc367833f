package relay

import (
	"testing"

	"tributary/ingest"
)

// setRole gives a member a role, as the operator does.
func (e *env) setRole(a *account, role Role) {
	e.t.Helper()
	if err := e.Subscriptions().SetRole(e.t.Context(), a.URI, role); err != nil {
		e.t.Fatal(err)
	}
}

// What a limited member gives is taken and shown, and no lane carries it; what it took
// back of before still reaches those who have it.
func TestLimitedIsShownAndNotRelayed(t *testing.T) {
	e := newEnv(t, nil)
	peer, other := newPeer(t), newPeer(t)
	server, alice := peer.account("server", map[string]any{"type": "Application"}), peer.account("alice", nil)
	bob := other.account("bob", nil)
	e.subscribe(server)
	if got := e.post(alice, alice.create(1)); got != 202 {
		t.Fatal(got)
	}
	e.setRole(server, RoleLimited)
	e.ingest.CatchUp()
	from := e.ingest.Tail.Tip() + 1
	if got := e.post(alice, alice.create(2)); got != 202 {
		t.Errorf("a post: %d", got)
	}
	if got := e.seen(ingest.ViewStream, from); len(got) != 1 || got[0].Grant != ingest.GrantLimited {
		t.Errorf("streams see %+v", got)
	}

	// What it passes on of others is ignored: it is neither fetched nor held against others.
	announce := map[string]any{
		"id": server.URI + "/announces/1", "type": "Announce", "actor": server.URI, "object": bob.URI + "/notes/1", "to": []string{public},
	}
	if got := e.post(server, announce); got != 202 || e.fetches() != 0 {
		t.Errorf("another's post: %d, %d fetches", got, e.fetches())
	}
	announce["id"], announce["object"] = server.URI+"/announces/2", alice.URI+"/notes/3"
	if got := e.post(server, announce); got != 202 || e.fetches() != 1 {
		t.Errorf("a post of its own: %d, %d fetches", got, e.fetches())
	}

	remove := map[string]any{
		"id": alice.URI + "/deletes/1", "type": "Delete", "actor": alice.URI, "object": alice.create(1)["object"].(map[string]any)["id"],
	}
	if got := e.post(alice, remove); got != 202 {
		t.Errorf("a Delete: %d", got)
	}
	if got := e.seen(ingest.ViewLane, from); len(got) != 1 || got[0].Kind != ingest.KindDelete {
		t.Errorf("lanes see %+v, want only the Delete of what was relayed before", got)
	}
}

// fetches is how many documents wait to be fetched.
func (e *env) fetches() (n int) {
	e.t.Helper()
	if err := e.ingest.DB.Read().QueryRowContext(e.t.Context(), `SELECT COUNT(*) FROM fetches`).Scan(&n); err != nil {
		e.t.Fatal(err)
	}
	return n
}

// A limited server that leaves and comes back, or follows by another account, is limited.
func TestLimitedStaysLimited(t *testing.T) {
	e := newEnv(t, nil)
	peer := newPeer(t)
	server, second, alice := peer.account("server", nil), peer.account("second", nil), peer.account("alice", nil)
	e.subscribe(server)
	e.setRole(server, RoleLimited)
	if got := e.post(server, server.undo(server.follow(0))); got != 202 || e.member(server).State != StateLeft || e.Subscriptions().Count() != 0 {
		t.Fatalf("%d: %+v", got, e.member(server))
	}
	if got := e.post(alice, alice.create(1)); got != 403 {
		t.Errorf("a post of who left: %d", got)
	}
	if len(e.lanes()) != 0 {
		t.Errorf("lanes %+v", e.lanes())
	}
	if got := e.post(server, server.undo(server.follow(0))); got != 202 {
		t.Errorf("a second Undo: %d", got)
	}
	if err := e.Subscriptions().Approve(t.Context(), server.URI); err != nil || e.member(server).State != StateLeft {
		t.Errorf("subscribed who left: %v, %+v", err, e.member(server))
	}
	if got := e.post(second, second.follow(1)); got != 202 || e.member(second).Role != RoleLimited {
		t.Errorf("%d: %+v", got, e.member(second))
	}
	if got := e.post(server, server.follow(2)); got != 202 || e.member(server).Role != RoleLimited || e.member(server).State != StateAccepted {
		t.Errorf("%d: %+v", got, e.member(server))
	}
	if got := e.Subscriptions().Host(peer.host()); got != ingest.GrantLimited {
		t.Errorf("grant %d", got)
	}
	for _, a := range []*account{server, second} {
		e.setRole(a, RoleBoth)
	}
	if got := e.Subscriptions().Host(peer.host()); got != ingest.GrantSubscriber {
		t.Errorf("grant %d", got)
	}
	if got := e.post(server, server.undo(server.follow(2))); got != 202 || e.member(server).Actor != "" {
		t.Errorf("%d: %+v is kept", got, e.member(server))
	}
	e.setRole(second, RolePublish)
	if got := e.post(second, second.undo(second.follow(1))); got != 202 || e.member(second).State != StateLeft {
		t.Errorf("%d: %+v", got, e.member(second))
	}
	e.setRole(second, RoleBoth)
	if sent := len(e.kinds()); e.member(second).Actor != "" || sent != 3 {
		t.Errorf("%+v is kept, %d were sent", e.member(second), sent)
	}
}

// A limited member is not followed back; one that was, is not any more, until it may publish again.
func TestLimitedIsNotFollowedBack(t *testing.T) {
	e := newEnv(t, nil)
	pleroma := newPeer(t).account("relay", map[string]any{"type": "Application"})
	if got := e.post(pleroma, pleroma.followActor(e, 1)); got != 202 {
		t.Fatal(got)
	}
	first := e.member(pleroma).Back
	e.setRole(pleroma, RoleLimited)
	equal(t, "limited", e.kinds(), "Accept", "Follow", "Undo")
	if inner := e.outbox()[2].Doc["object"].(map[string]any); inner["id"] != first || e.member(pleroma).Back != "" {
		t.Errorf("our Undo %v, member %+v", inner, e.member(pleroma))
	}
	if got := e.post(pleroma, pleroma.followActor(e, 2)); got != 202 {
		t.Fatal(got)
	}
	equal(t, "followed again", e.kinds(), "Accept", "Follow", "Undo", "Accept")
	e.setRole(pleroma, RoleBoth)
	equal(t, "both", e.kinds(), "Accept", "Follow", "Undo", "Accept", "Follow")
	if m := e.member(pleroma); m.Back == first || m.BackState != BackPending {
		t.Errorf("member %+v", m)
	}
	e.setRole(pleroma, RoleBoth)
	if n := len(e.kinds()); n != 5 {
		t.Errorf("%d were sent: followed twice", n)
	}
}
