package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/token"
)

func TestReplayThenLive(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	f.Append(posts(5)...)
	c := f.connect("?cursor=0")
	got := c.expect(created(0), created(1), created(2), created(3), created(4))
	f.Append(post(5, ingest.TierSearch))
	got = append(got, c.expect(created(5))...)
	for i := 1; i < len(got); i++ {
		if got[i].Seq <= got[i-1].Seq {
			t.Errorf("seq %d after %d", got[i].Seq, got[i-1].Seq)
		}
	}
	fr := got[5]
	if fr.Post == nil || fr.Post.ID != fr.ID || fr.ID == "0" || fr.Post.URI != fr.URI || fr.Post.Account.Acct != "alice@a.example" ||
		fr.Actor != "https://a.example/users/alice" || fr.Domain != "a.example" || fr.Language != "en" ||
		len(fr.Tags) != 1 || time.Since(fr.Time) > time.Minute {
		t.Errorf("frame: %+v", fr)
	}
}

func TestCursor(t *testing.T) {
	f := newFixture(t, Config{CursorWait: 50 * time.Millisecond}, nil)
	f.Append(posts(6)...)
	all := f.connect("?cursor=0").expect(created(0), created(1), created(2), created(3), created(4), created(5))
	at := func(i int) string { return fmt.Sprintf("?cursor=%d", all[i].Seq) }

	t.Run("inclusive", func(t *testing.T) { f.connect(at(3)).expect(created(3), created(4), created(5)) })
	t.Run("behind the last seen", func(t *testing.T) {
		f.connect(fmt.Sprintf("?cursor=%d", all[3].Seq+1)).expect(created(4), created(5))
	})
	t.Run("absent: the tip", func(t *testing.T) {
		c := f.connect("")
		behind := f.connect(fmt.Sprintf("?cursor=%d", f.Tail.Tip()+1))
		f.Append(post(6, ingest.TierLive))
		c.expect(created(6))
		behind.expect(created(6))
	})
	t.Run("future", func(t *testing.T) {
		body := f.refused(fmt.Sprintf("?cursor=%d", f.Tail.Tip()+2), nil, 400, "FutureCursor")
		if body["tip"] != float64(f.Tail.Tip()) {
			t.Errorf("tip %v, want %d", body["tip"], f.Tail.Tip())
		}
	})
	for _, bad := range []string{"?cursor=-1", "?cursor=x", "?cursor=", "?cursor=1&cursor=2", "?curser=1"} {
		t.Run(bad, func(t *testing.T) { f.refused(bad, nil, 400, "InvalidRequest") })
	}
}

// A client that comes from a node that is ahead, or from before a restart, is
// waited for.
func TestCursorAheadOfThisNode(t *testing.T) {
	f := newFixture(t, Config{CursorWait: 10 * time.Second}, nil)
	f.Append(posts(1)...)
	ahead := f.Tail.Tip() + 3
	got := make(chan *conn)
	go func() {
		c, _, err := f.dial(fmt.Sprintf("?cursor=%d", ahead), nil)
		if err != nil {
			t.Error(err)
		}
		got <- c
	}()
	f.reached("tributary_stream_clients", "", 0)
	f.Append(post(1, live), post(2, live), post(3, live))
	(<-got).expect(created(3))
}

