package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/lease"
	"tributary/ingest/remote"
)

// A library serves one block-list, as of a version.
type library struct {
	*httptest.Server
	mu      sync.Mutex
	text    string
	version int
	status  int // instead; 0: none
	hits    int
	known   int // of them that knew the version
}

func newLibrary(t *testing.T, domains ...string) *library {
	t.Helper()
	l := &library{}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	l.set(domains...)
	return l
}

func (l *library) set(domains ...string) { l.write(strings.Join(domains, "\n")) }

func (l *library) write(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text, l.version = text, l.version+1
}

func (l *library) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hits++
	tag := fmt.Sprintf(`"%d"`, l.version)
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("ETag", tag)
	switch {
	case l.status != 0:
		w.WriteHeader(l.status)
	case r.Header.Get("If-None-Match") == tag:
		l.known++
		w.WriteHeader(http.StatusNotModified)
	default:
		_, _ = w.Write([]byte(l.text))
	}
}

// asked is how often the list was asked for, and how often by who knew it already.
func (l *library) asked() (hits, known int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hits, l.known
}

func (e *env) subscribeList(l *library) ListResult {
	e.t.Helper()
	result, err := e.SubscribeList(e.t.Context(), ListSubscription{URL: l.URL, Reason: "a list"}, false)
	if err != nil {
		e.t.Fatal(err)
	}
	return result
}

// renew fetches what is due, as a node does that has the lease.
func (r *Relay) renew(t *testing.T) {
	t.Helper()
	if err := r.dueLists(t.Context(), lease.Term{}); err != nil {
		t.Fatal(err)
	}
}

// later lets a day pass for the lists of a relay.
func (r *Relay) later() {
	before := r.now
	r.now = func() time.Time { return before().Add(25 * time.Hour) }
}

