package admin

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/folder"
	"tributary/ingest/ingesttest"
	"tributary/ingest/remote"
	"tributary/ingest/signature"
	"tributary/ingest/token"
	"tributary/relay"
	"tributary/relay/delivery"
)

// running is a relay with two subscribers and one known author, and a client on
// its socket.
type running struct {
	*Client
	ingest   *ingesttest.Env
	relay    *relay.Relay
	tokens   *token.Store
	service  *Service
	sent     []string // bodies of the outbox
	revived  []string // inboxes
	replayed []uint64
}

func start(t *testing.T, data string) *running {
	t.Helper()
	log := ingesttest.New(t)
	c, err := relay.NewCommunity("https://relay.example")
	if err != nil {
		t.Fatal(err)
	}
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	subscribeDirectly(t, log, "https://good.example/actor", "https://sub.bad.example/actor")
	r := &running{ingest: log, tokens: token.New(log.DB), Client: Dial(data)}
	r.relay, err = relay.New(t.Context(), c, relay.Config{}, relay.Deps{
		DB: log.DB, Key: key, Lists: lists(t), Admission: log.Admission, Next: func() uint64 { return 1 }, Wake: func() {},
		Enqueue: func(_ context.Context, _ *sql.Tx, _, _ string, body []byte) error {
			r.sent = append(r.sent, string(body))
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.service = New(Deps{
		Relay: r.relay, Tokens: r.tokens, DB: log.DB, Tip: log.Tail.Tip, LogStart: log.Tail.Start, StateCursor: log.Log.StatePosition,
		Revive: func(_ context.Context, inbox string) error {
			r.revived = append(r.revived, inbox)
			return nil
		},
		Replay: func(_ context.Context, inbox string, from uint64, dry bool) (uint64, error) {
			const position = 100
			if from >= position {
				return position, delivery.ErrNotPassed
			}
			if !dry {
				r.replayed = append(r.replayed, from)
			}
			return position, nil
		},
		SeqAt: func(_ context.Context, at time.Time) (uint64, error) {
			return uint64(max(0, 60-int(time.Since(at).Minutes()))), nil
		},
		Lanes: func(context.Context) ([]delivery.Status, error) {
			return []delivery.Status{
				{Inbox: "https://good.example/inbox", State: delivery.StateLive, Brings: []string{"all"}, Lag: 3, Delivered: 7},
				{Inbox: "https://sub.bad.example/inbox", State: delivery.StateFailing, Lag: 90, LastError: "503 busy", FailingSince: time.Now()},
			}, nil
		},
	})
	l, err := Listen(SocketPath(data))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: r.service.Handler(), ReadHeaderTimeout: time.Second}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-stopped
	})
	return r
}

// lists is the client that fetches lists, also from this machine.
func lists(t *testing.T) *remote.Client {
	t.Helper()
	client := remote.New(remote.Config{AllowPrivate: true, AllowHTTP: true}, nil, nil, ingesttest.Logger(t), nil)
	t.Cleanup(client.Close)
	return client
}

// A subscribed list is seen, refreshed and ended through the actions; what is refused says why.
func TestLists(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	var mu sync.Mutex
	text := "#domain,#severity,#public_comment\nspam.example,suspend,spam\nsub.bad.example,suspend,\nquiet.example,silence,\n"
	library := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "text/csv")
		_, _ = io.WriteString(w, text)
	}))
	defer library.Close()
	request := ListRequest{URL: library.URL, Reason: "a list", EverySeconds: 3600, DryRun: true}
	dry, err := r.SubscribeList(ctx, request)
	if err != nil || !dry.DryRun || dry.Domains != 2 || dry.Milder != 1 || len(dry.Subscribers) != 1 || dry.Subscribers[0].Host != "sub.bad.example" {
		t.Fatalf("dry run %+v, %v", dry, err)
	}
	request.DryRun = false
	if _, err := r.SubscribeList(ctx, request); err != nil {
		t.Fatal(err)
	}
	all, err := r.Lists(ctx)
	if err != nil || len(all) != 1 || all[0].Domains != 2 || all[0].EverySeconds != 3600 || all[0].Checked.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
	if blocks, err := r.Blocks(ctx); err != nil || len(blocks) != 2 || blocks[0].List != library.URL || blocks[1].Reason != "a list" {
		t.Errorf("%+v, %v", blocks, err)
	}
	if err := r.RemoveBlock(ctx, "", "spam.example"); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), library.URL) {
		t.Errorf("removing what a list blocks: %v", err)
	}
	mu.Lock()
	text = ""
	mu.Unlock()
	if _, err := r.RefreshList(ctx, ListRequest{URL: library.URL}); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), "blocks nothing") {
		t.Errorf("an empty list: %v", err)
	}
	if all, err := r.Lists(ctx); err != nil || all[0].Failures != 1 || all[0].LastError == "" {
		t.Errorf("%+v, %v", all, err)
	}
	if ended, err := r.UnsubscribeList(ctx, library.URL, true); err != nil || ended.Kept != 2 {
		t.Errorf("%+v, %v", ended, err)
	}
	if _, err := r.UnsubscribeList(ctx, library.URL, true); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := r.SubscribeList(ctx, ListRequest{URL: library.URL, EverySeconds: 1}); !errors.Is(err, ErrInput) {
		t.Error(err)
	}
}