// Deletes, edits, upgrades and withdrawals, live and in a replay.
func TestTiersAndWithdrawals(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	live := f.connect("")
	edit := func(n int, tier ingest.Tier) *ingest.Record {
		r := post(n, tier)
		r.Kind, r.Activity, r.Version, r.Content = ingest.KindUpdate, "Update", r.Version+1000, 777
		r.Post.Updated = r.Post.Published.Add(time.Second)
		return r
	}
	upgrade := func(n int, tier ingest.Tier) *ingest.Record {
		r := post(n, tier)
		r.Kind = ingest.KindUpgrade
		return r
	}
	other := ingesttest.Post("b.example", 1, ingest.TierLive)
	third := ingesttest.Post("c.example", 1, ingest.TierLive)
	f.Append(
		post(0, ingest.TierRelay), post(1, ingest.TierStats), post(2, ingest.TierLive), post(3, ingest.TierSearch),
		upgrade(0, ingest.TierStats), upgrade(1, ingest.TierLive), upgrade(2, ingest.TierSearch),
		edit(2, ingest.TierSearch), edit(3, ingest.TierRelay),
		post(4, ingest.TierLive), post(5, ingest.TierStats),
		ingesttest.Delete(post(4, ingest.TierLive)), ingesttest.Delete(post(5, ingest.TierStats)),
		other, third,
	)
	ctx := context.Background()
	for _, w := range []struct {
		scope ingest.Scope
		key   string
	}{{ingest.ScopeObject, "https://a.example/notes/1"}, {ingest.ScopeActor, other.Actor}, {ingest.ScopeDomain, "c.example"}} {
		if err := f.Admission.Withdraw(ctx, w.scope, w.key, ingest.TierRelay, "test"); err != nil {
			t.Fatal(err)
		}
	}
	f.CatchUp()
	f.Append(post(9, ingest.TierLive))

	const note = " https://a.example/notes/"
	gone := []string{
		"delete object" + note + "3", "delete object" + note + "4", "delete object" + note + "1",
		"withdraw actor " + other.Actor, "withdraw domain c.example",
	}
	// The live client may have been slower than a withdrawal: what it sees lies
	// between the replay and everything.
	f.connect("?cursor=0").expect("create"+note+"2", "update"+note+"2",
		gone[0], gone[1], gone[2], gone[3], gone[4], "create"+note+"9")
	f.connect("?cursor=0&tag=nothing").expect(gone...)
	var seen []string
	for len(seen) == 0 || seen[len(seen)-1] != "create"+note+"9" {
		seen = append(seen, live.next().short())
	}
	all := "," + strings.Join(seen, ",") + ","
	for _, g := range gone {
		if !strings.Contains(all, ","+g+",") {
			t.Errorf("live client was not told %q: %q", g, seen)
		}
	}
	for _, hidden := range []string{"create" + note + "0", "create" + note + "5", "delete object" + note + "5"} {
		if strings.Contains(all, ","+hidden+",") {
			t.Errorf("live client was shown %q", hidden)
		}
	}
}

// A client that keeps up sees the create, then the delete.
func TestLiveDelete(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	c := f.connect("")
	r := post(1, ingest.TierLive)
	f.Append(r)
	first := c.expect(created(1))[0]
	f.Append(ingesttest.Delete(r))
	last := c.expect("delete object https://a.example/notes/1")[0]
	if first.ID != last.ID || last.Post != nil || last.Seq <= first.Seq {
		t.Errorf("%+v then %+v", first, last)
	}
	f.Append(post(2, ingest.TierLive))
	f.connect("?cursor=0").expect("delete object https://a.example/notes/1", created(2))
}

func TestFilters(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	german := ingesttest.Post("b.example", 1, ingest.TierLive)
	german.Post.Language, german.Post.Tags = "de", []string{"katzen"}
	last := ingesttest.Post("b.example", 2, ingest.TierLive)
	last.Post.Language, last.Post.Tags = "de", []string{"test", "katzen"}
	f.Append(post(0, ingest.TierLive), german, last)
	const b1, b2 = "create https://b.example/notes/1", "create https://b.example/notes/2"
	f.connect("?cursor=0&language=de").expect(b1, b2)
	f.connect("?cursor=0&tag=%23Katzen&tag=other").expect(b1, b2)
	f.connect("?cursor=0&domain=a.example&domain=c.example").expect(created(0))
	f.connect("?cursor=0&domain=b.example&tag=test").expect(b2)
}

// A heartbeat names the reader's own position: resuming there skips nothing,
// though all that the reader passed was hidden.
func TestHeartbeat(t *testing.T) {
	f := newFixture(t, Config{Heartbeat: 20 * time.Millisecond}, nil)
	c := f.connect("?cursor=0&tag=nothing")
	if first := c.next(); first.Kind != kindHeartbeat {
		t.Fatalf("%+v", first)
	}
	f.Append(posts(3)...)
	tip := f.Tail.Tip()
	var beat frame
	for beat.Seq < tip {
		if beat = c.next(); beat.Kind != kindHeartbeat || beat.Seq > tip || beat.Time.IsZero() {
			t.Fatalf("%+v beyond the tip %d", beat, tip)
		}
	}
	f.Append(post(7, ingest.TierLive))
	f.connect(fmt.Sprintf("?cursor=%d", beat.Seq+1)).expect(created(7))
	f.connect(fmt.Sprintf("?cursor=%d", beat.Seq)).expect(created(2), created(7))
}

