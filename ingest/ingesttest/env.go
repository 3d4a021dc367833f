// Package ingesttest gives tests a running log: a real broker (kfake, or an Apache
// Kafka by TRIBUTARY_TEST_KAFKA: `make test-kafka`), a real state database (SQLite)
// and everything of package ingest over them.
package ingesttest

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/remote"
	"tributary/ingest/state"
	"tributary/ingest/state/statetest"
)

// Env is a running log.
type Env struct {
	Broker    *Broker
	DB        *state.DB
	Log       *ingest.Log
	Tail      *ingest.Tail
	Queue     *ingest.FetchQueue
	Admission *ingest.Admission
	Origin    *Origin
	Blocked   func(uri string) bool // set before Start; nil: nobody

	t    testing.TB
	dsn  string
	stop func()
}

// New starts a broker in memory and a log over it.
func New(t testing.TB) *Env { return NewOn(t, NewBroker(t, ""), t.TempDir()) }

// NewOn starts a log over a broker, with its state database in dir.
func NewOn(t testing.TB, b *Broker, dir string) *Env {
	t.Helper()
	e := &Env{t: t, Broker: b, dsn: statetest.Source(t, filepath.Join(dir, "state.db")), Origin: NewOrigin()}
	e.Start()
	t.Cleanup(e.Stop)
	return e
}

// Logger sends what the product logs to the test's log.
func Logger(t testing.TB) *slog.Logger {
	w := &testWriter{t: t}
	t.Cleanup(w.end)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

type testWriter struct {
	mu    sync.Mutex
	t     testing.TB
	ended bool
}

func (w *testWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

func (w *testWriter) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}

// Start opens the log and waits until it is ready.
func (e *Env) Start() {
	e.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	db, err := state.Open(ctx, e.dsn, Logger(e.t))
	if err != nil {
		e.t.Fatal(err)
	}
	log, err := ingest.Open(ctx, ingest.Config{Kafka: e.Broker.Kafka(), DB: db, Logger: Logger(e.t)})
	if err != nil {
		e.t.Fatal(err)
	}
	e.DB, e.Log, e.Tail = db, log, log.Tail()
	e.Queue = ingest.NewFetchQueue(log, e.Origin, e.Blocked)
	e.Admission = ingest.NewAdmission(log, e.Queue)
	var running sync.WaitGroup
	running.Go(func() { _ = log.Run(ctx) })
	running.Go(func() { _ = e.Queue.Run(ctx) })
	var once sync.Once
	e.stop = func() {
		once.Do(func() {
			cancel()
			running.Wait()
			_ = db.Close()
		})
	}
	select {
	case <-log.Ready():
	case <-time.After(10 * time.Second):
		e.t.Fatal("log not ready")
	}
}

// Stop ends it cleanly.
func (e *Env) Stop() { e.stop() }

// Append puts records into the log and waits until the Tail has read them.
func (e *Env) Append(records ...*ingest.Record) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, r := range records {
		if err := e.Log.Append(ctx, r); err != nil {
			e.t.Fatal(err)
		}
	}
	e.CatchUp()
}

// CatchUp waits until the Tail and the state cursor have read all that is in the log.
func (e *Env) CatchUp() {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := e.Log.CatchUp(ctx); err != nil {
		e.t.Fatal(err)
	}
}

// Post makes a create record of a public post with the tier, as admission would.
func Post(host string, n int, tier ingest.Tier) *ingest.Record {
	actor := "https://" + host + "/users/alice"
	uri := fmt.Sprintf("https://%s/notes/%d", host, n)
	at := time.Date(2026, 3, 1, 12, 0, n%60, 0, time.UTC)
	return &ingest.Record{
		Kind: ingest.KindCreate, Object: uri, Actor: actor, Domain: host, Activity: "Create",
		Author:  &ap.Author{URI: actor, Type: "Person", Username: "alice", Name: "Alice", Discoverable: true, Indexable: true},
		Version: at.UnixMilli(), Content: uint64(n), Tier: tier, Grant: ingest.GrantSubscriber, Giver: host,
		Verified: ingest.VerifiedHTTP, AuthorAt: at.UnixMilli(),
		Raw: []byte(fmt.Sprintf(`{"id":"%s/activity","type":"Create","actor":"%s","object":{"id":"%s","type":"Note"}}`, uri, actor, uri)),
		Post: &ap.Post{
			URI: uri, Type: "Note", URL: uri, Visibility: ap.Public, Published: at,
			Content: fmt.Sprintf("<p>post %d</p>", n), Text: fmt.Sprintf("post %d", n), Language: "en", Tags: []string{"test"},
		},
	}
}

// Delete makes the delete record of such a post.
func Delete(of *ingest.Record) *ingest.Record {
	return &ingest.Record{
		Kind: ingest.KindDelete, Object: of.Object, Actor: of.Actor, Domain: of.Domain, Activity: "Delete",
		Grant: of.Grant, Giver: of.Giver, Verified: ingest.VerifiedHTTP,
		Raw: []byte(fmt.Sprintf(`{"type":"Delete","actor":"%s","object":"%s"}`, of.Actor, of.Object)),
	}
}

// Origin is a web of documents that the fetch queue reads.
type Origin struct {
	mu      sync.Mutex
	objects map[string][]byte
	actors  map[string]*ap.Actor
	gone    map[string]bool
}

// NewOrigin returns an empty web: what is not there cannot be had now.
func NewOrigin() *Origin {
	return &Origin{objects: map[string][]byte{}, actors: map[string]*ap.Actor{}, gone: map[string]bool{}}
}

// SetObject publishes a document.
func (o *Origin) SetObject(uri string, doc []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.objects[uri] = doc
}

// SetActor publishes an actor.
func (o *Origin) SetActor(a *ap.Actor) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.actors[a.URI] = a
}

// SetGone makes a URI answer 410.
func (o *Origin) SetGone(uri string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gone[uri] = true
}

// Object returns a published document.
func (o *Origin) Object(_ context.Context, uri string) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if doc, ok := o.objects[uri]; ok && !o.gone[uri] {
		return doc, nil
	}
	return nil, o.missing(uri)
}

// Actor returns a published actor.
func (o *Origin) Actor(_ context.Context, uri string) (*ap.Actor, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a, ok := o.actors[uri]; ok && !o.gone[uri] {
		return a, nil
	}
	return nil, o.missing(uri)
}

func (o *Origin) missing(uri string) error {
	if o.gone[uri] {
		return fmt.Errorf("test origin: %s: %w", uri, remote.ErrGone)
	}
	return fmt.Errorf("test origin: %s: %w", uri, remote.ErrTemporary)
}

// CopyState copies the state database of dir to a new directory, as a kill at
// this moment would leave it.
func CopyState(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	statetest.Copy(t, filepath.Join(dir, "state.db"), filepath.Join(to, "state.db"))
	return to
}
