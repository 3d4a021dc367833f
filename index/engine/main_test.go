package engine

import (
	"context"
	"flag"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"tributary/index/engine/server"
	"tributary/ingest/child"
	"tributary/ingest/child/childtest"
)

// TestMain lets the test binary be both programs, tributary and tributary-engine, and the parent of one.
func TestMain(m *testing.M) {
	part := ""
	if len(os.Args) > 1 {
		part = os.Args[1]
	}
	switch part {
	case "engine":
		exit(func(log *slog.Logger) error { return engineMain(os.Args[2:], log) })
	case "serve":
		exit(func(log *slog.Logger) error { return server.Main(os.Args[1:], log) })
	case "parent":
		exit(func(*slog.Logger) error { return childtest.ParentMain(os.Args[2:]) })
	}
	goleak.VerifyTestMain(m)
}

func exit(main func(*slog.Logger) error) {
	log := child.Logger(slog.LevelDebug)
	if err := main(log); err != nil {
		log.Error("ended", "err", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// engineMain is what cmd/tributary/engine.go does.
func engineMain(args []string, log *slog.Logger) error {
	o := Options{Log: log}
	flags := flag.NewFlagSet("engine", flag.ExitOnError)
	flags.StringVar(&o.Dir, "dir", "", "")
	flags.StringVar(&o.Socket, "socket", "", "")
	flags.StringVar(&o.Listen, "listen", "", "")
	flags.BoolVar(&o.Anywhere, "anywhere", false, "")
	flags.StringVar(&o.Credentials, "credentials", "", "")
	flags.StringVar(&o.Library, "library", "", "")
	flags.StringVar(&o.Binary, "binary", "", "")
	flags.StringVar(&o.Readable, "readable", "", "")
	flags.Int64Var(&o.Memory, "memory", 0, "")
	flags.IntVar(&o.Merges, "merges", 0, "")
	flags.IntVar(&o.Sessions, "sessions", 0, "")
	flags.DurationVar(&o.LockWait, "lock-wait", 0, "")
	flags.BoolVar(&o.off.roles, "off-roles", false, "")
	flags.BoolVar(&o.off.landlock, "off-landlock", false, "")
	_ = flags.Parse(args)
	ctx, stop := child.Context(context.Background())
	defer stop()
	return Run(ctx, o)
}

// needLibrary returns its path, or skips.
func needLibrary(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("node_modules/@chdb/*/" + libraryName)
	if len(found) == 0 {
		t.Skip("libchdb.so is not installed: make engine-lib")
	}
	path, err := filepath.Abs(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// options for an engine in a directory of the test, beside other data.
func options(t testing.TB) Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return Options{
		Dir: filepath.Join(dir, "engine"), Socket: filepath.Join(dir, "s"), Library: needLibrary(t), Binary: self,
		Log: childtest.Log(t),
	}
}

// peer is a running engine and a client of it.
type peer struct {
	*child.Process
	o      Options
	client *http.Client
}

func start(t testing.TB, o Options) *peer {
	t.Helper()
	process, err := Start(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := connect(o)
	p.Process = process
	t.Cleanup(func() {
		p.client.CloseIdleConnections()
		if err := process.Close(); err != nil {
			t.Error(err)
		}
	})
	childtest.Ready(t, p.Process)
	return p
}

func connect(o Options) *peer {
	dial := Dial(o.Socket)
	return &peer{o: o, client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return dial(ctx, addr) },
	}}}
}

// ask runs a statement with parameters ("name", "value", …); code is ClickHouse's number of an error, "" if there was none.
func (p *peer) ask(t testing.TB, sql string, params ...string) (text, code string) {
	t.Helper()
	values := url.Values{}
	for i := 0; i < len(params); i += 2 {
		values.Set(params[i], params[i+1])
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://engine/?"+values.Encode(), strings.NewReader(sql))
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.client.Do(r)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if res.StatusCode != http.StatusOK {
		return string(b), res.Header.Get("X-ClickHouse-Exception-Code")
	}
	return strings.TrimSuffix(string(b), "\n"), ""
}

func (p *peer) must(t testing.TB, sql string) string {
	t.Helper()
	text, code := p.ask(t, sql)
	if code != "" {
		t.Fatalf("%s: %s", sql, text)
	}
	return text
}

// driver is clickhouse-go as the index uses it.
func (p *peer) driver(t testing.TB) driver.Conn {
	t.Helper()
	c, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{Addr}, DialContext: Dial(p.o.Socket),
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// open are the files below a folder that others may look into.
func open(t testing.TB, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // merged away meanwhile
		}
		if info, err := d.Info(); err == nil && info.Mode().Perm()&0o077 != 0 && info.Mode()&fs.ModeSymlink == 0 {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
