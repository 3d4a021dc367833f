package stream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"tributary/ingest/token"
)

// eventConn is a plain HTTP client of server-sent events.
type eventConn struct {
	t     testing.TB
	res   *http.Response
	lines *bufio.Reader
}

// get asks for a stream by what follows the API's path.
func (f *fixture) get(path string, header http.Header) *http.Response {
	f.t.Helper()
	return f.do(http.MethodGet, path, header)
}

func (f *fixture) do(method, path string, header http.Header) *http.Response {
	f.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, f.web.URL+streamingPath+path, http.NoBody)
	if err != nil {
		f.t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	res, err := f.client.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { res.Body.Close() })
	return res
}

func (f *fixture) events(path string, header http.Header) *eventConn {
	f.t.Helper()
	res := f.get(path, header)
	if h := res.Header; res.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream" ||
		h.Get("Cache-Control") != "private, no-store" || h.Get("Access-Control-Allow-Origin") != "*" {
		f.t.Fatalf("%s: %d %v", path, res.StatusCode, res.Header)
	}
	c := &eventConn{f.t, res, bufio.NewReader(res.Body)}
	c.line(":)")
	return c
}

func (c *eventConn) line(want string) {
	c.t.Helper()
	got, err := c.lines.ReadString('\n')
	if err != nil || got != want+"\n" {
		c.t.Fatalf("line %q %v, want %q", got, err, want)
	}
}

// event reads one event.
func (c *eventConn) event() (name, data string, err error) {
	var lines [3]string
	for i := range lines {
		if lines[i], err = c.lines.ReadString('\n'); err != nil {
			return "", "", err
		}
	}
	name, isEvent := strings.CutPrefix(lines[0], "event: ")
	data, isData := strings.CutPrefix(lines[1], "data: ")
	if !isEvent || !isData || lines[2] != "\n" {
		return "", "", fmt.Errorf("no event: %q", lines)
	}
	return strings.TrimSuffix(name, "\n"), strings.TrimSuffix(data, "\n"), nil
}

// expect reads events and compares their short forms.
func (c *eventConn) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		event, data, err := c.event()
		if err != nil {
			c.t.Fatalf("%v, want %q", err, w)
		}
		if got := shortEvent(c.t, event, data); got != w {
			c.t.Fatalf("%q, want %q", got, w)
		}
	}
}

// ended expects the proper end of the answer.
func (c *eventConn) ended() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.lines); err != nil || len(rest) > 0 {
		c.t.Errorf("%q %v, want the end", rest, err)
	}
	c.res.Body.Close()
}

func TestEventSource(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	f.Append(post(99, live))
	all := []struct {
		path string
		want []string
	}{
		{"/public", []string{"update 1", "update 2", "update 3", "update 4"}},
		{"/public?only_media=false", []string{"update 1"}},
		{"/public?only_media=true", []string{"update 3"}},
		{"/public/remote", []string{"update 1", "update 2", "update 3"}},
		{"/public/remote?only_media=1", []string{"update 3"}},
		{"/public/local", []string{"update 4"}},
		{"/hashtag?tag=C%C3%81ts", []string{"update 2", "update 4"}},
		{"/hashtag/local?tag=cats", []string{"update 4"}},
	}
	var conns []*eventConn
	for _, c := range all {
		conns = append(conns, f.events(c.path, nil))
	}
	f.Append(tagged(1), tagged(2, "cats"), pictured(3), hosted(4, "cats"))
	for i, c := range all {
		conns[i].expect(c.want...)
	}
}

