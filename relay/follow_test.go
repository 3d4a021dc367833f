package relay

import (
	"database/sql"
	"fmt"
	"maps"
	"sync"
	"testing"

	"tributary/ingest"
)

// lane is a row of the table lanes.
type laneRow struct {
	Host     string
	Position uint64
}

func (e *env) lanes() map[string]laneRow {
	e.t.Helper()
	rows, err := e.ingest.DB.Read().QueryContext(e.t.Context(), `SELECT inbox, host, position FROM lanes`)
	if err != nil {
		e.t.Fatal(err)
	}
	defer rows.Close()
	lanes := make(map[string]laneRow)
	for rows.Next() {
		var inbox string
		var l laneRow
		if err := rows.Scan(&inbox, &l.Host, &l.Position); err != nil {
			e.t.Fatal(err)
		}
		lanes[inbox] = l
	}
	if err := rows.Err(); err != nil {
		e.t.Fatal(err)
	}
	return lanes
}

// The forms in which servers write Public. The Accept embeds the Follow as it
// was written, and goes to the actor's own inbox.
func TestFollow(t *testing.T) {
	for name, object := range map[string]string{"full": public, "as": "as:Public", "short": "Public"} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, nil)
			home := newPeer(t)
			server := home.account("server", map[string]any{"type": "Application"})
			changed := e.Subscriptions().Changed()
			follow := server.follow(1)
			follow["object"] = object
			if got := server.message(t, follow).send(t, e.inboxURL()); got.Status != 202 {
				t.Fatalf("%+v", got)
			}
			select {
			case <-changed:
			default:
				t.Error("nobody was told")
			}
			sub, ok := e.Subscriptions().Actor(server.URI)
			if !ok || sub.Host != home.host() || sub.Delivery != home.URL+"/inbox" || sub.Inbox != server.URI+"/inbox" || sub.State != StateAccepted {
				t.Errorf("subscriber %+v", sub)
			}
			if l := e.lanes()[sub.Delivery]; l.Host != home.host() || l.Position != e.ingest.Tail.Tip()+1 {
				t.Errorf("lane %+v at tip %d", l, e.ingest.Tail.Tip())
			}
			checkAccept(t, e, server, follow)
			if e.woken.Load() == 0 {
				t.Error("the outbox was not woken")
			}
		})
	}
}

func checkAccept(t *testing.T, e *env, server *account, follow map[string]any) {
	t.Helper()
	sent := e.outbox()
	if len(sent) != 1 || sent[0].Inbox != server.URI+"/inbox" {
		t.Fatalf("outbox %+v", sent)
	}
	accept := sent[0].Doc
	to := accept["to"].([]any)
	if accept["type"] != "Accept" || accept["actor"] != e.community.Actor() || len(to) != 1 || to[0] != server.URI {
		t.Errorf("Accept %v", accept)
	}
	embedded := accept["object"].(map[string]any)
	want := map[string]any{"id": follow["id"], "type": "Follow", "actor": server.URI, "object": follow["object"]}
	if !maps.Equal(embedded, want) {
		t.Errorf("embedded Follow %v, want %v", embedded, want)
	}
}

// Unusual but real actors.
func TestFollowByOtherActors(t *testing.T) {
	e := newEnv(t, nil)
	home, other := newPeer(t), newPeer(t)
	for name, c := range map[string]struct {
		fields   map[string]any
		status   int
		verdict  string
		delivery string
	}{
		"no endpoints":         {map[string]any{"endpoints": nil}, 202, "subscribed", home.URL + "/users/%s/inbox"}, // GoToSocial
		"empty endpoints":      {map[string]any{"endpoints": map[string]any{}}, 202, "subscribed", home.URL + "/users/%s/inbox"},
		"a person":             {map[string]any{"type": "Person"}, 202, "subscribed", home.URL + "/inbox"},
		"a service":            {map[string]any{"type": "Service"}, 202, "subscribed", home.URL + "/inbox"},
		"inbox elsewhere":      {map[string]any{"inbox": other.URL + "/inbox"}, 403, "inbox_origin", ""},
		"sharedInbox else":     {map[string]any{"endpoints": map[string]any{"sharedInbox": other.URL + "/inbox"}}, 403, "inbox_origin", ""},
		"inbox by https":       {map[string]any{"inbox": "https://" + home.host() + "/inbox"}, 403, "inbox_origin", ""},
		"inbox on port 80":     {map[string]any{"inbox": "http://127.0.0.1/inbox"}, 403, "inbox_origin", ""},
		"no inbox":             {map[string]any{"inbox": nil, "endpoints": nil}, 403, "inbox_origin", ""},
		"inbox is no URL":      {map[string]any{"inbox": "javascript:alert(1)"}, 403, "inbox_origin", ""},
		"inbox with user info": {map[string]any{"inbox": "http://x@" + home.host() + "/inbox"}, 403, "inbox_origin", ""},
	} {
		t.Run(name, func(t *testing.T) {
			user := fmt.Sprintf("u%x", name)
			a := home.account(user, c.fields)
			before := e.count(fmt.Sprint(c.status), c.verdict)
			got := a.message(t, a.follow(1)).send(t, e.inboxURL())
			if got.Status != c.status || e.count(fmt.Sprint(c.status), c.verdict) != before+1 {
				t.Errorf("%+v", got)
			}
			sub, ok := e.Subscriptions().Actor(a.URI)
			if ok != (c.status == 202) {
				t.Fatalf("subscribed: %v", ok)
			}
			want := c.delivery
			if want == home.URL+"/users/%s/inbox" {
				want = fmt.Sprintf(want, user)
			}
			if ok && sub.Delivery != want {
				t.Errorf("served at %s", sub.Delivery)
			}
		})
	}
}

