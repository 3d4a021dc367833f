package relay

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest"
)

func TestCreateUpdateDelete(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	e.subscribe(home.account("server", map[string]any{"type": "Application"}))
	alice := home.account("alice", nil)
	create := alice.create(1)
	update := alice.create(1)
	update["type"], update["id"] = "Update", alice.URI+"/updates/1"
	update["object"].(map[string]any)["updated"] = time.Now().UTC().Add(-time.Second).Format(time.RFC3339)
	update["object"].(map[string]any)["content"] = "edited"
	gone := map[string]any{"type": "Delete", "actor": alice.URI, "object": map[string]any{"id": alice.URI + "/notes/1", "type": "Tombstone"}}
	for _, doc := range []map[string]any{create, update, gone} {
		if got := alice.message(t, doc).send(t, e.inboxURL()); got.Status != 202 {
			t.Fatalf("%s: %+v", doc["type"], got)
		}
		e.ingest.CatchUp()
	}
	records := e.records(0)
	var kinds []ingest.Kind
	for _, r := range records {
		kinds = append(kinds, r.Kind)
		if r.Grant != ingest.GrantSubscriber || r.Giver != home.host() || len(r.Raw) == 0 {
			t.Errorf("record %+v", r)
		}
	}
	if fmt.Sprint(kinds) != fmt.Sprint([]ingest.Kind{ingest.KindCreate, ingest.KindUpdate, ingest.KindDelete}) {
		t.Errorf("kinds %v", kinds)
	}
}

// The content types of ActivityPub, as real servers write them.
func TestContentTypes(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	e.subscribe(home.account("server", nil))
	alice := home.account("alice", nil)
	for i, contentType := range []string{
		"application/activity+json", "application/activity+json; charset=utf-8", "Application/Activity+JSON",
		`application/ld+json; profile="https://www.w3.org/ns/activitystreams"`,
		`application/ld+json;profile="https://www.w3.org/ns/activitystreams https://w3id.org/security/v1"`,
		"application/ld+json;profile=https://www.w3.org/ns/activitystreams", // pub-relay
	} {
		m := alice.message(t, alice.create(i))
		m.ContentType = contentType
		if got := m.send(t, e.inboxURL()); got.Status != 202 {
			t.Errorf("%s: %+v", contentType, got)
		}
	}
}

// A repeat of an accepted request is answered 202 and dropped; so is one after a
// restart, when only the table knows it.
func TestReplay(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	e.subscribe(home.account("server", nil))
	alice := home.account("alice", nil)
	m := alice.message(t, alice.create(1))
	for range 2 {
		if got := m.send(t, e.inboxURL()); got.Status != 202 {
			t.Fatalf("%+v", got)
		}
	}
	if n, replays := e.admitted.Load(), e.count("202", "replay"); n != 1 || replays != 1 {
		t.Errorf("admitted %d times, %v replays", n, replays)
	}
	e.replays.drain(t.Context())
	e.replays.memory.Purge()
	if got := m.send(t, e.inboxURL()); got.Status != 202 || e.admitted.Load() != 1 {
		t.Errorf("after a restart: %+v, admitted %d times", got, e.admitted.Load())
	}
}

// A refused request leaves no trace: its retry is accepted, with the same signature.
func TestRetryAfterUnavailable(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	e.subscribe(home.account("server", nil))
	alice := home.account("alice", nil)
	m := alice.message(t, alice.create(1))
	e.failing.Store(true)
	if got := m.send(t, e.inboxURL()); got.Status != 503 || got.Header.Get("Retry-After") == "" || got.Error == "" {
		t.Fatalf("%+v", got)
	}
	if e.count("503", "unavailable") != 1 {
		t.Error("not counted")
	}
	e.failing.Store(false)
	if got := m.send(t, e.inboxURL()); got.Status != 202 {
		t.Fatalf("%+v", got)
	}
	if records := e.records(0); len(records) != 1 {
		t.Errorf("%d records", len(records))
	}
}

