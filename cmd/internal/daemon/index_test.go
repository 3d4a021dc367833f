package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/cmd/internal/config"
	"tributary/index"
	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/relay"
)

// indexed is the part of the program that index.go builds, over a log of the test's.
type indexed struct {
	*Daemon
	log   *ingesttest.Env
	lines lockedBuffer // what was logged
	ended chan error   // of the part
}

// startIndexed runs it with a server by address.
func startIndexed(t *testing.T, address string) *indexed {
	t.Helper()
	x := &indexed{log: ingesttest.New(t), ended: make(chan error, 1)}
	community, err := relay.NewCommunity("http://127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&x.lines, nil))
	x.Daemon = &Daemon{
		cfg: config.Config{Dev: true, ClickHouse: config.ClickHouse{URL: address}}, log: log, registry: prometheus.NewRegistry(),
		parts: parts{log: log}, community: community, db: x.log.DB, ingest: x.log.Log, admission: x.log.Admission,
	}
	if err := x.openIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() { x.ended <- x.parts.run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-x.ended; err != nil {
			t.Error(err)
		}
	})
	return x
}

// ask returns the API's status and body.
func (x *indexed) ask(path string) (int, string) {
	w := httptest.NewRecorder()
	x.api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func (x *indexed) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s; logged: %s", what, x.lines.String())
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// A server that is not there stops nothing: the log takes records, the API says 503, and one line says why.
func TestIndexServerIsNotThere(t *testing.T) {
	x := startIndexed(t, "http://ana:geheim@"+freeAddress(t)+"/d")
	x.await(t, "a word about it", func() bool { return strings.Contains(x.lines.String(), "the index cannot be opened") })
	x.log.Append(ingesttest.Post("a.example", 1, ingest.TierLive))
	if status, body := x.ask("/api/v1/timelines/public"); status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", status, body)
	}
	select {
	case err := <-x.ended:
		t.Errorf("the part ended: %v", err)
		x.ended <- nil
	default:
	}
	if text := x.lines.String(); strings.Contains(text, "geheim") || strings.Count(text, "\n") != 1 {
		t.Error(text)
	}
}

func TestIndexAddressIsWrong(t *testing.T) {
	for _, address := range []string{"http://ana:geheim@h?max_threads=1", "clickhouse://ana:geheim@h/a`b"} {
		community, err := relay.NewCommunity("http://127.0.0.1:8080")
		if err != nil {
			t.Fatal(err)
		}
		d := &Daemon{cfg: config.Config{ClickHouse: config.ClickHouse{URL: address}}, log: slog.New(slog.DiscardHandler), registry: prometheus.NewRegistry(), community: community}
		err = d.openIndex(t.Context())
		if !errors.Is(err, index.ErrURL) || !strings.Contains(err.Error(), "clickhouse.url") || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestFailureIsToldOnce(t *testing.T) {
	var f failure
	away := func(port int) error { return fmt.Errorf("%w: port %d", index.ErrUnavailable, port) }
	for i, c := range []struct {
		err  error
		want bool
	}{
		{away(1), true},
		{away(2), false},
		{index.ErrOldServer, true},
		{index.ErrOldServer, false},
		{away(3), true},
		{errors.New("rights"), true},
		{errors.New("rights"), false},
	} {
		if got := f.news(c.err); got != c.want {
			t.Errorf("%d: told: %t", i, got)
		}
	}
	f.at = f.at.Add(-indexTold)
	if !f.news(errors.New("rights")) {
		t.Error("it is never told again")
	}
}

// The index opens when its server is there at last, and indexes what came before.
func TestIndexServerComesLate(t *testing.T) {
	base := os.Getenv("TRIBUTARY_TEST_CLICKHOUSE")
	if base == "" {
		t.Skip("needs a server on a port: make test-clickhouse")
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	u.Host, u.Path = freeAddress(t), fmt.Sprintf("/test_daemon_%d", os.Getpid())
	var running sync.WaitGroup
	t.Cleanup(running.Wait) // after the index has closed its connections
	x := startIndexed(t, u.String())
	x.log.Append(ingesttest.Post("a.example", 1, ingest.TierSearch))
	x.await(t, "a word about it", func() bool { return strings.Contains(x.lines.String(), "the index cannot be opened") })

	ln, err := net.Listen("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	running.Go(func() { forward(ln, server) })
	defer ln.Close()
	x.await(t, "the index", func() bool { status, _ := x.ask("/api/v1/timelines/public"); return status == http.StatusOK })
	x.await(t, "the post", func() bool {
		status, body := x.ask("/api/v2/search?type=statuses&q=post")
		return status == http.StatusOK && strings.Contains(body, "https://a.example/notes/1")
	})
	for path, want := range map[string]string{
		"/api/v1/instance/peers": `["a.example"]`, "/api/v1/instance": `"status_count":1,"domain_count":1`, "/tags/unused": "<h1>#unused</h1>",
	} {
		if status, body := x.ask(path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if text := x.lines.String(); !strings.Contains(text, "the index is open") || strings.Contains(text, "geheim") {
		t.Error(text)
	}
	var out bytes.Buffer
	if err := x.query(t.Context(), "DROP DATABASE "+u.Path[1:], "csv", &out); err != nil {
		t.Error(err)
	}
}

// forward leads every connection to a server.
func forward(ln net.Listener, server string) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		running.Go(func() {
			defer c.Close()
			s, err := net.Dial("tcp", server)
			if err != nil {
				return
			}
			running.Go(func() { _, _ = io.Copy(s, c); s.Close() })
			_, _ = io.Copy(c, s)
		})
	}
}
