package engine

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"tributary/ingest/child"
	"tributary/ingest/child/childtest"
)

// What the index will do, through the driver, under the small machine's limits.
func TestServesTheIndex(t *testing.T) {
	o := options(t)
	o.Dir = filepath.Join(o.Dir, strings.Repeat("d", 120))
	o.Socket = filepath.Join(o.Dir, "s") // longer than a socket's address
	o.Memory = 300 << 20
	p := start(t, o)
	client := p.driver(t)
	for _, sql := range []string{
		"CREATE DATABASE tributary",
		`CREATE TABLE tributary.posts (id UInt64, at DateTime64(3, 'UTC'), text String, tags Array(LowCardinality(String)), raw JSON, seq UInt64, deleted UInt8,
			INDEX words text TYPE text(tokenizer = 'splitByNonAlpha', preprocessor = lowerUTF8(text)))
			ENGINE = ReplacingMergeTree(seq, deleted) ORDER BY id PARTITION BY toYYYYMM(at)`,
		"CREATE MATERIALIZED VIEW tributary.tags ENGINE = AggregatingMergeTree ORDER BY tag AS SELECT arrayJoin(tags) AS tag, uniqState(id) AS posts FROM tributary.posts GROUP BY tag",
	} {
		if err := client.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for seq := range 2 {
		batch, err := client.PrepareBatch(t.Context(), "INSERT INTO tributary.posts")
		if err != nil {
			t.Fatal(err)
		}
		for id := range 5000 {
			err := batch.Append(uint64(id), time.UnixMilli(1_700_000_000_000), "Word"+strconv.Itoa(id)+" common", []string{"a", "b"}, `{"a":{"b":1}}`, uint64(seq), uint8(seq*id%2))
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range [][2]string{
		{"SELECT count() FROM tributary.posts FINAL", "2500"},
		{"SELECT id, raw.a.b FROM tributary.posts FINAL WHERE hasAllTokens(text, 'word42')", "42\t1"},
		{"SELECT tag, uniqMerge(posts) FROM tributary.tags GROUP BY tag ORDER BY tag", "a\t5000\nb\t5000"},
		{"SELECT timezone()", "UTC"},
		// Mutations wait for free threads of a pool that is small here.
		{"ALTER TABLE tributary.posts DELETE WHERE id < 100 SETTINGS mutations_sync = 2", ""},
		{"DELETE FROM tributary.posts WHERE id = 100", ""},
		{"OPTIMIZE TABLE tributary.posts FINAL", ""},
		{"SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'", strconv.Itoa(300 << 20)},
		{"SELECT value FROM system.server_settings WHERE name = 'background_pool_size'", "2"},
	} {
		if got := p.must(t, c[0]); got != c[1] {
			t.Errorf("%s: %s", c[0], got)
		}
	}
	// Too much for one statement fails it alone.
	text, code := p.ask(t, "SELECT length(groupArray(toString(number) || repeat('x', 1000))) FROM numbers(1000000)")
	if code != "241" {
		t.Errorf("a statement beyond the memory: %s %.300s", code, text)
	}
	if got := p.must(t, "SELECT 1"); got != "1" {
		t.Error(got)
	}
	if found := open(t, o.Dir); len(found) > 0 {
		t.Errorf("open to others: %q", found)
	}
}

// Secrets come by the environment.
func TestEnvironmentStaysBehind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	t.Setenv("SECRET", "of the parent")
	p := start(t, options(t))
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.Pid()), "environ"))
	if got := strings.TrimRight(string(b), "\x00"); err != nil || got != "TZ=UTC" {
		t.Errorf("environment: %q, %v", got, err)
	}
}

// One line says what is missing and what to do; nothing is started.
func TestNotInstalled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Dir: t.TempDir(), Socket: filepath.Join(t.TempDir(), "s"), Log: slog.New(slog.DiscardHandler)}
	for name, c := range map[string]struct{ library, binary, fix string }{
		"no library": {filepath.Join(t.TempDir(), "libchdb.so"), self, "make engine-lib"},
		"no binary":  {self, filepath.Join(t.TempDir(), "tributary-engine"), "make build"},
		"nothing":    {"", "", "make build"},
	} {
		o.Library, o.Binary = c.library, c.binary
		_, err := Start(t.Context(), o, nil)
		if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), c.fix) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		if err := Run(t.Context(), o); !errors.Is(err, ErrNotInstalled) {
			t.Errorf("%s: Run: %v", name, err)
		}
	}
}

// A file that is no such library; the supervisor says so, whoever waits is told.
func TestBrokenLibrary(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Dir: t.TempDir(), Socket: filepath.Join(t.TempDir(), "s"), Binary: self, Library: filepath.Join(t.TempDir(), libraryName),
	}
	if err := os.WriteFile(o.Library, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &childtest.Recorder{}
	o.Log = log.Logger()
	p, err := Start(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	log.Await(t, "starting it again")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Ready(ctx); err == nil || !strings.Contains(err.Error(), "make engine-lib") {
		t.Error(err)
	}
}

// A table whose definition is damaged: the reason, and what to do.
func TestBrokenData(t *testing.T) {
	o := options(t)
	p := start(t, o)
	p.must(t, "CREATE DATABASE d")
	p.must(t, "CREATE TABLE d.broken (a Int8) ENGINE = MergeTree ORDER BY a")
	p.client.CloseIdleConnections()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	found, _ := filepath.Glob(filepath.Join(o.Dir, "data/store/*/*/broken.sql"))
	if len(found) != 1 {
		t.Fatalf("definitions: %q", found)
	}
	if err := os.WriteFile(found[0], []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &childtest.Recorder{}
	o.Log = log.Logger()
	again, err := Start(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	log.Await(t, "starting it again")
	for _, part := range []string{"broken.sql", "the line before says why", "starts empty"} {
		if log.Line(part) == "" {
			t.Errorf("the log lacks %q", part)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{Dir: "d", Socket: "s", Log: slog.New(slog.DiscardHandler)}
	for name, change := range map[string]func(*Options){
		"no dir":       func(o *Options) { o.Dir = "" },
		"no socket":    func(o *Options) { o.Socket = "" },
		"no log":       func(o *Options) { o.Log = nil },
		"no memory":    func(o *Options) { o.Memory = 1 << 20 },
		"many merges":  func(o *Options) { o.Merges = 1000 },
		"no sessions":  func(o *Options) { o.Sessions = -1 },
		"negative":     func(o *Options) { o.LockWait = -1 },
		"bad database": func(o *Options) { o.Readable = "a`.*, b" },
	} {
		o := good
		change(&o)
		if _, err := Start(t.Context(), o, nil); err == nil || errors.Is(err, ErrNotInstalled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two engines: the lock goes along into the next program.
func TestSecondEngineIsRefused(t *testing.T) {
	o := options(t)
	p := start(t, o)
	log := &childtest.Recorder{}
	second := o
	second.Log, second.LockWait, second.Socket = log.Logger(), time.Millisecond, filepath.Join(t.TempDir(), "s")
	q, err := Start(context.Background(), second, child.NewMetrics(nil))
	if err != nil {
		t.Fatal(err)
	}
	log.Await(t, "in use by another engine")
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if got := p.must(t, "SELECT 1"); got != "1" {
		t.Error(got)
	}
}