// One refetch notices a key that was changed.
func TestKeyRotation(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	e.subscribe(home.account("server", nil))
	alice := home.account("alice", nil)
	e.knowKey(t, alice)
	alice.rotate()
	if got := alice.message(t, alice.create(1)).send(t, e.inboxURL()); got.Status != 202 {
		t.Errorf("%+v", got)
	}
}

// knowKey makes the relay fetch an account's key.
func (e *env) knowKey(t *testing.T, a *account) {
	t.Helper()
	if _, err := e.remote.Key(t.Context(), a.KeyID); err != nil {
		t.Fatal(err)
	}
}

// A member's server passes on what another server's author wrote: its origin is asked.
func TestRelayedCopyIsFetched(t *testing.T) {
	e := newEnv(t, nil)
	home, away := newPeer(t), newPeer(t)
	e.subscribe(home.account("server", nil))
	mallory, bob := home.account("mallory", nil), away.account("bob", nil)
	if got := mallory.message(t, bob.create(1)).send(t, e.inboxURL()); got.Status != 202 {
		t.Errorf("%+v", got)
	}
	if e.count("202", "queued") != 1 {
		t.Error("not queued")
	}
	if records := e.records(0); len(records) != 0 {
		t.Errorf("in the log without its origin's word: %+v", records[0])
	}
}

func TestDeleteOfGoneActor(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	server := home.account("server", nil)
	e.subscribe(server)
	unknown, alice := home.account("unknown", nil), home.account("alice", nil)
	del := func(a *account, object string) *message {
		return a.message(t, map[string]any{"id": a.URI + "#delete", "type": "Delete", "actor": a.URI, "to": []string{public}, "object": object})
	}
	if got := alice.message(t, alice.create(1)).send(t, e.inboxURL()); got.Status != 202 {
		t.Fatalf("%+v", got)
	}
	e.ingest.CatchUp()
	goes := func(a *account) {
		home.answer(a.path, http.StatusGone)
		e.remote.Forget(t.Context(), a.URI)
	}
	goes(unknown)
	goes(alice)

	// Nobody knew it: accepted and dropped.
	if got := del(unknown, unknown.URI).send(t, e.inboxURL()); got.Status != 202 || e.count("202", "gone_unknown") != 1 {
		t.Errorf("unknown actor: %+v", got)
	}
	if records := e.records(0); len(records) != 1 {
		t.Errorf("%d records after the Delete of an unknown actor", len(records))
	}
	// Known, but that somebody else's key is gone says nothing about it.
	forged := del(server, server.URI)
	forged.KeyID = unknown.KeyID
	if got := forged.send(t, e.inboxURL()); got.Status != 401 || e.Subscriptions().Count() != 1 {
		t.Errorf("forged: %+v", got)
	}
	// Known and gone: honoured, with its bytes.
	if got := del(alice, alice.URI).send(t, e.inboxURL()); got.Status != 202 || e.count("202", "gone") == 0 {
		t.Errorf("known actor: %+v", got)
	}
	records := e.records(0)
	last := records[len(records)-1]
	if last.Kind != ingest.KindDelete || last.Object != alice.URI || len(last.Raw) == 0 {
		t.Errorf("last record %+v", last)
	}
	// Anything else from it is refused.
	if got := alice.message(t, alice.create(2)).send(t, e.inboxURL()); got.Status != 401 || e.count("401", "key_gone") != 2 {
		t.Errorf("Create of a gone actor: %+v", got)
	}
	// A subscriber that is gone is subscribed no more.
	goes(server)
	if got := del(server, server.URI).send(t, e.inboxURL()); got.Status != 202 {
		t.Errorf("subscriber: %+v", got)
	}
	if n := e.Subscriptions().Count(); n != 0 {
		t.Errorf("%d subscribers", n)
	}
}

// A 404 may be a mistake: the Delete is accepted and dropped, and deletes nothing.
func TestDeleteWithKeyNotFound(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	e.subscribe(home.account("server", nil))
	alice := home.account("alice", nil)
	if got := alice.message(t, alice.create(1)).send(t, e.inboxURL()); got.Status != 202 {
		t.Fatalf("%+v", got)
	}
	home.answer(alice.path, http.StatusNotFound)
	e.remote.Forget(t.Context(), alice.URI)
	m := alice.message(t, map[string]any{"type": "Delete", "actor": alice.URI, "object": alice.URI})
	if got := m.send(t, e.inboxURL()); got.Status != 202 {
		t.Errorf("%+v", got)
	}
	if records := e.records(0); len(records) != 1 {
		t.Errorf("%d records", len(records))
	}
}

