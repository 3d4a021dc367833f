package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/mattn/go-mastodon"

	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/ingesttest"
	"tributary/ingest/token"
)

// mastoConn is a client of Mastodon's WebSocket.
type mastoConn struct{ *conn }

// dialMastodon opens the WebSocket with a query such as "?stream=public".
func (f *fixture) dialMastodon(query string, header http.Header) (mastoConn, *http.Response, error) {
	d := websocket.Dialer{HandshakeTimeout: 10 * time.Second}
	ws, res, err := d.Dial("ws"+strings.TrimPrefix(f.web.URL, "http")+streamingPath+query, header)
	if err != nil {
		return mastoConn{}, res, err
	}
	f.t.Cleanup(func() { ws.Close() })
	return mastoConn{&conn{ws, f.t}}, res, nil
}

func (f *fixture) mastodon(query string) mastoConn {
	f.t.Helper()
	c, res, err := f.dialMastodon(query, nil)
	if err != nil {
		f.t.Fatalf("%s: %v %v", query, err, res)
	}
	return c
}

// say sends what a client says.
func (c mastoConn) say(text string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// settle waits until all that the client said is done. Nothing is answered but
// errors, in order, so it makes one.
func (c mastoConn) settle() {
	c.t.Helper()
	c.say(`{"type":"subscribe","stream":"no such stream"}`)
	c.raw(`{"error":"Unknown stream type","status":400}`)
}

// raw expects one frame.
func (c mastoConn) raw(want string) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, data, err := c.ReadMessage()
	if err != nil || string(data) != want {
		c.t.Fatalf("%q %v, want %q", data, err, want)
	}
}

// mastoFrame is a frame of a post.
type mastoFrame struct {
	Stream         []string
	Event, Payload string
}

func (c mastoConn) frame() (fr mastoFrame, err error) {
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, data, err := c.ReadMessage()
	if err != nil {
		return fr, err
	}
	if err := json.Unmarshal(data, &fr); err != nil || fr.Payload == "" || len(fr.Stream) == 0 {
		return fr, fmt.Errorf("%s: %w", data, err)
	}
	return fr, nil
}

// expect reads frames and compares their short forms: "public update N" with the
// number in the post's URI, "hashtag,cats delete ID".
func (c mastoConn) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		fr, err := c.frame()
		if err != nil {
			c.t.Fatalf("%v, want %q", err, w)
		}
		if got := fr.short(c.t); got != w {
			c.t.Fatalf("%q, want %q", got, w)
		}
	}
}

func (fr mastoFrame) short(t testing.TB) string {
	return strings.Join(fr.Stream, ",") + " " + shortEvent(t, fr.Event, fr.Payload)
}

// shortOrURI is "update URI" or "delete ID".
func shortOrURI(t testing.TB, event, payload string) string {
	if event == "delete" {
		return event + " " + payload
	}
	var s struct {
		ID, URI string
		Account struct{ Acct string }
	}
	if err := json.Unmarshal([]byte(payload), &s); err != nil || s.ID == "" || s.Account.Acct == "" {
		t.Errorf("%s %s: %v", event, payload, err)
	}
	return event + " " + s.URI
}

func shortEvent(t testing.TB, event, payload string) string {
	s := shortOrURI(t, event, payload)
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		return event + " " + s[i+1:]
	}
	return s
}

// tagged makes a post with tags.
func tagged(n int, tags ...string) *ingest.Record {
	r := post(n, live)
	r.Post.Tags = tags
	return r
}

func pictured(n int) *ingest.Record {
	r := tagged(n)
	r.Post.Attachments = []ap.Media{{URL: "https://a.example/1.png", Type: "image", MediaType: "image/png"}}
	return r
}

// hosted makes a post of an account here, as there will be some day.
func hosted(n int, tags ...string) *ingest.Record {
	r := tagged(n, tags...)
	r.Grant = ingest.GrantHosted
	return r
}