// A software is blocked by its name, and let in again.
func TestBlockOfSoftware(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	result, err := r.AddBlock(ctx, BlockRequest{Scope: ScopeSoftware, Key: "Spamware", Reason: "floods"})
	if err != nil || result.Scope != ScopeSoftware || result.Key != "spamware" || len(result.Hosts) != 0 {
		t.Errorf("%+v, %v", result, err)
	}
	if blocks, err := r.Blocks(ctx); err != nil || len(blocks) != 1 || blocks[0].Scope != ScopeSoftware || blocks[0].Reason != "floods" {
		t.Errorf("%+v, %v", blocks, err)
	}
	if err := r.RemoveBlock(ctx, "", "spamware"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a domain of that name: %v", err)
	}
	if err := r.RemoveBlock(ctx, ScopeSoftware, "spamware"); err != nil {
		t.Error(err)
	}
	for _, bad := range []BlockRequest{{Scope: "planet", Key: "earth"}, {Scope: ScopeSoftware, Key: "<b>"}} {
		if _, err := r.AddBlock(ctx, bad); !errors.Is(err, ErrInput) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func subscribeDirectly(t *testing.T, log *ingesttest.Env, actors ...string) {
	t.Helper()
	err := log.DB.Write(t.Context(), func(tx *sql.Tx) error {
		for i, actor := range actors {
			host := strings.TrimSuffix(strings.TrimPrefix(actor, "https://"), "/actor")
			inbox := "https://" + host + "/inbox"
			if _, err := tx.Exec(`INSERT INTO subscribers (actor, host, inbox, delivery, follow, object, state, created_at, updated_at)
				VALUES ($1, $2, $3, $3, $4, 'Public', 'accepted', $5, $5)`,
				actor, host, inbox, actor+"#follow", i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTokens(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	created, err := r.CreateToken(ctx, TokenRequest{Name: "board", Scopes: []string{"read"}, TTLSeconds: 3600})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.tokens.Verify(ctx, created.Secret, token.Read); err != nil {
		t.Errorf("the secret does not open: %v", err)
	}
	if left := time.Until(created.Token.Expires); left < 59*time.Minute || left > time.Hour {
		t.Errorf("expires in %v", left)
	}
	list, err := r.ListTokens(ctx)
	if err != nil || len(list) != 1 || list[0].ID != created.Token.ID || list[0].Name != "board" {
		t.Errorf("list %+v, %v", list, err)
	}
	if err := r.RevokeToken(ctx, created.Token.ID); err != nil {
		t.Error(err)
	}
	if _, err := r.tokens.Verify(ctx, created.Secret, token.Read); !errors.Is(err, token.ErrUnknown) {
		t.Errorf("after its end: %v", err)
	}
	if err := r.RevokeToken(ctx, created.Token.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("second revocation: %v", err)
	}
	for _, bad := range []TokenRequest{{}, {Scopes: []string{"write"}}, {Scopes: []string{"read"}, TTLSeconds: -1}} {
		if _, err := r.CreateToken(ctx, bad); !errors.Is(err, ErrInput) {
			t.Errorf("CreateToken(%+v): %v", bad, err)
		}
	}
}

func TestSubscribers(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	list, err := r.Subscribers(ctx)
	if err != nil || len(list) != 2 || list[0].Host != "good.example" || list[0].Lane.Delivered != 7 || list[1].Lane.LastError != "503 busy" {
		t.Fatalf("list %+v, %v", list, err)
	}
	removed, err := r.RemoveSubscriber(ctx, "good.example", "")
	if err != nil || len(removed) != 1 || removed[0].Actor != "https://good.example/actor" {
		t.Errorf("removed %+v, %v", removed, err)
	}
	if len(r.sent) != 1 || !strings.Contains(r.sent[0], `"type":"Reject"`) || !strings.Contains(r.sent[0], "https://good.example/actor#follow") {
		t.Errorf("sent %s", r.sent)
	}
	if _, err := r.RemoveSubscriber(ctx, "good.example", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("second removal: %v", err)
	}
	if r.relay.Subscriptions().Count() != 1 {
		t.Error("still subscribed")
	}
}

// A list blocks what it suspends, once, and a dry run changes nothing.
func TestImportBlocks(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	r.ingest.Append(ingesttest.Post("deep.spam.example", 1, ingest.TierSearch))
	r.ingest.CatchUp()
	const list = "#domain,#severity,#public_comment\nspam.example,suspend,spam\nquiet.example,silence,\nsub.bad.example,suspend,\nh*.example,suspend,\n"
	dry, err := r.ImportBlocks(ctx, BlockListRequest{DryRun: true, Reason: "a list"}, strings.NewReader(list))
	if err != nil || !dry.DryRun || len(dry.Blocked) != 2 || dry.Milder != 1 || dry.Authors != 1 || len(dry.Subscribers) != 1 ||
		strings.Join(dry.Hosts, " ") != "deep.spam.example sub.bad.example" || len(dry.Skipped) != 1 || dry.Skipped[0].Line != 5 {
		t.Fatalf("dry run %+v, %v", dry, err)
	}
	if blocks, _ := r.Blocks(ctx); len(blocks) != 0 || r.relay.Subscriptions().Count() != 2 {
		t.Fatal("the dry run changed something")
	}
	if _, err := r.ImportBlocks(ctx, BlockListRequest{Reason: "a list"}, strings.NewReader(list)); err != nil {
		t.Fatal(err)
	}
	blocks, err := r.Blocks(ctx)
	if err != nil || len(blocks) != 2 || r.relay.Subscriptions().Count() != 1 {
		t.Errorf("blocks %+v, %v", blocks, err)
	}
	for _, b := range blocks {
		if want := map[string]string{"spam.example": "spam", "sub.bad.example": "a list"}[b.Key]; b.Reason != want {
			t.Errorf("%s is blocked for %q, want %q", b.Key, b.Reason, want)
		}
	}
	again, err := r.ImportBlocks(ctx, BlockListRequest{Silenced: true}, strings.NewReader(list))
	if err != nil || again.Known != 2 || len(again.Blocked) != 1 || again.Blocked[0] != "quiet.example" {
		t.Errorf("again %+v, %v", again, err)
	}
	if _, err := r.ImportBlocks(ctx, BlockListRequest{}, strings.NewReader(strings.Repeat("a", relay.BlockListBytesMax+1))); !errors.Is(err, ErrInput) {
		t.Errorf("too large: %v", err)
	}
}

// Over the public listener the same actions need a token, and SQL is not there.
func TestPublic(t *testing.T) {
	r := start(t, t.TempDir())
	server := httptest.NewServer(r.service.Public(func(_ context.Context, secret string) error {
		if secret != "mine" {
			return errors.New("unknown")
		}
		return nil
	}))
	defer server.Close()
	for _, c := range []struct {
		method, path, authorization string
		want                        int
	}{
		{"GET", "/subscribers", "Bearer mine", 200},
		{"GET", "/stats", "bearer mine", 200},
		{"GET", "/stats", "", 401},
		{"GET", "/stats", "Basic mine", 401},
		{"GET", "/stats?access_token=mine", "", 401},
		{"DELETE", "/subscribers?key=good.example", "Bearer other", 401},
		{"DELETE", "/subscribers?key=nobody.example", "Bearer mine", 404},
		{"GET", "/limits", "Bearer mine", 200},
		{"GET", "/blocks/lists", "Bearer mine", 200},
		{"POST", "/blocks/lists", "", 401},
		{"POST", "/blocks/lists/refresh", "Bearer other", 401},
		{"DELETE", "/blocks/lists?url=x", "Bearer mine", 404},
		{"GET", "/limits", "", 401},
		{"DELETE", "/limits?domain=nobody.example", "Bearer mine", 404},
		{"POST", "/query", "Bearer mine", 404},
		{"GET", "/../v1/stats", "Bearer mine", 404},
	} {
		req, err := http.NewRequest(c.method, server.URL+PublicPath+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.authorization != "" {
			req.Header.Set("Authorization", c.authorization)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.want || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s with %q: %s, want %d", c.method, c.path, c.authorization, resp.Status, c.want)
		}
	}
	if r.relay.Subscriptions().Count() != 2 {
		t.Error("somebody without a token ended a subscription")
	}
}

// A replay begins where it was asked for, or where the log does, and says so.
func TestReplay(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	start := r.ingest.Tail.Start()
	dry, err := r.Replay(ctx, ReplayRequest{Key: "good.example", From: start + 10, DryRun: true})
	if err != nil || !dry.DryRun || dry.Short || len(dry.Lanes) != 1 || dry.Lanes[0] != (LaneBack{Inbox: "https://good.example/inbox", Position: 100, Records: 90 - start}) || len(r.replayed) != 0 {
		t.Errorf("%+v, %v", dry, err)
	}
	if back, err := r.Replay(ctx, ReplayRequest{Key: "https://good.example/actor", SinceSeconds: 1800}); err != nil || back.From != 30 || len(r.replayed) != 1 {
		t.Errorf("%+v, %v", back, err)
	}
	if back, err := r.Replay(ctx, ReplayRequest{Key: "good.example", SinceSeconds: 7200}); err != nil || !back.Short == (start > 0) || back.From != start {
		t.Errorf("before the log: %+v, %v", back, err)
	}
	for _, bad := range []ReplayRequest{
		{Key: "good.example"}, {Key: "good.example", From: 1, SinceSeconds: 1}, {Key: "good.example", SinceSeconds: -1}, {Key: "good.example", From: 100},
	} {
		if _, err := r.Replay(ctx, bad); !errors.Is(err, ErrInput) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := r.Replay(ctx, ReplayRequest{Key: "nobody.example", From: 1}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// A member that the operator paused goes on with the role both; one that the relay paused keeps its role.
func TestResume(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	for _, c := range []struct{ role, want string }{{"paused", "both"}, {"receive", "receive"}} {
		if _, err := r.ChangeSubscriber(ctx, SubscriberChange{Key: "good.example", Action: "role", Role: c.role}); err != nil {
			t.Fatal(err)
		}
		changed, err := r.ChangeSubscriber(ctx, SubscriberChange{Key: "good.example", Action: "resume"})
		if err != nil || len(changed) != 1 || changed[0].Role != c.want {
			t.Errorf("%+v, %v", changed, err)
		}
	}
	if len(r.revived) != 2 || r.revived[0] != "https://good.example/inbox" {
		t.Errorf("revived %v", r.revived)
	}
}

func TestSources(t *testing.T) {
	r := start(t, t.TempDir())
	page, err := r.Sources(t.Context(), SourcesRequest{Sort: "rate", Limit: 10})
	if err != nil || page.Total != 0 || page.Sources == nil || page.Since.IsZero() {
		t.Errorf("%+v, %v", page, err)
	}
	for _, bad := range []SourcesRequest{{Sort: "love"}, {Limit: -1}, {Offset: -1}} {
		if _, err := r.Sources(t.Context(), bad); !errors.Is(err, ErrInput) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestChangeSubscriber(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	for _, c := range []struct {
		change      SubscriberChange
		state, role string
	}{
		{SubscriberChange{Key: "good.example", Action: "role", Role: "paused"}, "accepted", "paused"},
		{SubscriberChange{Key: "https://good.example/actor", Action: "reject"}, "rejected", "paused"},
		{SubscriberChange{Key: "good.example", Action: "approve"}, "accepted", "paused"},
		{SubscriberChange{Key: "good.example", Action: "role", Role: "both"}, "accepted", "both"},
	} {
		changed, err := r.ChangeSubscriber(ctx, c.change)
		if err != nil || len(changed) != 1 || changed[0].State != c.state || changed[0].Role != c.role {
			t.Errorf("%+v: %+v, %v", c.change, changed, err)
		}
	}
	if len(r.sent) != 2 || !strings.Contains(r.sent[0], `"type":"Reject"`) || !strings.Contains(r.sent[1], `"type":"Accept"`) {
		t.Errorf("sent %s", r.sent)
	}
	changed, err := r.ChangeSubscriber(ctx, SubscriberChange{Key: "good.example", Action: "filter", Filter: delivery.Filter{Tags: []string{"#Go"}}})
	if err != nil || changed[0].Filter == nil || changed[0].Filter.Tags[0] != "go" {
		t.Errorf("filter: %+v, %v", changed, err)
	}
	if links, err := r.Links(ctx, "good.example", ""); err != nil || len(links) != 1 || !strings.HasPrefix(links[0].URL, "https://relay.example/relay/member?token=") {
		t.Errorf("links %+v, %v", links, err)
	}
	for _, bad := range []SubscriberChange{{Key: "good.example", Action: "filter", Filter: delivery.Filter{PerMinute: -1}}, {}, {Key: "good.example", Action: "love"}, {Key: "good.example", Action: "role", Role: "king"}} {
		if _, err := r.ChangeSubscriber(ctx, bad); !errors.Is(err, ErrInput) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := r.ChangeSubscriber(ctx, SubscriberChange{Key: "x.example", Action: "approve"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

// Of a server with several subscriptions an action is about each, or about the one that
// its topic names.
func TestTopics(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	err := r.ingest.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO subscribers (actor, topic, host, inbox, delivery, follow, object, state, created_at, updated_at)
			SELECT actor, 'tag/cats', host, inbox, delivery, follow || '2', object, state, 5, 5 FROM subscribers WHERE host = 'good.example'`)
		return err
	})
	if err == nil {
		err = r.relay.Subscriptions().Refresh(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	list, err := r.Subscribers(ctx)
	if err != nil || len(list) != 3 || list[2].Topic != "tag/cats" || list[0].Topic != "" || list[2].Lane.Delivered != 7 || list[2].Lane.Brings[0] != "all" {
		t.Fatalf("list %+v, %v", list, err)
	}
	roles := func() (roles string) {
		for _, s := range r.relay.Subscriptions().Of("https://good.example/actor") {
			roles += s.Topic.String() + " " + string(s.Role) + ", "
		}
		return roles
	}
	for _, c := range []struct{ topic, role, want string }{
		{"tag/Cats", "publish", " both, tag/cats publish, "},
		{"all", "receive", " receive, tag/cats publish, "},
		{"", "paused", " paused, tag/cats paused, "},
	} {
		if _, err := r.ChangeSubscriber(ctx, SubscriberChange{Key: "good.example", Topic: c.topic, Action: "role", Role: c.role}); err != nil || roles() != c.want {
			t.Errorf("%q: %v, %s", c.topic, err, roles())
		}
	}
	if links, err := r.Links(ctx, "good.example", "tag/cats"); err != nil || len(links) != 1 || links[0].Topic != "tag/cats" {
		t.Errorf("links %+v, %v", links, err)
	}
	if _, err := r.RemoveSubscriber(ctx, "good.example", "tag/dogs"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another topic: %v", err)
	}
	if _, err := r.RemoveSubscriber(ctx, "good.example", "dogs"); !errors.Is(err, ErrInput) {
		t.Errorf("no topic: %v", err)
	}
	removed, err := r.RemoveSubscriber(ctx, "good.example", "tag/cats")
	if err != nil || len(removed) != 1 || removed[0].Topic != "tag/cats" || roles() != " paused, " {
		t.Errorf("removed %+v, %v; left %s", removed, err, roles())
	}
	if last := r.sent[len(r.sent)-1]; !strings.Contains(last, `"actor":"https://relay.example/tag/cats"`) || !strings.Contains(last, `"type":"Reject"`) {
		t.Errorf("sent %s", last)
	}
}

// A dry run names who would be affected and changes nothing; the block does it.
func TestBlocks(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	post := ingesttest.Post("deep.sub.bad.example", 1, ingest.TierSearch)
	r.ingest.Append(post)
	tip := r.ingest.Tail.Tip()
	request := BlockRequest{Key: "BAD.example", Reason: "spam", Note: "seen today", DryRun: true}
	dry, err := r.AddBlock(ctx, request)
	if err != nil || !dry.DryRun || dry.Key != "bad.example" || dry.Scope != "domain" || dry.Authors != 1 || len(dry.Subscribers) != 1 ||
		strings.Join(dry.Hosts, " ") != "bad.example deep.sub.bad.example sub.bad.example" {
		t.Fatalf("dry run %+v, %v", dry, err)
	}
	r.ingest.CatchUp()
	if blocks, err := r.Blocks(ctx); err != nil || len(blocks) != 0 || r.ingest.Tail.Tip() != tip || r.relay.Subscriptions().Count() != 2 {
		t.Fatalf("the dry run changed something: %+v, %v", blocks, err)
	}

	request.DryRun = false
	if _, err := r.AddBlock(ctx, request); err != nil {
		t.Fatal(err)
	}
	blocks, err := r.Blocks(ctx)
	if err != nil || len(blocks) != 1 || blocks[0].Reason != "spam" || blocks[0].Note != "seen today" || blocks[0].Scope != "domain" {
		t.Errorf("blocks %+v, %v", blocks, err)
	}
	if r.relay.Subscriptions().Count() != 1 || len(r.sent) != 1 {
		t.Errorf("%d subscribers, sent %s", r.relay.Subscriptions().Count(), r.sent)
	}
	r.ingest.CatchUp()
	reader := r.ingest.Tail.Reader(ingest.ViewStream, 0)
	short, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for reader.Position() < r.ingest.Tail.Tip() {
		batch, err := reader.Next(short, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range batch.Entries {
			if e.Record.Kind == ingest.KindCreate {
				t.Errorf("still shown: %s", e.Record.Object)
			}
		}
	}

	if err := r.RemoveBlock(ctx, "", "bad.example"); err != nil {
		t.Error(err)
	}
	if err := r.RemoveBlock(ctx, "", "bad.example"); !errors.Is(err, ErrNotFound) {
		t.Errorf("second removal: %v", err)
	}
	if _, err := r.AddBlock(ctx, BlockRequest{Key: "not a host"}); !errors.Is(err, ErrInput) {
		t.Errorf("bad key: %v", err)
	}
}

func TestStats(t *testing.T) {
	r := start(t, t.TempDir())
	r.ingest.Append(ingesttest.Post("a.example", 1, ingest.TierSearch))
	stats, err := r.Stats(t.Context())
	if err != nil || stats.Tip == 0 || stats.Tip != stats.StateCursor || stats.Subscribers != 2 {
		t.Errorf("%+v, %v", stats, err)
	}
	want := LaneSummary{Lanes: 2, Failing: 1, LagMedian: 90, LagMax: 90, Delivered: 7}
	if stats.Lanes != want {
		t.Errorf("lanes %+v", stats.Lanes)
	}
}

func TestNotRunning(t *testing.T) {
	data := t.TempDir()
	for _, what := range []string{"never ran", "was killed"} {
		if what == "was killed" {
			l, err := net.Listen("unix", SocketPath(data))
			if err != nil {
				t.Fatal(err)
			}
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			_ = l.Close()
		}
		_, err := Dial(data).Stats(t.Context())
		if !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), data) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// What a killed process left is replaced.
	r := start(t, data)
	if _, err := r.Stats(t.Context()); err != nil {
		t.Error(err)
	}
}

// Only the user who runs the relay may open the socket, and nothing is left of it.
func TestSocketFile(t *testing.T) {
	for name, data := range map[string]string{
		"short": t.TempDir(),
		"long":  filepath.Join(t.TempDir(), strings.Repeat("long", 20), strings.Repeat("path", 20)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(data, 0o700); err != nil {
				t.Fatal(err)
			}
			l, err := Listen(SocketPath(data))
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(SocketPath(data))
			if err != nil || info.Mode() != fs.ModeSocket|0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			accepted := make(chan error, 1)
			go func() {
				conn, err := l.Accept()
				if err == nil {
					err = conn.Close()
				}
				accepted <- err
			}()
			conn, err := folder.Dial(t.Context(), SocketPath(data))
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			if err := <-accepted; err != nil {
				t.Error(err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if entries, err := os.ReadDir(data); err != nil || len(entries) != 0 {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}

func TestHandlerRefusesWhatItDoesNotKnow(t *testing.T) {
	r := start(t, t.TempDir())
	err := r.do(t.Context(), http.MethodPost, "/v1/tokens", nil, map[string]any{"scope": "read"}, nil)
	if !errors.Is(err, ErrInput) {
		t.Errorf("unknown field: %v", err)
	}
	err = r.do(t.Context(), http.MethodPost, "/v1/tokens", nil, map[string]any{"name": strings.Repeat("x", bodyMax)}, nil)
	if !errors.Is(err, ErrInput) {
		t.Errorf("large body: %v", err)
	}
	if err := r.do(t.Context(), http.MethodGet, "/v1/other", nil, nil, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown path: %v", err)
	}
}
