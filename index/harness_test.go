package index

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/index/fresh"
	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/ingesttest"
)

// serverEnv names a ClickHouse server to test against, as clickhouse.url does; without it
// the tests start the embedded engine. `make test-clickhouse` sets it.
const serverEnv = "TRIBUTARY_TEST_CLICKHOUSE"

func serverOptions(t testing.TB) *clickhouse.Options {
	t.Helper()
	if url := os.Getenv(serverEnv); url != "" {
		o, err := ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	return engineOptions(t)
}

var databases atomic.Int64

// options reach a database of the test's own.
func options(t testing.TB) *clickhouse.Options {
	t.Helper()
	o := serverOptions(t)
	o.Auth.Database = fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	o.MaxOpenConns, o.MaxIdleConns = 32, 32
	t.Cleanup(func() {
		bare := *o
		bare.Auth.Database = ""
		conn, err := clickhouse.Open(&bare)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if err := conn.Exec(context.Background(), "DROP DATABASE IF EXISTS `"+o.Auth.Database+"`"); err != nil {
			t.Error(err)
		}
	})
	return o
}

// env is a log and an index over it.
type env struct {
	*ingesttest.Env
	*Index
	t       testing.TB
	options *clickhouse.Options
	tune    tuning
	newest  int // Config.Newest
	stop    func()
}

var quick = tuning{rows: 8192, linger: time.Millisecond, idle: 5 * time.Millisecond, rollupPause: time.Millisecond, freshAtOnce: fresh.LoadMost, loadPause: 10 * time.Millisecond}

func newEnv(t testing.TB, tune tuning) *env {
	t.Helper()
	o := options(t)
	e := &env{Env: ingesttest.New(t), t: t, options: o, tune: tune}
	e.start()
	t.Cleanup(func() { e.stop() })
	return e
}

// start opens the index and runs its writer.
func (e *env) start() {
	e.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	x, err := Open(ctx, Config{Options: e.options, DB: e.DB, Tail: e.Tail, Logger: ingesttest.Logger(e.t), Newest: e.newest})
	if err != nil {
		cancel()
		e.t.Fatal(err)
	}
	x.tune = e.tune
	e.Index = x
	var running sync.WaitGroup
	running.Go(func() {
		if err := x.Run(ctx); err != nil {
			e.t.Error(err)
		}
	})
	var once sync.Once
	e.stop = func() {
		once.Do(func() {
			cancel()
			running.Wait()
			if err := x.Close(); err != nil {
				e.t.Error(err)
			}
		})
	}
}

// restart ends the writer wherever it is and starts another one.
func (e *env) restart() {
	e.stop()
	e.start()
}

// put appends records and waits until they are indexed.
func (e *env) put(records ...*ingest.Record) {
	e.t.Helper()
	e.Append(records...)
	e.indexed()
}

// indexed waits until the index has what the log has.
func (e *env) indexed() {
	e.t.Helper()
	e.await("the index stays behind the log", func() bool { return e.Position() >= e.Tail.Tip() })
}

func (e *env) await(what string, ok func() bool) {
	e.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			e.t.Fatal(what)
		}
	}
}

// post is a public post with a text and hashtags.
func post(host, user string, n int, tier ingest.Tier, text string, tags ...string) *ingest.Record {
	r := ingesttest.Post(host, n, tier)
	r.Object = fmt.Sprintf("https://%s/users/%s/notes/%d", host, user, n)
	r.Actor = "https://" + host + "/users/" + user
	r.Author = author(r.Actor, user, tier)
	r.Post.URI, r.Post.URL = r.Object, r.Object
	r.Post.Text, r.Post.Content, r.Post.Tags = text, "<p>"+text+"</p>", tags
	r.Post.Published = time.Now().UTC().Truncate(time.Millisecond)
	r.Version = time.Now().UnixMilli()
	r.Content = r.Post.Hash()
	r.AuthorAt = r.Version
	return r
}

// author agrees to tier and no more.
func author(uri, user string, tier ingest.Tier) *ap.Author {
	return &ap.Author{
		URI: uri, Type: "Person", Username: user, Name: strings.ToUpper(user),
		Discoverable: tier >= ingest.TierLive, Indexable: tier >= ingest.TierSearch, OptOut: tier < ingest.TierStats,
	}
}

// edit is a later version of a post.
func edit(of *ingest.Record, change func(p *ap.Post)) *ingest.Record {
	r := *of
	p := *of.Post
	change(&p)
	r.Kind, r.Activity, r.Post = ingest.KindUpdate, "Update", &p
	r.Version, r.Content = of.Version+1000, p.Hash()
	return &r
}

func withdrawing(scope ingest.Scope, key string, tier ingest.Tier) *ingest.Record {
	return &ingest.Record{
		Kind: ingest.KindWithdraw, Scope: scope, Object: key, Tier: tier, PrevTier: ingest.TierSearch,
		Version: time.Now().UnixMilli(), Reason: "test",
	}
}

func objects(records []*ingest.Record) []string {
	uris := make([]string, len(records))
	for i, r := range records {
		uris[i] = r.Object
	}
	return uris
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
