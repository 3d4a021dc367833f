package relay

import (
	"errors"
	"strings"
	"testing"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
)

// node is another node over the same database. It serves nothing: what it knows is asked.
func (e *env) node(cfg Config) *Relay {
	e.t.Helper()
	key, err := LoadKey(e.t.Context(), e.ingest.DB, e.community.Actor())
	if err != nil {
		e.t.Fatal(err)
	}
	r, err := New(e.t.Context(), e.community, cfg, Deps{
		DB: e.ingest.DB, Key: key, Keys: e.remote, Lists: e.remote, Admission: e.ingest.Admission,
		Next: func() uint64 { return e.ingest.Tail.Tip() + 1 }, Enqueue: enqueue, Wake: func() {}, Log: ingesttest.Logger(e.t),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return r
}

func number(n int) *int { return &n }

// The nearest domain's word holds, for each of the two numbers by itself, on every node
// and after a restart.
func TestLimits(t *testing.T) {
	e := newEnv(t, func(c *Config, _ *Deps) { c.PostsPerMinute, c.BodyMax = 7, 100_000 })
	other := e.node(Config{PostsPerMinute: 7, BodyMax: 100_000})
	for _, l := range []Limit{
		{Domain: "a.example", PostsPerMinute: number(3), Note: "why"},
		{Domain: "sub.a.example", BodyMax: number(BodyMaxLeast)},
		{Domain: "free.a.example", PostsPerMinute: number(0)},
		{Domain: "a.example:8443", PostsPerMinute: number(1)},
	} {
		if err := e.Limits().Set(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	check := func(r *Relay, host string, posts, body int) {
		t.Helper()
		if p, b := r.Limits().Host(host); p != posts || b != body {
			t.Errorf("%s: %d, %d, want %d, %d", host, p, b, posts, body)
		}
	}
	check(other, "a.example", 7, 100_000)
	other.refresh(t.Context())
	for _, r := range []*Relay{e.Relay, other, e.node(Config{PostsPerMinute: 7, BodyMax: 100_000})} {
		check(r, "b.example", 7, 100_000)
		check(r, "a.example", 3, 100_000)
		check(r, "x.sub.a.example", 3, BodyMaxLeast)
		check(r, "free.a.example", 0, 100_000)
		check(r, "a.example:8443", 1, 100_000)
		check(r, "a.example:444", 3, 100_000)
	}
	if err := e.Limits().Remove(t.Context(), "a.example"); err != nil {
		t.Fatal(err)
	}
	check(e.Relay, "a.example", 7, 100_000)
	if err := e.Limits().Remove(t.Context(), "a.example"); !errors.Is(err, ErrNotLimited) {
		t.Error(err)
	}
	for _, bad := range []Limit{{Domain: "a.example"}, {PostsPerMinute: number(-1)}, {BodyMax: number(BodyMaxLeast - 1)}, {BodyMax: number(ingest.MaxDocumentBytes + 1)}} {
		if err := e.Limits().Set(t.Context(), bad); !errors.Is(err, ErrLimit) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// A document above its server's limit is refused with a sentence, and nothing is kept of it;
// what takes something back is taken.
func TestBodyMax(t *testing.T) {
	e := newEnv(t, func(c *Config, _ *Deps) { c.BodyMax = 8 << 10 })
	peer := newPeer(t)
	server, alice := peer.account("server", nil), peer.account("alice", nil)
	e.subscribe(server)
	large := func(n, size int) map[string]any {
		post := alice.create(n)
		post["object"].(map[string]any)["content"] = strings.Repeat("x", size)
		return post
	}
	got := alice.message(t, large(1, 9<<10)).send(t, e.inboxURL())
	if got.Status != 413 || !strings.Contains(got.Error, "8192 of your server") || e.count("413", "body_max") != 1 {
		t.Errorf("%+v", got)
	}
	if got := e.post(alice, large(1, 4<<10)); got != 202 {
		t.Errorf("a smaller one: %d", got)
	}
	remove := map[string]any{
		"id": alice.URI + "/deletes/1", "type": "Delete", "actor": alice.URI, "summary": strings.Repeat("x", 9<<10),
		"object": alice.create(1)["object"].(map[string]any)["id"],
	}
	if got := e.post(alice, remove); got != 202 {
		t.Errorf("a large Delete: %d", got)
	}
	name, _, _ := strings.Cut(peer.host(), ":")
	if err := e.Limits().Set(t.Context(), Limit{Domain: name, BodyMax: number(64 << 10), PostsPerMinute: number(2)}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{202, 202, 429} {
		if got := e.post(alice, large(2+i, 9<<10)); got != want {
			t.Errorf("post %d under its own limit: %d, want %d", i, got, want)
		}
	}
}