func TestMastodonStreams(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	f.Append(post(99, live)) // before anybody came: never shown
	all := []struct {
		query string
		want  []string
	}{
		{"?stream=public", []string{"public update 1", "public update 2", "public update 3", "public update 4"}},
		{"/?stream=public", []string{"public update 1"}},
		{"?stream=public:media", []string{"public:media update 3"}},
		{"?stream=public:remote", []string{"public:remote update 1", "public:remote update 2", "public:remote update 3"}},
		{"?stream=public:remote:media", []string{"public:remote:media update 3"}},
		{"?stream=public:local", []string{"public:local update 4"}},
		{"?stream=public:local:media", nil},
		{"?stream=hashtag&tag=C%C3%81ts", []string{"hashtag,CÁts update 2", "hashtag,CÁts update 4"}},
		{"?stream=hashtag:local&tag=cats", []string{"hashtag:local,cats update 4"}},
		{"", nil},
	}
	var conns []mastoConn
	for _, c := range all {
		conns = append(conns, f.mastodon(c.query))
	}
	f.Append(tagged(1), tagged(2, "cats", "dogs"), pictured(3), hosted(4, "cats"), post(5, stats), post(6, relay))
	for i, c := range all {
		t.Run(c.query, func(t *testing.T) {
			conns[i].t = t
			conns[i].expect(c.want...)
			if c.query != "/?stream=public" {
				conns[i].settle() // and no more
			}
		})
	}
}

// Streams come and go on an open socket. A post in many of them is sent for each,
// in the order of subscription; labels are as the client wrote them.
func TestMultiplex(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	c := f.mastodon("?stream=public:remote")
	c.say(`{"type":"subscribe","stream":"hashtag","tag":"#Cats"}`)
	c.say(`{"type":"subscribe","stream":"public"}`)
	c.say(`{"type":"subscribe","stream":"hashtag","tag":"cats"}`) // the same
	c.say(`{"type":"subscribe","stream":["hashtag"],"tag":["dogs","x"]}`)
	for _, ignored := range []string{`{`, `null`, `[]`, `{"type":"ping"}`, `{"type":5}`} {
		c.say(ignored)
	}
	c.settle()
	f.Append(tagged(1, "cats", "dogs"), tagged(2))
	c.expect("public:remote update 1", "hashtag,#Cats update 1", "public update 1", "hashtag,dogs update 1",
		"public:remote update 2", "public update 2")
	c.say(`{"type":"unsubscribe","stream":"public:remote"}`)
	c.say(`{"type":"unsubscribe","stream":"hashtag","tag":"CATS"}`)
	for _, nothing := range []string{"public:local", "user", "user:notification", "direct", "public:remote"} {
		c.say(fmt.Sprintf(`{"type":"unsubscribe","stream":%q}`, nothing))
	}
	c.settle()
	f.Append(tagged(3, "cats"), tagged(4, "dogs"))
	c.expect("public update 3", "public update 4", "hashtag,dogs update 4")
}

func TestMastodonErrors(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	c := f.mastodon("?stream=nonsense")
	c.raw(`{"error":"Unknown stream type","status":400}`)
	for said, want := range map[string]string{
		`{"type":"subscribe"}`:                                                              `{"error":"Unknown stream type","status":400}`,
		`{"type":"subscribe","stream":"Public"}`:                                            `{"error":"Unknown stream type","status":400}`,
		`{"type":"subscribe","stream":"hashtag"}`:                                           `{"error":"Missing tag name parameter","status":400}`,
		`{"type":"subscribe","stream":"hashtag:local","tag":""}`:                            `{"error":"Missing tag name parameter","status":400}`,
		`{"type":"subscribe","stream":"hashtag","tag":"` + strings.Repeat("x", 1025) + `"}`: `{"error":"Tag name is too long","status":400}`,
		`{"type":"subscribe","stream":"user"}`:                                              `{"error":"Access token does not have the required scopes","status":401}`,
		`{"type":"subscribe","stream":"user:notification"}`:                                 `{"error":"Access token does not have the required scopes","status":401}`,
		`{"type":"subscribe","stream":"direct"}`:                                            `{"error":"Access token does not have the required scopes","status":401}`,
		`{"type":"subscribe","stream":"list","list":"12"}`:                                  `{"error":"Access token does not have the required scopes","status":401}`,
		`{"type":"unsubscribe","stream":"hashtag"}`:                                         `{"error":"Error unsubscribing from channel"}`,
		`{"type":"unsubscribe","stream":"list","list":"12"}`:                                `{"error":"Error unsubscribing from channel"}`,
		`{"type":"unsubscribe"}`:                                                            `{"error":"Error unsubscribing from channel"}`,
	} {
		c.say(said)
		c.raw(want)
	}
	for i := range maxSubscriptions {
		c.say(fmt.Sprintf(`{"type":"subscribe","stream":"hashtag","tag":"t%d"}`, i))
	}
	c.say(`{"type":"subscribe","stream":"public"}`)
	c.raw(`{"error":"Too many subscriptions","status":429}`)
	c.say(`{"type":"unsubscribe","stream":"hashtag","tag":"t0"}`)
	c.say(`{"type":"subscribe","stream":"public"}`)
	c.settle()
	f.Append(tagged(1, "t0", "t63"))
	c.expect("hashtag,t63 update 1", "public update 1")
}

