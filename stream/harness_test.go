package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
)

// fixture is a running log with a firehose over it on a real socket.
type fixture struct {
	*ingesttest.Env
	t   testing.TB
	srv *Server
	web *httptest.Server
	reg *prometheus.Registry

	client *http.Client // of server-sent events
}

func newFixture(t testing.TB, cfg Config, auth Authenticate) *fixture {
	t.Helper()
	f := &fixture{Env: ingesttest.New(t), t: t, client: http.DefaultClient}
	f.serve(cfg, auth)
	return f
}

// serve starts a server over the log.
func (f *fixture) serve(cfg Config, auth Authenticate) {
	f.t.Helper()
	if cfg.CloseWait == 0 {
		cfg.CloseWait = 500 * time.Millisecond
	}
	cfg.URL = "https://relay.example"
	f.reg = prometheus.NewRegistry()
	f.srv = New(cfg, f.Tail, auth, ingesttest.Logger(f.t), f.reg)
	mux := http.NewServeMux()
	mux.Handle("/", f.srv.Firehose())
	mux.Handle(streamingPath, f.srv.Streaming())
	mux.Handle(streamingPath+"/", f.srv.Streaming())
	f.web = httptest.NewServer(mux)
	srv, web := f.srv, f.web
	f.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = srv.Close(ctx)
		web.Close()
	})
}

// counter reads a metric, of one label value or without labels.
func (f *fixture) counter(name, label string) float64 {
	f.t.Helper()
	families, err := f.reg.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.Metric {
			if family.GetName() == name && (label == "" || m.Label[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

// reached waits until a metric has a value.
func (f *fixture) reached(name, label string, value float64) {
	f.t.Helper()
	eventually(f.t, fmt.Sprintf("%s{%s} = %v", name, label, value), func() bool { return f.counter(name, label) == value })
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// frame is a frame as a client sees it.
type frame struct {
	Seq       uint64
	Time      time.Time
	Kind      string
	ID        string
	URI       string
	Actor     string
	AccountID string `json:"account_id"`
	Domain    string
	Language  string
	Tags      []string
	Scope     string
	Reason    string
	From, To  uint64
	Post      *struct {
		ID, URI, Content string
		Account          struct{ Acct string }
	}
}

// short is a frame as the tests write it: "create https://…", "heartbeat".
func (f frame) short() string {
	return strings.TrimSpace(f.Kind + " " + strings.TrimSpace(f.Scope+" "+firstText(f.URI, f.Domain)))
}

func firstText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// conn is a client's side.
type conn struct {
	*websocket.Conn
	t testing.TB
}

// connect opens a firehose with a query such as "?cursor=0".
func (f *fixture) connect(query string) *conn {
	f.t.Helper()
	c, res, err := f.dial(query, nil)
	if err != nil {
		f.t.Fatalf("connect %s: %v %v", query, err, res)
	}
	return c
}

func (f *fixture) dial(query string, header http.Header) (*conn, *http.Response, error) {
	d := websocket.Dialer{HandshakeTimeout: 10 * time.Second}
	ws, res, err := d.Dial("ws"+strings.TrimPrefix(f.web.URL, "http")+"/api/v1/firehose"+query, header)
	if err != nil {
		return nil, res, err
	}
	f.t.Cleanup(func() { ws.Close() })
	return &conn{ws, f.t}, res, nil
}

// refused asserts that a firehose is refused, and returns the error's body.
func (f *fixture) refused(query string, header http.Header, status int, name string) map[string]any {
	f.t.Helper()
	_, res, err := f.dial(query, header)
	if err == nil || res == nil {
		f.t.Fatalf("%s: not refused: %v", query, err)
	}
	defer res.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		f.t.Fatal(err)
	}
	if res.StatusCode != status || body["error"] != name || body["message"] == "" {
		f.t.Errorf("%s: %d %v, want %d %s", query, res.StatusCode, body, status, name)
	}
	return body
}

// next returns the next frame.
func (c *conn) next() frame {
	c.t.Helper()
	fr, err := c.read()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return fr
}

func (c *conn) read() (frame, error) {
	var fr frame
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	kind, data, err := c.ReadMessage()
	if err != nil {
		return fr, err
	}
	if kind != websocket.TextMessage {
		return fr, errors.New("not a text frame")
	}
	return fr, json.Unmarshal(data, &fr)
}

// expect reads frames and compares their short forms, heartbeats left out.
func (c *conn) expect(want ...string) []frame {
	c.t.Helper()
	var got []frame
	for len(got) < len(want) {
		fr := c.next()
		if fr.Kind == kindHeartbeat {
			continue
		}
		if got = append(got, fr); fr.short() != want[len(got)-1] {
			c.t.Fatalf("frame %d is %q, want %q", len(got), fr.short(), want[len(got)-1])
		}
	}
	return got
}

// closed reads up to the close frame and returns it.
func (c *conn) closed() *websocket.CloseError {
	c.t.Helper()
	for {
		_, err := c.read()
		var e *websocket.CloseError
		switch {
		case errors.As(err, &e):
			c.Close()
			return e
		case err != nil:
			c.t.Fatalf("no close frame: %v", err)
		}
	}
}

// resumeFrom is the seq that a close frame names.
func resumeFrom(t testing.TB, e *websocket.CloseError) (seq uint64) {
	t.Helper()
	_, cursor, ok := strings.Cut(e.Text, "; resume with cursor=")
	if _, err := fmt.Sscan(cursor, &seq); !ok || err != nil {
		t.Fatalf("close %d %q names no cursor", e.Code, e.Text)
	}
	return seq
}

// shrink makes the client's receive buffer small, so that a stopped client
// stops the server soon. It still holds a segment of loopback's 64 KiB: below
// that, TCP moves on by timers only.
func (c *conn) shrink() {
	if tcp, ok := c.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(96 << 10)
	}
}

func post(n int, tier ingest.Tier) *ingest.Record { return ingesttest.Post("a.example", n, tier) }

// posts makes creates 0 … n-1 that are shown.
func posts(n int) []*ingest.Record {
	all := make([]*ingest.Record, n)
	for i := range all {
		all[i] = post(i, ingest.TierLive)
	}
	return all
}

func created(n int) string { return fmt.Sprintf("create https://a.example/notes/%d", n) }