// What is blocked is refused before its key is asked for.
func TestBlockedBeforeTheKey(t *testing.T) {
	e := newEnv(t, nil)
	home, away := newPeer(t), newPeer(t)
	server, spammer := home.account("server", nil), away.account("spammer", nil)
	e.subscribe(server)
	subscriber := away.account("server", nil)
	e.subscribe(subscriber)
	hits := away.hits.Load()
	if _, err := e.Block(t.Context(), Block{Scope: ingest.ScopeDomain, Key: away.host(), Reason: "spam"}); err != nil {
		t.Fatal(err)
	}
	got := spammer.message(t, spammer.create(1)).send(t, e.inboxURL())
	if got.Status != 403 || !strings.Contains(got.Error, "spam") || e.count("403", "blocked") != 1 {
		t.Errorf("%+v", got)
	}
	if away.hits.Load() != hits {
		t.Error("the blocked server was asked for a key")
	}
	if _, ok := e.Subscriptions().Actor(subscriber.URI); ok || e.Subscriptions().Count() != 1 {
		t.Error("the blocked server is still subscribed")
	}
	sent := e.outbox()
	if last := sent[len(sent)-1]; last.Doc["type"] != "Reject" || last.Inbox != subscriber.URI+"/inbox" {
		t.Errorf("last sent %+v", last)
	}
	records := e.records(0)
	if last := records[len(records)-1]; last.Kind != ingest.KindWithdraw || last.Scope != ingest.ScopeDomain || last.Object != away.host() {
		t.Errorf("last record %+v", last)
	}
	// Passed on by somebody else, it is blocked too.
	mallory := home.account("mallory", nil)
	if got := mallory.message(t, spammer.create(2)).send(t, e.inboxURL()); got.Status != 403 || e.count("403", "blocked") != 2 {
		t.Errorf("passed on: %+v", got)
	}
	if err := e.Unblock(t.Context(), ingest.ScopeDomain, away.host()); err != nil {
		t.Fatal(err)
	}
	if got := subscriber.message(t, subscriber.follow(1)).send(t, e.inboxURL()); got.Status != 202 {
		t.Fatalf("%+v", got)
	}
	if got := spammer.message(t, spammer.create(3)).send(t, e.inboxURL()); got.Status != 202 {
		t.Errorf("after the block: %+v", got)
	}
}

// Somebody who blocks our actor is withdrawn, until they unblock it.
func TestBlockOfOurActor(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	e.subscribe(home.account("server", nil))
	alice := home.account("alice", nil)
	if got := alice.message(t, alice.create(1)).send(t, e.inboxURL()); got.Status != 202 {
		t.Fatalf("%+v", got)
	}
	block := map[string]any{"id": alice.URI + "/blocks/1", "type": "Block", "actor": alice.URI, "object": e.community.Actor()}
	if got := alice.message(t, block).send(t, e.inboxURL()); got.Status != 202 || e.count("202", "blocked_us") != 1 {
		t.Fatalf("Block: %+v", got)
	}
	records := e.records(0)
	if last := records[len(records)-1]; last.Kind != ingest.KindWithdraw || last.Object != alice.URI || last.Tier != ingest.TierNone {
		t.Errorf("last record %+v", last)
	}
	if got := alice.message(t, alice.create(2)).send(t, e.inboxURL()); got.Status != 403 {
		t.Errorf("Create after the Block: %+v", got)
	}
	if got := alice.message(t, alice.undo(block)).send(t, e.inboxURL()); got.Status != 202 || e.count("202", "unblocked_us") != 1 {
		t.Errorf("Undo: %+v", got)
	}
	if n := len(e.Blocks().List()); n != 0 {
		t.Errorf("%d blocks", n)
	}
}

