package relay

import (
	"database/sql"
	"testing"

	"tributary/relay/delivery"
)

// followActor is a Follow in LitePub's style, as Pleroma writes it.
func (a *account) followActor(e *env, n int) map[string]any {
	f := a.follow(n)
	f["object"], f["to"], f["state"] = e.community.Actor(), []string{e.community.Actor()}, "pending"
	return f
}

// post sends an activity and returns what it was answered with.
func (e *env) post(a *account, activity map[string]any) int {
	e.t.Helper()
	return a.message(e.t, activity).send(e.t, e.inboxURL()).Status
}

// kinds are the types of what was sent, in order.
func (e *env) kinds() (kinds []string) {
	e.t.Helper()
	for _, s := range e.outbox() {
		kinds = append(kinds, s.Doc["type"].(string))
	}
	return kinds
}

func (e *env) member(a *account) Subscriber {
	sub, _ := e.Subscriptions().Actor(a.URI)
	return sub
}

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
	}
}

// notes/relays of LitePub: Follow of the actor, Accept, our own Follow, its answer, Undo of both.
func TestFollowOfTheActor(t *testing.T) {
	e := newEnv(t, nil)
	pleroma := newPeer(t).account("relay", map[string]any{"type": "Application"})
	if got := e.post(pleroma, pleroma.followActor(e, 1)); got != 202 {
		t.Fatal(got)
	}
	equal(t, "answers", e.kinds(), "Accept", "Follow")
	back := e.outbox()[1].Doc
	if back["actor"] != e.community.Actor() || back["object"] != pleroma.URI || back["to"].([]any)[0] != pleroma.URI {
		t.Errorf("our Follow: %v", back)
	}
	if m := e.member(pleroma); m.Style != delivery.StyleAnnounce || m.Back != back["id"] || m.BackState != BackPending {
		t.Errorf("member %+v", m)
	}
	list, _ := e.Subscriptions().Receivers(t.Context())
	if len(list) != 1 || list[0].Style != delivery.StyleAnnounce {
		t.Errorf("receivers %+v", list)
	}
	accept := map[string]any{"id": pleroma.URI + "/accepts/1", "type": "Accept", "actor": pleroma.URI, "object": back}
	if got := e.post(pleroma, accept); got != 202 || e.member(pleroma).BackState != BackAccepted {
		t.Errorf("%d, member %+v", got, e.member(pleroma))
	}
	if got := e.post(pleroma, pleroma.followActor(e, 2)); got != 202 || e.member(pleroma).Back != back["id"] {
		t.Errorf("%d, our Follow got another id: %+v", got, e.member(pleroma))
	}
	undo := pleroma.undo(pleroma.followActor(e, 2))
	if got := e.post(pleroma, undo); got != 202 || e.Subscriptions().Count() != 0 {
		t.Errorf("%d", got)
	}
	equal(t, "answers", e.kinds(), "Accept", "Follow", "Accept", "Follow", "Undo")
	if inner := e.outbox()[4].Doc["object"].(map[string]any); inner["id"] != back["id"] || inner["type"] != "Follow" {
		t.Errorf("our Undo: %v", e.outbox()[4].Doc)
	}
}

// What answers our Follow is known by its id and its sender.
func TestAnswersToOurFollow(t *testing.T) {
	e := newEnv(t, nil)
	peer := newPeer(t)
	member, other := peer.account("relay", map[string]any{"type": "Application"}), peer.account("other", nil)
	e.post(member, member.followActor(e, 1))
	back := e.outbox()[1].Doc["id"].(string)
	answer := func(a *account, kind string, n int, object any) {
		t.Helper()
		if got := e.post(a, map[string]any{"id": a.URI + "/answers/" + kind + string(rune('0'+n)), "type": kind, "actor": a.URI, "object": object}); got != 202 {
			t.Fatal(got)
		}
	}
	answer(other, "Accept", 1, back)
	answer(member, "Accept", 2, back+"x")
	if s := e.member(member).BackState; s != BackPending {
		t.Errorf("somebody else's answer counted: %s", s)
	}
	answer(member, "Reject", 3, back)
	if m := e.member(member); m.BackState != BackRejected || m.State != StateAccepted {
		t.Errorf("member %+v", m)
	}
	e.post(member, member.undo(member.followActor(e, 1)))
	equal(t, "answers", e.kinds(), "Accept", "Follow")
}

func TestApproval(t *testing.T) {
	e := newEnv(t, func(c *Config, _ *Deps) { c.Mode = ModeApproval })
	peer := newPeer(t)
	server, alice := peer.account("server", map[string]any{"type": "Application"}), peer.account("alice", nil)
	if got := e.post(server, server.follow(1)); got != 202 || e.member(server).State != StatePending {
		t.Fatalf("%d, %+v", got, e.member(server))
	}
	if got := e.post(alice, alice.create(1)); got != 403 {
		t.Errorf("a post of a server that waits: %d", got)
	}
	if len(e.outbox())+len(e.lanes())+e.Subscriptions().Count() != 0 {
		t.Errorf("sent %v, lanes %v", e.kinds(), e.lanes())
	}
	if err := e.Subscriptions().Approve(t.Context(), server.URI); err != nil {
		t.Fatal(err)
	}
	if got := e.post(alice, alice.create(2)); got != 202 || len(e.lanes()) != 1 {
		t.Errorf("a post of a member: %d, lanes %v", got, e.lanes())
	}
	if err := e.Subscriptions().Reject(t.Context(), server.URI); err != nil {
		t.Fatal(err)
	}
	if got := e.post(server, server.follow(2)); got != 202 || e.member(server).State != StateRejected || len(e.lanes()) != 0 {
		t.Errorf("%d, %+v, lanes %v", got, e.member(server), e.lanes())
	}
	equal(t, "answers", e.kinds(), "Accept", "Reject", "Reject")
	if err := e.Subscriptions().Remove(t.Context(), server.URI); err != nil {
		t.Fatal(err)
	}
	if got := e.post(server, server.follow(3)); got != 202 || e.member(server).State != StatePending {
		t.Errorf("%d, %+v", got, e.member(server))
	}
	if err := e.Subscriptions().Approve(t.Context(), alice.URI); err == nil {
		t.Error("approved who never asked")
	}
}