// What a client must not do, and what it is told.
func TestMastodonEndings(t *testing.T) {
	for _, c := range []struct {
		reason string
		code   int
		do     func(c mastoConn) error
	}{
		{"binary", websocket.CloseUnsupportedData, func(c mastoConn) error { return c.WriteMessage(websocket.BinaryMessage, []byte("{}")) }},
		{"large", websocket.CloseMessageTooBig, func(c mastoConn) error {
			return c.WriteMessage(websocket.TextMessage, make([]byte, maxMessageBytes+1))
		}},
		{"flood", websocket.ClosePolicyViolation, func(c mastoConn) error {
			for range messageBurst + 200 {
				if err := c.WriteMessage(websocket.TextMessage, []byte("{}")); err != nil {
					return nil // closed already
				}
			}
			return nil
		}},
		{"client", websocket.CloseNormalClosure, func(c mastoConn) error {
			return c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
		}},
		{"protocol", websocket.CloseProtocolError, func(c mastoConn) error {
			_, err := c.NetConn().Write([]byte{0x81, 0x00})
			return err
		}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			f := newFixture(t, Config{}, nil)
			client := f.mastodon("?stream=public")
			if err := c.do(client); err != nil {
				t.Fatal(err)
			}
			if e := client.closed(); e.Code != c.code || strings.Contains(e.Text, "cursor") {
				t.Errorf("close: %v", e)
			}
			f.reached("tributary_stream_closes_total", c.reason, 1)
		})
	}
}

// Errors that nobody reads are bounded.
func TestRepliesAreBounded(t *testing.T) {
	var s signals
	for range maxReply {
		s.answer(faultStream.frame())
	}
	in := s.take()
	if in.end != endFlood || len(in.reply) > maxReply {
		t.Errorf("%d bytes, %+v", len(in.reply), in.end)
	}
}

// Deletes, edits and withdrawals, to a client that has seen the posts.
func TestMastodonDeletes(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	c := f.mastodon("?stream=public")
	ids := map[int]string{}
	for n := range 4 {
		f.Append(post(n, live))
		fr, err := c.frame()
		if err != nil {
			t.Fatal(err)
		}
		var s struct{ ID string }
		_ = json.Unmarshal([]byte(fr.Payload), &s)
		ids[n] = s.ID
	}
	edit := func(n int, tier ingest.Tier) *ingest.Record {
		r := post(n, tier)
		r.Kind, r.Activity, r.Version, r.Content = ingest.KindUpdate, "Update", r.Version+1000, 777
		return r
	}
	f.Append(edit(0, search))
	c.expect("public status.update 0")
	f.Append(edit(1, relay))
	c.expect("public delete " + ids[1])
	f.Append(post(5, stats), ingesttest.Delete(post(5, stats)), ingesttest.Delete(post(2, live)))
	c.expect("public delete " + ids[2])
	ctx := context.Background()
	for scope, key := range map[ingest.Scope]string{ingest.ScopeObject: "https://a.example/notes/3", ingest.ScopeDomain: "b.example"} {
		if err := f.Admission.Withdraw(ctx, scope, key, relay, "test"); err != nil {
			t.Fatal(err)
		}
	}
	f.CatchUp()
	c.expect("public delete " + ids[3])
	f.Append(post(9, live))
	c.expect("public update 9")
}