// A Follow that comes again is answered again, by its own id, and keeps the lane.
func TestFollowAgain(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	server, alice := home.account("server", nil), home.account("alice", nil)
	e.subscribe(server)
	before := e.lanes()
	if got := alice.message(t, alice.create(1)).send(t, e.inboxURL()); got.Status != 202 {
		t.Fatalf("%+v", got)
	}
	e.ingest.CatchUp()
	if got := server.message(t, server.follow(7)).send(t, e.inboxURL()); got.Status != 202 {
		t.Fatalf("%+v", got)
	}
	sent := e.outbox()
	if len(sent) != 2 || sent[1].Doc["object"].(map[string]any)["id"] != server.URI+"/follows/7" {
		t.Errorf("outbox %+v", sent)
	}
	if !maps.Equal(before, e.lanes()) {
		t.Errorf("lanes %v, before %v", e.lanes(), before)
	}
	if sub, _ := e.Subscriptions().Actor(server.URI); e.Subscriptions().Count() != 1 || sub.Follow != server.URI+"/follows/7" {
		t.Errorf("subscriber %+v", sub)
	}
}

// Each form of Undo ends the sender's subscription and its lane, and a later
// Follow begins at the tip.
func TestUndoFollow(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	server, alice := home.account("server", nil), home.account("alice", nil)
	follow := server.follow(0)
	with := func(field string, value any) map[string]any {
		f := maps.Clone(follow)
		f[field] = value
		return f
	}
	posts := 0
	for name, object := range map[string]any{
		"embedded":            follow,
		"by id":               follow["id"],
		"by id, in an object": map[string]any{"id": follow["id"]},
		"with another id":     with("id", server.URI+"/follows/unknown"),
		"without id":          with("id", nil),
		"object as:Public":    with("object", "as:Public"),
		"actor as a whole":    with("actor", map[string]any{"id": server.URI, "type": "Application"}), // Fedify
		"state cancelled":     with("state", "cancelled"),
		"object in an array":  []any{follow},
		"object is our actor": with("object", e.community.Actor()),
	} {
		t.Run(name, func(t *testing.T) {
			e.subscribe(server)
			posts++
			if got := alice.message(t, alice.create(posts)).send(t, e.inboxURL()); got.Status != 202 {
				t.Fatalf("%+v", got)
			}
			e.ingest.CatchUp()
			if l := e.lanes()[home.URL+"/inbox"]; l.Position > e.ingest.Tail.Tip() {
				t.Errorf("lane %+v is not behind the tip %d", l, e.ingest.Tail.Tip())
			}
			got := server.message(t, server.undo(object)).send(t, e.inboxURL())
			if got.Status != 202 || e.Subscriptions().Count() != 0 || len(e.lanes()) != 0 {
				t.Errorf("%+v, %d subscribers, lanes %v", got, e.Subscriptions().Count(), e.lanes())
			}
			follow := server.follow(0)
			follow["published"] = name // other bytes, another signature
			if got := server.message(t, follow).send(t, e.inboxURL()); got.Status != 202 {
				t.Fatalf("%+v", got)
			}
			if l := e.lanes()[home.URL+"/inbox"]; l.Position != e.ingest.Tail.Tip()+1 {
				t.Errorf("new lane %+v at tip %d", l, e.ingest.Tail.Tip())
			}
		})
	}
}

// An Undo of something else leaves the subscription alone.
func TestUndoOfOtherThings(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	server := home.account("server", nil)
	e.subscribe(server)
	for name, object := range map[string]any{
		"a Like":            map[string]any{"id": server.URI + "/likes/1", "type": "Like", "actor": server.URI, "object": home.URL + "/x"},
		"an Announce":       map[string]any{"id": server.URI + "/boosts/1", "type": "Announce", "actor": server.URI, "object": home.URL + "/x"},
		"another Follow":    map[string]any{"id": server.URI + "/follows/9", "type": "Follow", "actor": server.URI, "object": home.URL + "/users/x"},
		"something by id":   server.URI + "/likes/1",
		"a Block of others": map[string]any{"id": server.URI + "/blocks/1", "type": "Block", "actor": server.URI, "object": home.URL + "/users/x"},
	} {
		if got := server.message(t, server.undo(object)).send(t, e.inboxURL()); got.Status != 202 {
			t.Errorf("%s: %+v", name, got)
		}
		if e.Subscriptions().Count() != 1 {
			t.Fatalf("%s ended the subscription", name)
		}
	}
}