// A body that does not come in ends with 408, or with what its headers deserved,
// and holds up nobody else.
func TestSlowBody(t *testing.T) {
	e := newEnv(t, func(c *Config, _ *Deps) { c.BodyTimeout = 300 * time.Millisecond })
	home := newPeer(t)
	e.subscribe(home.account("server", nil))
	alice := home.account("alice", nil)
	for want, signed := range map[int]bool{http.StatusRequestTimeout: true, http.StatusUnauthorized: false} {
		m := alice.message(t, alice.create(want))
		if !signed {
			m.Header = map[string]string{"Signature": ""}
		}
		r, err := m.request(t.Context(), e.inboxURL())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", e.community.Host())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /inbox HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", r.Host, len(m.Body))
		_ = r.Header.Write(conn)
		fmt.Fprintf(conn, "\r\n%s", m.Body[:10])
		if got := alice.message(t, alice.create(want+1)).send(t, e.inboxURL()); got.Status != 202 {
			t.Errorf("meanwhile: %+v", got)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != want || !resp.Close {
			t.Errorf("%s, close %v, want %d", resp.Status, resp.Close, want)
		}
	}
}

// A slow key server holds up its own activities only, and not without bound.
func TestSlowKeyServer(t *testing.T) {
	e := newEnv(t, func(c *Config, _ *Deps) { c.KeyWaitsPerHostMax = 2 })
	home, slow := newPeer(t), newPeer(t)
	e.subscribe(home.account("server", nil))
	alice, known := home.account("alice", nil), slow.account("known", nil)
	if got := known.message(t, known.create(1)).send(t, e.inboxURL()); got.Status != 403 {
		t.Fatalf("without a grant: %+v", got)
	}
	slow.hold = make(chan struct{})
	before := slow.hits.Load()
	var waiting sync.WaitGroup
	for i := range 2 {
		a := slow.account(fmt.Sprint("slow", i), nil)
		waiting.Go(func() {
			if got := a.message(t, a.create(1)).send(t, e.inboxURL()); got.Status != 403 {
				t.Errorf("held, then without a grant: %+v", got)
			}
		})
	}
	for slow.hits.Load() < before+2 {
		time.Sleep(time.Millisecond)
	}
	if got := known.message(t, known.create(2)).send(t, e.inboxURL()); got.Status != 403 {
		t.Errorf("of the slow host, with a key that is here: %+v", got)
	}
	third := slow.account("slow3", nil)
	if got := third.message(t, third.create(1)).send(t, e.inboxURL()); got.Status != 503 || e.count("503", "host_busy") != 1 {
		t.Errorf("third of the slow host: %+v", got)
	}
	if got := alice.message(t, alice.create(1)).send(t, e.inboxURL()); got.Status != 202 {
		t.Errorf("another host: %+v", got)
	}
	close(slow.hold)
	waiting.Wait()
}

// More requests than there may be are told to come again.
func TestRequestsBounded(t *testing.T) {
	e := newEnv(t, func(c *Config, _ *Deps) { c.RequestsMax = 1 })
	home, slow := newPeer(t), newPeer(t)
	e.subscribe(home.account("server", nil))
	alice, bob := home.account("alice", nil), slow.account("bob", nil)
	slow.hold = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		r, err := bob.message(t, bob.create(1)).request(ctx, e.inboxURL())
		if err != nil {
			t.Error(err)
			return
		}
		if resp, err := http.DefaultClient.Do(r); err == nil {
			_ = resp.Body.Close()
		}
	})
	for slow.hits.Load() < 1 {
		time.Sleep(time.Millisecond)
	}
	m := alice.message(t, alice.create(1))
	if got := m.send(t, e.inboxURL()); got.Status != 503 || got.Header.Get("Retry-After") == "" || e.count("503", "busy") != 1 {
		t.Errorf("%+v", got)
	}
	cancel()
	close(slow.hold)
	waiting.Wait()
	for len(e.inbox.requests) > 0 {
		time.Sleep(time.Millisecond)
	}
	if got := m.send(t, e.inboxURL()); got.Status != 202 {
		t.Errorf("afterwards: %+v", got)
	}
}