// The three places of a token, and the answers without a good one.
func TestMastodonTokens(t *testing.T) {
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
	f.serve(Config{Recheck: 10 * time.Millisecond}, func(ctx context.Context, secret string) error {
		if secret == "down" {
			return errors.New("database is gone")
		}
		_, err := store.Verify(ctx, secret, "read")
		return err
	})
	bearer := func(s string) http.Header { return http.Header{"Authorization": {"Bearer " + s}} }
	protocol := func(s string) http.Header { return http.Header{"Sec-Websocket-Protocol": {s}} }
	refused := func(query string, header http.Header, status int, message string) {
		t.Helper()
		_, res, err := f.dialMastodon(query, header)
		if err == nil || res == nil {
			t.Fatalf("%s %v: not refused: %v", query, header, err)
		}
		defer res.Body.Close()
		h := res.Header
		if res.StatusCode != status || h.Get("X-Error-Message") != message || !res.Close || res.ContentLength != 0 ||
			h.Get("Content-Type") != "text/plain" || h.Get("X-Request-Id") == "" {
			t.Errorf("%s %v: %d %v", query, header, res.StatusCode, h)
		}
	}
	refused("?stream=public", nil, 401, "Missing access token")
	refused("?stream=public&access_token=nonsense", nil, 401, "Invalid access token")
	refused("?access_token="+good, bearer("nonsense"), 401, "Invalid access token")
	refused("?access_token=nonsense", protocol(good), 401, "Invalid access token")
	refused("", protocol("nonsense"), 401, "Invalid access token")
	refused("", bearer("down"), 503, "tokens cannot be verified now")

	var conns []mastoConn
	for _, c := range []struct {
		query string
		h     http.Header
		echo  string
	}{
		{"?stream=public", bearer(good), ""},
		{"?stream=public&access_token=" + good, nil, ""},
		{"?stream=public&access_token=nonsense", bearer(good), ""},
		{"?stream=public", protocol(good), good},
		{"?stream=public", protocol(good + ", other"), good},
		{"?stream=public&access_token=" + good, protocol("other"), "other"},
	} {
		client, res, err := f.dialMastodon(c.query, c.h)
		if err != nil {
			t.Fatalf("%s %v: %v %v", c.query, c.h, err, res)
		}
		if got := res.Header.Get("Sec-WebSocket-Protocol"); got != c.echo || res.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s %v: %v", c.query, c.h, res.Header)
		}
		conns = append(conns, client)
	}
	f.Append(post(1, live))
	for _, c := range conns {
		c.expect("public update 1")
	}
	// A token of another scope opens the socket, and no stream.
	other, _, err := f.dialMastodon("?stream=public&access_token="+admin, nil)
	if err != nil {
		t.Fatal(err)
	}
	other.raw(`{"error":"Access token does not have the required scopes","status":401}`)
	if err := store.Revoke(ctx, created.ID); err != nil {
		t.Fatal(err)
	}
	for _, c := range conns {
		if e := c.closed(); e.Code != websocket.ClosePolicyViolation || !strings.Contains(e.Text, "token") {
			t.Errorf("close: %v", e)
		}
	}
	other.say(`{"type":"subscribe","stream":"nonsense"}`) // it is open still
	other.raw(`{"error":"Access token does not have the required scopes","status":401}`)
}

// Places are those of the firehose.
func TestMastodonPlaces(t *testing.T) {
	f := newFixture(t, Config{MaxClients: 2}, nil)
	f.connect("")
	f.mastodon("")
	_, res, err := f.dialMastodon("", nil)
	if err == nil || res.StatusCode != 503 || res.Header.Get("X-Error-Message") == "" || res.Header.Get("Retry-After") == "" {
		t.Errorf("%v %v", err, res)
	}
	if got := f.get("/public", nil); got.StatusCode != 503 {
		t.Errorf("%v", got)
	}
}

func TestMastodonShutdown(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	c := f.mastodon("?stream=public")
	closing := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		closing <- f.srv.Close(ctx)
	}()
	if e := c.closed(); e.Code != websocket.CloseGoingAway || e.Text != "server shutting down" {
		t.Errorf("close: %v", e)
	}
	if err := <-closing; err != nil {
		t.Error(err)
	}
	if _, res, err := f.dialMastodon("", nil); err == nil || res.StatusCode != 503 {
		t.Errorf("%v %v", err, res)
	}
}

