package relay

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestQuarantine(t *testing.T) {
	now := time.Unix(1000, 0)
	q := newQuarantine()
	q.now = func() time.Time { return now }
	send := func(host string, n int) (refused int) {
		for range n {
			if q.take(host, 3) > 0 {
				refused++
			}
		}
		return refused
	}
	if got := send("a.example", 3) + send("b.example", 3); got != 0 {
		t.Errorf("%d refused within the limit", got)
	}
	now = now.Add(59 * time.Second)
	if got := send("a.example", 2); got != 2 {
		t.Errorf("%d of 2 refused above it", got)
	}
	now = now.Add(quarantineFor - time.Second)
	if got := send("a.example", 1); got != 1 {
		t.Error("let in before its time")
	}
	if list := q.List(); len(list) != 1 || list[0].Host != "a.example" || list[0].Refused != 3 || !list[0].Until.Equal(now.Add(quarantineFor)) {
		t.Errorf("%+v", list)
	}
	now = now.Add(quarantineFor)
	if got := send("a.example", 3); got != 0 || len(q.List()) != 0 {
		t.Errorf("%d refused after it, %+v", got, q.List())
	}
	send("a.example", 1)
	if !q.Release("a.example") || q.Release("a.example") || send("a.example", 1) != 0 {
		t.Error("not released")
	}
	for i := range 2 * quarantineHostsMax {
		q.take(fmt.Sprint(i, ".example"), 3)
	}
	if len(q.hosts) > quarantineHostsMax {
		t.Errorf("%d hosts are kept", len(q.hosts))
	}
	if off := newQuarantine(); off.take("a.example", 0) != 0 || len(off.hosts) != 0 {
		t.Error("no limit counts")
	}
}

// A server that floods is told when to come again; what it takes back is taken.
func TestFloodIsQuarantined(t *testing.T) {
	e := newEnv(t, func(c *Config, _ *Deps) { c.PostsPerMinute = 2 })
	peer, quiet := newPeer(t), newPeer(t)
	server, alice := peer.account("server", map[string]any{"type": "Application"}), peer.account("alice", nil)
	e.subscribe(server)
	for i, want := range []int{202, 202, 429, 429} {
		got := alice.message(t, alice.create(i)).send(t, e.inboxURL())
		if got.Status != want || want == 429 && got.Header.Get("Retry-After") != "600" {
			t.Errorf("post %d: %+v", i, got)
		}
	}
	if list := e.Quarantine().List(); len(list) != 1 || list[0].Host != peer.host() || list[0].Refused != 2 {
		t.Errorf("%+v", list)
	}
	remove := map[string]any{
		"id": alice.URI + "/deletes/1", "type": "Delete", "actor": alice.URI, "object": alice.create(0)["object"].(map[string]any)["id"],
	}
	if got := e.post(alice, remove); got != http.StatusAccepted {
		t.Errorf("a Delete: %d", got)
	}
	other := quiet.account("server", map[string]any{"type": "Application"})
	bob := quiet.account("bob", nil)
	e.subscribe(other)
	if got := e.post(bob, bob.create(1)); got != http.StatusAccepted {
		t.Errorf("a post of another server: %d", got)
	}
}
