package remote

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tributary/ingest/signature"
	"tributary/ingest/state"
	"tributary/ingest/state/statetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const activityJSON = "application/activity+json"

// ourKey is our service actor's; theirKey is that of the actors in the tests; newKey
// is what they change to.
var (
	ourKey   = sync.OnceValue(mustKey)
	theirKey = sync.OnceValue(mustKey)
	newKey   = sync.OnceValue(mustKey)
)

func mustKey() *rsa.PrivateKey {
	key, err := signature.GenerateKey()
	if err != nil {
		panic(err)
	}
	return key
}

// clock is a clock that tests move.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) forward(d time.Duration) { c.offset.Add(int64(d)) }

// peer is a server of the fediverse on loopback. Handlers may be changed while it runs.
type peer struct {
	*httptest.Server
	mu       sync.Mutex
	handlers map[string]http.HandlerFunc
	hits     map[string]int
}

func newPeer(t testing.TB) *peer {
	t.Helper()
	p := &peer{handlers: map[string]http.HandlerFunc{}, hits: map[string]int{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	h := p.handlers[r.URL.Path]
	p.hits[r.URL.Path]++
	p.mu.Unlock()
	if h == nil {
		http.NotFound(w, r)
		return
	}
	h(w, r)
}

func (p *peer) handle(path string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handlers[path] = h
}

func (p *peer) hit(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits[path]
}

// serve answers a path with a document.
func (p *peer) serve(path string, document any) string {
	p.handle(path, answer(document))
	return p.URL + path
}

func answer(document any) http.HandlerFunc {
	body := marshal(document)
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", activityJSON)
		_, _ = w.Write(body)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

func marshal(document any) []byte {
	if text, ok := document.(string); ok {
		return []byte(text)
	}
	body, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	return body
}

type object = map[string]any

// person is an actor as Mastodon writes one.
func person(id string, key *rsa.PrivateKey) object {
	return object{
		"@context": []string{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"},
		"id":       id, "type": "Person", "preferredUsername": "vera",
		"inbox": id + "/inbox", "outbox": id + "/outbox",
		"publicKey": publicKey(id+"#main-key", id, key),
	}
}

func publicKey(id, owner string, key *rsa.PrivateKey) object {
	return object{"id": id, "owner": owner, "publicKeyPem": signature.MarshalPublic(&key.PublicKey)}
}

// addActor serves an actor and returns its id.
func (p *peer) addActor(path string) string { return p.serve(path, person(p.URL+path, theirKey())) }

// devConfig allows what tests on loopback need.
func devConfig() Config { return Config{AllowPrivate: true, AllowHTTP: true} }

type testClient struct {
	*Client
	clock *clock
	reg   *prometheus.Registry
}

func newTestClient(t testing.TB, cfg Config, db *state.DB, permit func(netip.AddrPort) error) *testClient {
	t.Helper()
	c := &testClient{clock: &clock{}, reg: prometheus.NewRegistry()}
	signer := signature.NewSigner("https://our.example/actor#main-key", ourKey(), 0)
	c.Client = newClient(cfg, signer, db, testLog(t), c.reg, permit, c.clock.now)
	t.Cleanup(c.Close)
	return c
}

func devClient(t testing.TB) *testClient { return newTestClient(t, devConfig(), nil, nil) }

func openDB(t testing.TB) *state.DB {
	t.Helper()
	db, err := state.Open(t.Context(), statetest.Source(t, filepath.Join(t.TempDir(), "state.db")), testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// metric reads a counter or gauge by name and label values, in the order of the labels' names.
func (c *testClient) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := c.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			if fmt.Sprint(values) == fmt.Sprint(labels) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 5000 {
		if is() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}
