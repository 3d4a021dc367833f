package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"tributary/index/engine/chdb"
)

// TestMain lets the test binary be a process that can be lost.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "part-signals" {
		signalsPart(os.Args[2], os.Args[3], os.Args[4] == "keep")
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if running != nil {
			running.Close()
			_ = os.RemoveAll(runningDir)
		}
		os.Exit(code)
	}))
}

var (
	running    *chdb.Engine
	runningDir string
)

// engine is the one that a process can have; each test has a database of its own.
var engine = sync.OnceValues(func() (*chdb.Engine, error) {
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		return nil, err
	}
	runningDir = dir
	running, err = chdb.Open(chdb.Options{Library: libraryPath(), Path: filepath.Join(dir, "data")})
	return running, err
})

func libraryPath() string {
	found, _ := filepath.Glob("../node_modules/@chdb/*/libchdb.so")
	if len(found) == 0 {
		return ""
	}
	path, _ := filepath.Abs(found[0])
	return path
}

func needLibrary(t testing.TB) {
	t.Helper()
	if libraryPath() == "" {
		t.Skip("libchdb.so is not installed: make engine-lib")
	}
}

// peer is a server on a socket, and a client's side.
type peer struct {
	*Server
	socket   string
	database string
	client   *http.Client
}

func serve(t testing.TB, off guards) *peer {
	t.Helper()
	needLibrary(t)
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(e, 8, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.off = off
	p := &peer{Server: s, socket: filepath.Join(t.TempDir(), "s"), database: "test_" + strings.ToLower(strings.NewReplacer("/", "_", "#", "_").Replace(t.Name()))}
	ln, err := net.Listen("unix", p.socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx, Options{Listener: ln}) }()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", p.socket)
		},
	}
	p.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		s.close()
	})
	p.must(t, "DROP DATABASE IF EXISTS "+p.database)
	p.must(t, "CREATE DATABASE "+p.database)
	return p
}

// answer is a response, read to its end.
type answer struct {
	status int
	code   string // X-ClickHouse-Exception-Code
	text   string
	header http.Header
	err    error // while reading
}

// post sends a statement with parameters to the test's database.
func (p *peer) post(t testing.TB, values url.Values, body io.Reader, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://engine/?"+values.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return p.do(t, r)
}

func (p *peer) do(t testing.TB, r *http.Request) answer {
	t.Helper()
	res, err := p.client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header.Get("X-ClickHouse-Exception-Code"), string(b), res.Header, err}
}

// must runs a statement and returns what it gives, without the last newline.
func (p *peer) must(t testing.TB, sql string) string {
	t.Helper()
	a := p.post(t, nil, strings.NewReader(sql))
	if a.status != http.StatusOK || a.err != nil {
		t.Fatalf("%s: %d %s %v", sql, a.status, a.text, a.err)
	}
	return strings.TrimSuffix(a.text, "\n")
}

// table makes one in the test's database and returns its name.
func (p *peer) table(t testing.TB, name, columns string) string {
	t.Helper()
	name = p.database + "." + name
	p.must(t, "CREATE TABLE "+name+" ("+columns+") ENGINE = MergeTree ORDER BY tuple()")
	return name
}

// driver is clickhouse-go as programs use it.
func (p *peer) driver(t testing.TB, compression *clickhouse.Compression, settings clickhouse.Settings) driver.Conn {
	t.Helper()
	c, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{"engine.invalid:8123"}, Compression: compression, Settings: settings,
		DialContext: func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", p.socket)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// code is ClickHouse's number of an error that the driver gave; 0: none.
func code(err error) int {
	var e *clickhouse.Exception
	if errors.As(err, &e) {
		return int(e.Code)
	}
	return 0
}

// await waits for a condition; the limit only ends a test that would hang.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waiting for %s", what)
		}
	}
}

func numbers(n int) *bytes.Buffer {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintln(&b, i)
	}
	return &b
}