// Two actors of a server share its lane; it ends with the last of them.
func TestSharedLane(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	first, second := home.account("first", nil), home.account("second", nil)
	e.subscribe(first)
	e.subscribe(second)
	if len(e.lanes()) != 1 || e.Subscriptions().Count() != 2 {
		t.Fatalf("lanes %v", e.lanes())
	}
	for i, a := range []*account{first, second} {
		if got := a.message(t, a.undo(a.follow(0))).send(t, e.inboxURL()); got.Status != 202 {
			t.Fatalf("%+v", got)
		}
		if left := len(e.lanes()); left != 1-i {
			t.Errorf("%d lanes after %d Undos", left, i+1)
		}
	}
}

// A row that was made while the last subscriber left is not the one of the next
// Follow: who removes it late leaves the new one alone.
func TestFollowFindsAbandonedLane(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	server, inbox := home.account("server", nil), home.URL+"/inbox"
	alice := home.account("alice", nil)
	e.subscribe(server)
	if got := alice.message(t, alice.create(1)).send(t, e.inboxURL()); got.Status != 202 {
		t.Fatalf("%+v", got)
	}
	e.ingest.CatchUp()
	if got := server.message(t, server.undo(server.follow(0))).send(t, e.inboxURL()); got.Status != 202 {
		t.Fatalf("%+v", got)
	}
	write := func(query string, args ...any) {
		t.Helper()
		err := e.ingest.DB.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), query, args...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write(`INSERT INTO lanes (inbox, host, position, generation, delivered, given_up, last_success, last_failure, last_error, failing_since)
		VALUES ($1, $2, 1, 1, 0, 0, 0, 0, '', 0)`, inbox, home.host())
	if got := server.message(t, server.follow(8)).send(t, e.inboxURL()); got.Status != 202 {
		t.Fatalf("%+v", got)
	}
	write(`DELETE FROM lanes WHERE inbox = $1 AND generation = 1`, inbox) // as relay/delivery removes its own
	if l := e.lanes()[inbox]; l.Position != e.ingest.Tail.Tip()+1 {
		t.Errorf("lane %+v, want one from the tip, %d", l, e.ingest.Tail.Tip())
	}
}

// One host cannot open lanes without end.
func TestSubscriptionsPerHost(t *testing.T) {
	e := newEnv(t, func(c *Config, _ *Deps) { c.SubscribersPerHostMax = 2 })
	home := newPeer(t)
	for i, want := range []int{202, 202, 403} {
		a := home.account(fmt.Sprint("u", i), map[string]any{"endpoints": nil})
		if got := a.message(t, a.follow(1)).send(t, e.inboxURL()); got.Status != want {
			t.Errorf("subscription %d: %+v", i, got)
		}
	}
	if e.count("403", "too_many_subscriptions") != 1 || len(e.lanes()) != 2 {
		t.Errorf("lanes %v", e.lanes())
	}
}

// The same Follow at once, many times: one subscription, one Accept.
func TestFollowReplayedAtOnce(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	server := home.account("server", nil)
	e.knowKey(t, server)
	m := server.message(t, server.follow(1))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got := m.send(t, e.inboxURL()); got.Status != 202 {
				t.Errorf("%+v", got)
			}
		})
	}
	all.Wait()
	if sent := e.outbox(); len(sent) != 1 || e.Subscriptions().Count() != 1 {
		t.Errorf("%d answers, %d subscribers", len(sent), e.Subscriptions().Count())
	}
}

// An old Follow that is sent again by somebody who saw it does not undo an Undo.
func TestReplayedFollowAfterUndo(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	server := home.account("server", nil)
	m := server.message(t, server.follow(1))
	for _, m := range []*message{m, server.message(t, server.undo(server.follow(1)))} {
		if got := m.send(t, e.inboxURL()); got.Status != 202 {
			t.Fatalf("%+v", got)
		}
	}
	e.replays.memory.Purge() // as after a restart
	if got := m.send(t, e.inboxURL()); got.Status != 202 || e.Subscriptions().Count() != 0 {
		t.Errorf("%+v, %d subscribers", got, e.Subscriptions().Count())
	}
}

// Subscriptions and the key survive a restart.
func TestRestart(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	e.subscribe(home.account("server", nil))
	key, err := LoadKey(t.Context(), e.ingest.DB, e.community.Actor())
	if err != nil {
		t.Fatal(err)
	}
	again, err := New(t.Context(), e.community, Config{}, Deps{
		DB: e.ingest.DB, Key: key, Keys: e.remote, Admission: e.ingest.Admission, Next: func() uint64 { return 1 }, Enqueue: enqueue, Wake: func() {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if again.Subscriptions().Count() != 1 || again.Subscriptions().Host(home.host()) != ingest.GrantSubscriber {
		t.Errorf("subscribers %+v", again.Subscriptions().List())
	}
	if other, err := LoadKey(t.Context(), e.ingest.DB, e.community.Actor()); err != nil || !other.Equal(key) {
		t.Errorf("another key: %v", err)
	}
}