func TestOwnHeartbeat(t *testing.T) {
	f := newFixture(t, Config{Heartbeat: time.Hour}, nil)
	if fr := f.connect("?heartbeat=1").next(); fr.Kind != kindHeartbeat {
		t.Errorf("%+v", fr)
	}
}

func TestRefusedBeforeTheUpgrade(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	get := func(method string, header http.Header) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, f.web.URL+"/api/v1/firehose", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	if res := get("GET", http.Header{}); res.StatusCode != 426 || res.Header.Get("Upgrade") != "websocket" {
		t.Errorf("plain GET: %d %v", res.StatusCode, res.Header)
	}
	if res := get("POST", http.Header{}); res.StatusCode != 405 || res.Header.Get("Allow") != "GET" {
		t.Errorf("POST: %d %v", res.StatusCode, res.Header)
	}
	old := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"8"}, "Sec-Websocket-Key": {"x"}}
	if res := get("GET", old); res.StatusCode != 400 || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		t.Errorf("old version: %d %v", res.StatusCode, res.Header)
	}
	for _, name := range []string{"UpgradeRequired", "MethodNotAllowed", "BadHandshake"} {
		f.reached("tributary_stream_refusals_total", name, 1)
	}
}

func TestTokens(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	store := token.New(f.DB)
	ctx := context.Background()
	good, created, err := store.Create(ctx, "reader", []string{"read"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	admin, _, err := store.Create(ctx, "admin", []string{"admin"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("database is gone")
	f.serve(Config{Recheck: 10 * time.Millisecond, Heartbeat: time.Hour}, func(ctx context.Context, secret string) error {
		if secret == "down" {
			return down
		}
		_, err := store.Verify(ctx, secret, "read")
		return err
	})
	bearer := func(s string) http.Header { return http.Header{"Authorization": {"bearer " + s}} }
	f.refused("", nil, 401, "MissingToken")
	f.refused("?access_token=", nil, 401, "MissingToken")
	f.refused("?access_token=trib_nonsense", nil, 401, "InvalidToken")
	f.refused("?access_token="+good, bearer("nonsense"), 401, "InvalidToken")
	f.refused("", bearer(admin), 403, "MissingScope")
	f.refused("", bearer("down"), 503, "Unavailable")

	byHeader, _, err := f.dial("", bearer(good))
	if err != nil {
		t.Fatal(err)
	}
	byQuery := f.connect("?access_token=" + good)
	f.Append(post(1, ingest.TierLive))
	byHeader.expect("create https://a.example/notes/1")
	byQuery.expect("create https://a.example/notes/1")

	// Revoked: streams that are open end, too (CVE-2024-25619 of Mastodon).
	if err := store.Revoke(ctx, created.ID); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*conn{byHeader, byQuery} {
		if e := c.closed(); e.Code != websocket.ClosePolicyViolation || !strings.Contains(e.Text, "token") || resumeFrom(t, e) == 0 {
			t.Errorf("close: %v", e)
		}
	}
	f.reached("tributary_stream_closes_total", "token", 2)
}

func TestPlaces(t *testing.T) {
	f := newFixture(t, Config{MaxClients: 3, MaxPerIP: 2, ClientIP: func(r *http.Request) string { return r.Header.Get("X-Test") }}, nil)
	from := func(address string) http.Header { return http.Header{"X-Test": {address}} }
	for _, address := range []string{"one", "one"} {
		if _, _, err := f.dial("", from(address)); err != nil {
			t.Fatal(err)
		}
	}
	f.refused("", from("one"), 429, "TooManyConnections")
	c, _, err := f.dial("", from("two"))
	if err != nil {
		t.Fatal(err)
	}
	f.refused("", from("three"), 503, "TooManyClients")
	c.Close() // without a word
	f.reached("tributary_stream_closes_total", "gone", 1)
	f.reached("tributary_stream_clients", "", 2)
	if _, _, err := f.dial("", from("three")); err != nil {
		t.Error("the place was not given back:", err)
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7:80": "192.0.2.7", "[::ffff:192.0.2.7]:80": "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64", "[fe80::1%eth0]:80": "fe80::/64", "@": "",
		"one:80": "one",
	} {
		if got := network(peerIP(&http.Request{RemoteAddr: in})); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