// A frame larger than a write's buffer is the shared bytes behind a head of its
// own; a client that stops in the middle gets it whole, and then is told.
func TestMastodonLargeFrames(t *testing.T) {
	f := newFixture(t, Config{StallTimeout: time.Hour, CloseWait: 20 * time.Millisecond}, nil)
	c := f.mastodon("?stream=public")
	c.say(`{"type":"subscribe","stream":"hashtag","tag":"test"}`)
	c.settle()
	c.shrink()
	f.Append(big(40)...)
	eventually(t, "the write stalls", f.quiet)
	go func() { _ = f.srv.Close(context.Background()) }()
	f.reached("tributary_stream_closes_total", "shutdown", 1)
	frames := 0
	for {
		fr, err := c.frame()
		var e *websocket.CloseError
		if errors.As(err, &e) && e.Code == websocket.CloseGoingAway {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("%s update %d", [...]string{"public", "hashtag,test"}[frames%2], frames/2)
		if got := fr.short(t); got != want {
			t.Fatalf("frame %d: %q, want %q", frames, got, want)
		}
		frames++
	}
	if frames == 0 || frames == 80 {
		t.Errorf("%d frames", frames)
	}
}

// Posts that are missing end the connection: reconnecting, clients read the
// timeline again.
func TestMastodonGap(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	c, events := f.mastodon("?stream=public"), f.events("/public", nil)
	f.Append(posts(2)...)
	c.expect("public update 0", "public update 1")
	events.expect("update 0", "update 1")
	tip := f.Tail.Tip()
	f.Broker.Stop()
	f.Broker.Start() // in memory: it has forgotten everything
	f.Broker.CreateTopic()
	eventually(t, "the Tail notices", func() bool { return f.Tail.Tip() > tip })
	f.Append(post(7, live))
	if e := c.closed(); e.Code != websocket.CloseServiceRestart {
		t.Errorf("close: %v", e)
	}
	events.ended()
	f.reached("tributary_stream_closes_total", "gap", 2)
	again := f.mastodon("?stream=public")
	f.Append(post(8, live))
	again.expect("public update 8")
}

// The streams of an unmodified client library.
func TestGoMastodon(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	store := token.New(f.DB)
	secret, _, err := store.Create(t.Context(), "app", []string{"read"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.serve(Config{}, func(ctx context.Context, secret string) error {
		_, err := store.Verify(ctx, secret, "read")
		return err
	})
	client := mastodon.NewClient(&mastodon.Config{Server: f.web.URL, AccessToken: secret})
	ctx, cancel := context.WithCancel(t.Context())
	ws := client.NewWSClient()
	open := func(events chan mastodon.Event, err error) chan mastodon.Event {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return events
	}
	streams := map[string]chan mastodon.Event{
		"websocket":          open(ws.StreamingWSPublic(ctx, false)),
		"websocket tag":      open(ws.StreamingWSHashtag(ctx, "Test", false)),
		"server-sent events": open(client.StreamingPublic(ctx, false)),
		"server-sent tag":    open(client.StreamingHashtag(ctx, "Test", false)),
	}
	f.reached("tributary_stream_clients", "", float64(len(streams)))
	r := post(1, live)
	edit := post(1, live)
	edit.Kind, edit.Activity, edit.Version, edit.Content = ingest.KindUpdate, "Update", r.Version+1000, 777
	var id mastodon.ID
	f.Append(r)
	for name, events := range streams {
		e, ok := (<-events).(*mastodon.UpdateEvent)
		if !ok || e.Status.Content != "<p>post 1</p>" || e.Status.Account.Acct != "alice@a.example" {
			t.Fatalf("%s: %+v", name, e)
		}
		id = e.Status.ID
	}
	f.Append(edit)
	for name, events := range streams {
		if e, ok := (<-events).(*mastodon.UpdateEditEvent); !ok || e.Status.ID != id {
			t.Fatalf("%s: %+v", name, e)
		}
	}
	f.Append(ingesttest.Delete(r))
	for name, events := range streams {
		if e, ok := (<-events).(*mastodon.DeleteEvent); !ok || e.ID != id {
			t.Fatalf("%s: %+v", name, e)
		}
	}
	cancel()
	for _, events := range streams {
		for range events {
		}
	}
}