func TestAllowList(t *testing.T) {
	for mode, answers := range map[Mode][2]string{ModeApproval: {"", "Accept"}, ModeAllowList: {"Reject", "Accept"}} {
		e := newEnv(t, func(c *Config, _ *Deps) { c.Mode = mode })
		server := newPeer(t).account("server", map[string]any{"type": "Application"})
		e.post(server, server.follow(1))
		if err := e.Allowed().Add(t.Context(), "127.0.0.1", "ours"); err != nil {
			t.Fatal(err)
		}
		e.post(server, server.follow(2))
		var want []string
		for _, a := range answers {
			if a != "" {
				want = append(want, a)
			}
		}
		equal(t, string(mode), e.kinds(), want...)
		if e.member(server).State != StateAccepted {
			t.Errorf("%s: %+v", mode, e.member(server))
		}
		if err := e.Allowed().Remove(t.Context(), "127.0.0.1"); err != nil {
			t.Fatal(err)
		}
		if err := e.Allowed().Remove(t.Context(), "127.0.0.1"); err == nil {
			t.Error("removed twice")
		}
	}
}

// A subscription that another node has taken counts at once.
func TestSubscribedAtAnotherNode(t *testing.T) {
	e := newEnv(t, nil)
	peer := newPeer(t)
	server, alice := peer.account("server", map[string]any{"type": "Application"}), peer.account("alice", nil)
	if got := e.post(alice, alice.create(1)); got != 403 {
		t.Errorf("a stranger's post: %d", got)
	}
	err := e.ingest.DB.Write(t.Context(), func(tx *sql.Tx) error {
		return upsertSubscriber(t.Context(), tx, Subscriber{
			Actor: server.URI, Host: peer.host(), Inbox: server.URI + "/inbox", Delivery: peer.URL + "/inbox", Follow: server.URI + "/f/1",
			Object: public, State: StateAccepted, Role: RoleBoth,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.post(alice, alice.create(2)); got != 202 {
		t.Errorf("a member's post: %d", got)
	}
	if e.Subscriptions().Count() != 1 {
		t.Error("the copy was not read anew")
	}
}

func TestRoles(t *testing.T) {
	e := newEnv(t, nil)
	peer := newPeer(t)
	server, alice := peer.account("server", map[string]any{"type": "Application"}), peer.account("alice", nil)
	e.subscribe(server)
	for i, c := range []struct {
		role     Role
		post     int
		receives bool
		paused   bool
	}{
		{RoleReceive, 403, true, false},
		{RolePublish, 202, false, false},
		{RoleLimited, 202, true, false},
		{RolePaused, 403, true, true},
		{RoleBoth, 202, true, false},
	} {
		if err := e.Subscriptions().SetRole(t.Context(), server.URI, c.role); err != nil {
			t.Fatal(err)
		}
		list, _ := e.Subscriptions().Receivers(t.Context())
		if (len(list) == 1) != c.receives || c.receives && list[0].Paused != c.paused {
			t.Errorf("%s: receivers %+v", c.role, list)
		}
		if lanes := e.lanes(); (len(lanes) == 1) != c.receives {
			t.Errorf("%s: lanes %v", c.role, lanes)
		}
		if got := e.post(alice, alice.create(i)); got != c.post {
			t.Errorf("%s: a post is answered %d, want %d", c.role, got, c.post)
		}
		if got := e.post(server, server.follow(10+i)); got != 202 || e.member(server).Role != c.role {
			t.Errorf("%s: a Follow made it %+v", c.role, e.member(server))
		}
		if lanes := e.lanes(); (len(lanes) == 1) != c.receives {
			t.Errorf("%s: lanes after a Follow: %v", c.role, lanes)
		}
	}
}

// A member that only published gets what comes from then on when it is to receive too.
func TestReceivingAgainBeginsNow(t *testing.T) {
	e := newEnv(t, nil)
	peer := newPeer(t)
	server, alice := peer.account("server", map[string]any{"type": "Application"}), peer.account("alice", nil)
	e.subscribe(server)
	for _, role := range []Role{RolePublish, RoleBoth} {
		if err := e.Subscriptions().SetRole(t.Context(), server.URI, role); err != nil {
			t.Fatal(err)
		}
		if role == RolePublish {
			if got := e.post(alice, alice.create(1)); got != 202 {
				t.Fatalf("a post is answered %d", got)
			}
			e.ingest.CatchUp()
		}
	}
	for inbox, lane := range e.lanes() {
		if want := e.ingest.Tail.Tip() + 1; lane.Position != want {
			t.Errorf("%s: the lane begins at %d, want %d", inbox, lane.Position, want)
		}
	}
}