func (e *env) list(url string) ListSubscription {
	e.t.Helper()
	s, err := listOf(e.t.Context(), e.ingest.DB, url)
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

func blocks(r *Relay, domains ...string) (list []bool) {
	for _, domain := range domains {
		_, ok := r.Blocks().Host(domain)
		list = append(list, ok)
	}
	return list
}

// A list ends the subscriptions of who is new in it and withdraws what is here of them; a
// dry run names them and changes nothing; the same list again changes nothing.
func TestSubscribeList(t *testing.T) {
	e := newEnv(t, nil)
	peer, other := newPeer(t), newPeer(t)
	server, alice := peer.account("server", nil), peer.account("alice", nil)
	e.subscribe(server)
	if got := e.post(alice, alice.create(1)); got != 202 {
		t.Fatal(got)
	}
	e.subscribe(other.account("server", nil))
	e.ingest.CatchUp()
	tip := e.ingest.Tail.Tip()
	l := newLibrary(t, peer.host(), "spam.example", "spam.example", "# a comment", "quiet")
	dry, err := e.SubscribeList(t.Context(), ListSubscription{URL: l.URL}, true)
	if err != nil || dry.Domains != 3 || len(dry.Added) != 3 || len(dry.Subscribers) != 1 || dry.Subscribers[0].Actor != server.URI || dry.Authors != 1 {
		t.Fatalf("dry run %+v, %v", dry, err)
	}
	if lists, err := e.Lists(t.Context()); err != nil || len(lists) != 0 || e.Subscriptions().Count() != 2 || e.ingest.Tail.Tip() != tip {
		t.Fatalf("the dry run changed something: %+v, %v", lists, err)
	}

	done := e.subscribeList(l)
	if len(done.Added) != 3 || len(done.Subscribers) != 1 || e.Subscriptions().Count() != 1 || e.kinds()[len(e.kinds())-1] != "Reject" {
		t.Errorf("%+v, sent %v", done, e.kinds())
	}
	got := alice.message(t, alice.create(2)).send(t, e.inboxURL())
	if got.Status != 403 || !strings.Contains(got.Error, "is blocked here: a list") {
		t.Errorf("a post: %+v", got)
	}
	if seen := e.records(tip + 1); len(seen) != 1 || seen[0].Kind != ingest.KindWithdraw || seen[0].Object != peer.host() {
		t.Errorf("records %+v", seen)
	}
	if s := e.list(l.URL); s.Domains != 3 || s.Added != 3 || s.Error != "" || s.Checked.IsZero() || s.Next.Sub(s.Checked) != ListEvery {
		t.Errorf("%+v", s)
	}
	if list := e.Blocks().List(); len(list) != 3 || list[0].List != l.URL || list[0].Reason != "a list" {
		t.Errorf("blocks %+v", list)
	}

	e.renew(t) // nothing is due
	if hits, _ := l.asked(); hits != 2 {
		t.Errorf("asked %d times", hits)
	}
	e.later()
	e.renew(t)
	if hits, known := l.asked(); hits != 3 || known != 1 {
		t.Errorf("asked %d times, %d knew the list", hits, known)
	}
	if s := e.list(l.URL); s.Added != 3 || s.Failures != 0 {
		t.Errorf("%+v", s)
	}
}

// A domain that leaves a list is let in unless the operator or another list blocks it; what
// the operator allowed no list blocks.
func TestListsBesideOwnBlocks(t *testing.T) {
	e := newEnv(t, nil)
	ctx := t.Context()
	if _, err := e.Block(ctx, Block{Scope: ingest.ScopeDomain, Key: "own.example", Reason: "mine"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Allowed().Add(ctx, "friend.example", ""); err != nil {
		t.Fatal(err)
	}
	names := []string{"own.example", "both.example", "one.example", "sub.friend.example", "friend.example", "stays.example"}
	one, two := newLibrary(t, names...), newLibrary(t, "both.example", "x.example")
	e.subscribeList(one)
	e.subscribeList(two)
	check := func(what string, want ...bool) {
		t.Helper()
		for _, r := range []*Relay{e.Relay, e.node(Config{})} { // and after a restart
			if got := blocks(r, names...); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
	}
	check("both lists", true, true, true, false, false, true)
	if block, _ := e.Blocks().Host("own.example"); block.Reason != "mine" || block.List != "" {
		t.Errorf("%+v", block)
	}
	if err := e.Unblock(ctx, ingest.ScopeDomain, "one.example"); !errors.Is(err, ErrNotBlocked) {
		t.Errorf("unblocked what a list blocks: %v", err)
	}
	one.set("friend.example", "stays.example", "y.example")
	e.later()
	e.renew(t)
	check("the list lost some", true, true, false, false, false, true)
	if s := e.list(one.URL); s.Added != 1 || s.Removed != 4 || s.Domains != 3 {
		t.Errorf("%+v", s)
	}
	result, err := e.UnsubscribeList(ctx, two.URL, false)
	if err != nil || len(result.Removed) != 2 || result.KeptAsBlocked != 0 {
		t.Errorf("%+v, %v", result, err)
	}
	check("one list ended", true, false, false, false, false, true)
	if result, err = e.UnsubscribeList(ctx, one.URL, true); err != nil || result.KeptAsBlocked != 2 {
		t.Errorf("%+v, %v", result, err)
	}
	check("the other was kept", true, false, false, false, false, true)
	if _, err := e.UnsubscribeList(ctx, one.URL, false); !errors.Is(err, ErrNoList) {
		t.Error(err)
	}
	if _, err := e.RefreshList(ctx, one.URL, false, false); !errors.Is(err, ErrNoList) {
		t.Error(err)
	}
}

// A list that is broken, empty, or much shorter is not applied, and that is told; --force
// applies one that shrank, and one that is in order again is applied by itself.
func TestListsThatAreNotApplied(t *testing.T) {
	e := newEnv(t, nil)
	ctx := t.Context()
	l := newLibrary(t, "a.example", "b.example", "c.example", "d.example", "e.example")
	e.subscribeList(l)
	for what, c := range map[string]struct {
		text string
		want error
		says string
	}{
		"shrank":     {"a.example\nb.example\n", ErrListShrank, "from 5 domains to 2: look at it, and confirm with: tributary admin block refresh " + l.URL + " --force"},
		"empty":      {"", ErrBlockList, "blocks nothing"},
		"comments":   {"# nothing\n# at all\n", ErrBlockList, "blocks nothing"},
		"milder":     {"#domain,#severity\na.example,silence\n", ErrBlockList, "blocks nothing"},
		"a page":     {"<!doctype html>\n<html>\n<p>Not found\na.example\n", ErrBlockList, "no domains"},
		"binary":     {"a.example\n\x00\x01", ErrBlockList, "not text"},
		"Latin-1":    {"a.example\nb\xfc.example\n", ErrBlockList, "not text"},
		"everything": {"com\norg\nsocial\nde\nuk\nco.uk\n", ErrBlockList, "blocks nothing"},
		"ourselves":  {e.community.Host() + "\n127.0.0.1\n", ErrBlockList, "blocks nothing"},
		"huge":       {strings.Repeat("a.example\n", 1<<20), remote.ErrTooLarge, "too large"},
	} {
		l.write(c.text)
		before := e.list(l.URL)
		_, err := e.RefreshList(ctx, l.URL, false, false)
		s := e.list(l.URL)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || s.Failures != before.Failures+1 || !strings.Contains(s.Error, c.says) {
			t.Errorf("%s: %v; %+v", what, err, s)
		}
		if s.Domains != 5 || !slices.Equal(blocks(e.Relay, "a.example", "e.example", "x.com"), []bool{true, true, false}) {
			t.Errorf("%s: was applied: %+v", what, s)
		}
	}
	if err := e.blocks.Refresh(ctx); err != nil || e.blocks.failing.Load() != 1 {
		t.Errorf("%d lists fail, %v", e.blocks.failing.Load(), err)
	}
	l.mu.Lock()
	l.status = http.StatusServiceUnavailable
	l.mu.Unlock()
	e.later()
	e.renew(t)
	if s := e.list(l.URL); !strings.Contains(s.Error, "503") || !s.Next.After(e.now()) {
		t.Errorf("%+v", s)
	}
	l.mu.Lock()
	l.status = 0
	l.mu.Unlock()

	l.set("a.example")
	if _, err := e.RefreshList(ctx, l.URL, false, true); !errors.Is(err, ErrListShrank) {
		t.Errorf("a dry run: %v", err)
	}
	if result, err := e.RefreshList(ctx, l.URL, true, false); err != nil || len(result.Removed) != 4 {
		t.Errorf("with force: %+v, %v", result, err)
	}
	if s := e.list(l.URL); s.Error != "" || s.Failures != 0 || s.Domains != 1 {
		t.Errorf("%+v", s)
	}
	if got := blocks(e.Relay, "a.example", "e.example"); !slices.Equal(got, []bool{true, false}) {
		t.Errorf("blocks %v", got)
	}
}

// Nothing is kept of a list that cannot be had; and a private address is not asked.
func TestSubscribeToNoList(t *testing.T) {
	e := newEnv(t, nil)
	l := newLibrary(t, "a.example")
	strict := remote.New(remote.Config{AllowHTTP: true}, nil, nil, ingesttest.Logger(t), nil)
	t.Cleanup(strict.Close)
	other := e.node(Config{})
	other.lists = strict
	for url, c := range map[string]struct {
		relay *Relay
		want  error
	}{
		l.URL:                                   {other, remote.ErrForbiddenAddress},
		"http://localhost/list":                 {other, remote.ErrForbiddenAddress},
		"not a URL":                             {e.Relay, ErrBlockList},
		"file:///etc/passwd":                    {e.Relay, ErrBlockList},
		l.URL + "/" + strings.Repeat("x", 2000): {e.Relay, ErrBlockList},
	} {
		if _, err := c.relay.SubscribeList(t.Context(), ListSubscription{URL: url}, false); !errors.Is(err, c.want) {
			t.Errorf("%.40s: %v", url, err)
		}
	}
	for _, every := range []time.Duration{time.Second, -time.Hour, 500 * 24 * time.Hour} {
		if _, err := e.SubscribeList(t.Context(), ListSubscription{URL: l.URL, Every: every}, false); !errors.Is(err, ErrBlockList) {
			t.Errorf("every %s: %v", every, err)
		}
	}
	if hits, _ := l.asked(); hits != 0 {
		t.Errorf("asked %d times", hits)
	}
	if lists, err := e.Lists(t.Context()); err != nil || len(lists) != 0 {
		t.Errorf("%+v, %v", lists, err)
	}
}

// A list that one node applied holds at the others, and ends who subscribed there meanwhile.
func TestListAtAnotherNode(t *testing.T) {
	e := newEnv(t, nil)
	other := e.node(Config{})
	peer := newPeer(t)
	server, alice := peer.account("server", nil), peer.account("alice", nil)
	l := newLibrary(t, peer.host(), "a.example")
	e.subscribe(server) // the other node does not know yet
	if _, err := other.SubscribeList(t.Context(), ListSubscription{URL: l.URL}, false); err != nil {
		t.Fatal(err)
	}
	e.refresh(t.Context())
	if got := e.post(alice, alice.create(1)); got != 403 || e.Subscriptions().Count() != 0 {
		t.Errorf("%d, subscribers %+v", got, e.Subscriptions().List())
	}
	// Both change it at the same time: the end is what the list says.
	l.set("b.example", "a.example")
	var both sync.WaitGroup
	for _, r := range []*Relay{e.Relay, other} {
		both.Go(func() {
			if _, err := r.RefreshList(t.Context(), l.URL, false, false); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	for _, r := range []*Relay{e.Relay, other} {
		r.refresh(t.Context())
		if got := blocks(r, "a.example", "b.example", peer.host()); !slices.Equal(got, []bool{true, true, false}) {
			t.Errorf("blocks %v", got)
		}
	}
}

// What is here of who is blocked is withdrawn though the first try failed, as after a crash.
func TestListIsCompleted(t *testing.T) {
	e := newEnv(t, nil)
	peer := newPeer(t)
	server, alice := peer.account("server", nil), peer.account("alice", nil)
	e.subscribe(server)
	if got := e.post(alice, alice.create(1)); got != 202 {
		t.Fatal(got)
	}
	e.ingest.CatchUp()
	from := e.ingest.Tail.Tip() + 1
	l := newLibrary(t, peer.host())
	e.failing.Store(true)
	if _, err := e.SubscribeList(t.Context(), ListSubscription{URL: l.URL}, false); !errors.Is(err, ingest.ErrUnavailable) {
		t.Fatal(err)
	}
	if got := blocks(e.Relay, peer.host()); !got[0] || e.Subscriptions().Count() != 0 || e.list(l.URL).Failures != 1 {
		t.Errorf("%v, %+v", got, e.list(l.URL))
	}
	e.failing.Store(false)
	e.later()
	e.renew(t)
	if seen := e.records(from); len(seen) != 1 || seen[0].Kind != ingest.KindWithdraw || seen[0].Object != peer.host() {
		t.Errorf("records %+v", seen)
	}
	if err := e.settleLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seen := e.records(from); len(seen) != 1 {
		t.Errorf("withdrawn again: %+v", seen)
	}
}

// Of two nodes that run, one fetches what is due, and the other does when that one ends.
func TestListsAreLeased(t *testing.T) {
	e := newEnv(t, nil)
	l := newLibrary(t, "a.example")
	e.subscribeList(l)
	hits, _ := l.asked()
	run := func(name string) (stop func()) {
		keeper, err := lease.Start(t.Context(), lease.Config{DB: e.ingest.DB, Node: name, Logger: ingesttest.Logger(t)})
		if err != nil {
			t.Fatal(err)
		}
		node := e.node(Config{})
		node.leases = keeper
		node.later()
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = node.Run(ctx) })
		return sync.OnceFunc(func() {
			cancel()
			running.Wait()
			if err := keeper.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	fetched := func(n int) {
		t.Helper()
		for got := 0; got < n; got, _ = l.asked() {
			select {
			case <-t.Context().Done():
				t.Fatal("not fetched")
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	first := run("one")
	defer first()
	second := run("two")
	defer second()
	fetched(hits + 1)
	first()
	if err := e.writeList(t.Context(), `UPDATE block_lists SET next_at = 0 WHERE url = $1`, l.URL); err != nil {
		t.Fatal(err)
	}
	second()
	third := run("three")
	defer third()
	fetched(hits + 2)
}

// FuzzList: whatever a stranger's list says, it blocks neither us nor a whole top-level
// domain, and what it blocks are domains.
func FuzzList(f *testing.F) {
	for _, s := range []string{
		"a.example\n", "#domain,#severity\na.example,suspend\n", "relay.example\nexample\ncom\n", "RELAY.example.\n", "co.uk", "\xff", "\x00",
		"domain,severity,comment\n\"a.example\",,\"<b>\"", strings.Repeat("@\n", 99) + "a.example",
	} {
		f.Add([]byte(s))
	}
	c, err := NewCommunity("https://relay.example")
	if err != nil {
		f.Fatal(err)
	}
	r := &Relay{community: c}
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, result, err := r.screen(raw, ListSubscription{Reason: "r"})
		if err != nil {
			return
		}
		if len(list) == 0 || result.Domains != len(list) {
			t.Errorf("%d domains, %+v", len(list), result)
		}
		for _, row := range list {
			if scope, key, err := ParseBlockKey(row.domain); err != nil || scope != ingest.ScopeDomain || key != row.domain {
				t.Errorf("%q is no domain", row.domain)
			}
			block := Block{Scope: ingest.ScopeDomain, Key: row.domain}
			if block.Covers("relay.example", "") || block.Covers("any.com", "") && row.domain == "com" {
				t.Errorf("%q blocks too much", row.domain)
			}
		}
	})
}