func TestEventSourceRefusals(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	store := token.New(f.DB)
	good, created, err := store.Create(t.Context(), "reader", []string{"read"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	admin, _, err := store.Create(t.Context(), "admin", []string{"admin"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.serve(Config{Recheck: 10 * time.Millisecond}, func(ctx context.Context, secret string) error {
		_, err := store.Verify(ctx, secret, "read")
		return err
	})
	bearer := http.Header{"Authorization": {"Bearer " + good}}
	for _, c := range []struct {
		method, path string
		header       http.Header
		status       int
		message      string
	}{
		{"GET", "", bearer, 400, "Unknown channel requested"},
		{"GET", "/", bearer, 400, "Unknown channel requested"},
		{"GET", "/nonsense", nil, 400, "Unknown channel requested"},
		{"GET", "/public/", nil, 400, "Unknown channel requested"},
		{"GET", "/public/media", nil, 400, "Unknown channel requested"},
		{"GET", "/public", nil, 401, "Missing access token"},
		{"GET", "/public?access_token=nonsense", nil, 401, "Invalid access token"},
		{"GET", "/public?access_token=" + admin, nil, 401, "Access token does not have the required scopes"},
		{"GET", "/user", bearer, 401, "Access token does not have the required scopes"},
		{"GET", "/user/notification", bearer, 401, "Access token does not have the required scopes"},
		{"GET", "/direct", bearer, 401, "Access token does not have the required scopes"},
		{"GET", "/list?list=1", bearer, 401, "Access token does not have the required scopes"},
		{"GET", "/hashtag", bearer, 400, "Missing tag name parameter"},
		{"GET", "/hashtag/local?tag=", bearer, 400, "Missing tag name parameter"},
		{"POST", "/public", bearer, 405, "Method not allowed"},
	} {
		res := f.do(c.method, c.path, c.header)
		body, err := io.ReadAll(res.Body)
		if want := `{"error":"` + c.message + `"}`; err != nil || res.StatusCode != c.status || string(body) != want ||
			res.Header.Get("Content-Type") != "application/json" || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: %d %v %s", c.method, c.path, res.StatusCode, res.Header, body)
		}
	}
	open := []*eventConn{
		f.events("/public", bearer), f.events("/public?access_token="+good, nil),
		f.events("/public", http.Header{"Sec-Websocket-Protocol": {good}}),
	}
	if err := store.Revoke(t.Context(), created.ID); err != nil {
		t.Fatal(err)
	}
	for _, c := range open {
		c.ended()
	}
	f.reached("tributary_stream_closes_total", "token", 3)
}

func TestStreamingHealth(t *testing.T) {
	f := newFixture(t, Config{}, func(context.Context, string) error { return token.ErrUnknown })
	res := f.get("/health", nil)
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 200 || string(body) != "OK" || res.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%d %v %q", res.StatusCode, res.Header, body)
	}
	res = f.do(http.MethodOptions, "/public", http.Header{"Access-Control-Request-Headers": {"authorization"}})
	if h := res.Header; res.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Headers") != "authorization" {
		t.Errorf("preflight: %d %v", res.StatusCode, h)
	}
}

// Comments come while nothing is shown, and while something is.
func TestThump(t *testing.T) {
	f := newFixture(t, Config{Thump: 10 * time.Millisecond, Heartbeat: time.Hour}, nil)
	c := f.events("/hashtag?tag=nothing", nil)
	for range 3 {
		c.line(":thump")
		c.line("")
	}
	busy := f.events("/public", nil)
	for n, thumps := 0, 0; thumps < 3; n++ {
		f.Append(post(n, live))
		for updated := false; !updated; {
			line, err := busy.lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			updated = line == "event: update\n"
			if line == ":thump\n" {
				thumps++
			}
		}
	}
}

func TestEventSourceShutdown(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	c := f.events("/public", nil)
	f.Append(post(1, live))
	c.expect("update 1")
	closing := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		closing <- f.srv.Close(ctx)
	}()
	c.ended()
	if err := <-closing; err != nil {
		t.Error(err)
	}
	f.reached("tributary_stream_closes_total", "shutdown", 1)
	if res := f.get("/public", nil); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

// A client that goes away is noticed.
func TestEventSourceGone(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	c := f.events("/public", nil)
	f.reached("tributary_stream_clients", "", 1)
	c.res.Body.Close()
	f.reached("tributary_stream_closes_total", "gone", 1)
	f.reached("tributary_stream_clients", "", 0)
}

// HTTP/1.0 is what nginx speaks to those behind it: no chunks, the end of the
// connection is the end of the answer.
func TestEventSourceHTTP10(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	conn, err := net.Dial("tcp", f.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /api/v1/streaming/public HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || len(res.TransferEncoding) > 0 {
		t.Fatalf("%v %+v", err, res)
	}
	c := &eventConn{t, res, bufio.NewReader(res.Body)}
	c.line(":)")
	f.Append(post(1, live))
	c.expect("update 1")
	go func() { _ = f.srv.Close(context.Background()) }()
	c.ended()
}

// narrow is an HTTP client whose sockets hold little.
func narrow(t testing.TB) *http.Client {
	dial := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 96<<10) })
	}}
	transport := &http.Transport{DialContext: dial.DialContext, ReadBufferSize: 1 << 10}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// A client that reads slowly stays and gets everything; one that stopped ends, and
// holds up nobody.
func TestSlowEventSource(t *testing.T) {
	f := newFixture(t, Config{StallTimeout: time.Second, CloseWait: 20 * time.Millisecond}, nil)
	const n = 40
	quick := f.events("/public", nil)
	f.client = narrow(t)
	slow, _ := f.events("/public", nil), f.events("/public", nil) // the other reads nothing
	f.Append(big(n)...)
	for i := range n {
		quick.expect(updated(i))
	}
	for i := range n {
		slow.expect(updated(i))
		time.Sleep(5 * time.Millisecond)
	}
	f.reached("tributary_stream_closes_total", "slow", 1)
	f.reached("tributary_stream_clients", "", 2)
	f.Append(post(n, live))
	quick.expect(updated(n))
	slow.expect(updated(n))
}

func updated(n int) string {
	return "update " + strings.TrimPrefix(created(n), "create https://a.example/notes/")
}
