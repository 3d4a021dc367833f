package delivery

import (
	"context"
	"crypto/rsa"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/signature"
)

// peer is a subscribed server over real sockets. It verifies what it gets.
type peer struct {
	*httptest.Server
	key rsa.PublicKey

	mu     sync.Mutex
	status int // 0: 202
	got    []string
	news   chan struct{}
}

func newPeer(t testing.TB, key rsa.PublicKey) *peer {
	p := &peer{key: key, news: make(chan struct{})}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *peer) inbox() string { return p.URL + "/inbox" }
func (p *peer) host() string  { return strings.TrimPrefix(p.URL, "http://") }

func (p *peer) answer(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s, err := signature.Parse(r)
	if err == nil {
		err = s.Verify(r, body, &p.key, time.Now())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	case p.status != 0:
		w.WriteHeader(p.status)
		return
	}
	p.got = append(p.got, string(body))
	close(p.news)
	p.news = make(chan struct{})
	w.WriteHeader(http.StatusAccepted)
}

// waitFor waits until the peer has something with each of these words, and
// returns all that it has.
func (p *peer) waitFor(t testing.TB, words ...string) []string {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		p.mu.Lock()
		got, news := slices.Clone(p.got), p.news
		p.mu.Unlock()
		missing := slices.DeleteFunc(slices.Clone(words), func(w string) bool {
			return slices.ContainsFunc(got, func(g string) bool { return strings.Contains(g, w) })
		})
		if len(missing) == 0 {
			return got
		}
		select {
		case <-news:
		case <-deadline:
			t.Fatalf("%d of %d never came, the first is %s", len(missing), len(words), missing[0])
		}
	}
}

// run starts an engine over a real log and returns what ends it.
func run(t testing.TB, env *ingesttest.Env, cfg Config, signer *signature.Signer, subs *fakeSubscribers) (*Engine, func()) {
	t.Helper()
	e, err := New(cfg, Deps{
		Tail: env.Tail, DB: env.DB, Signer: signer, Client: loopback(t, signer), Subscribers: subs,
		Actor: testActor, Log: ingesttest.Logger(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Run(context.Background()) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			if err := e.Close(context.Background()); err != nil {
				t.Error(err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return e, stop
}

// post makes a record with an LD signature, of an author of its own.
func post(host string, n int) *ingest.Record {
	r := ingesttest.Post(host, n, ingest.TierSearch)
	r.LDSigned = true
	return r
}

func word(n int) string { return fmt.Sprintf(`notes/%d"`, n) }

func words(first, last int) (w []string) {
	for n := first; n <= last; n++ {
		w = append(w, word(n))
	}
	return w
}

func testSigner(t testing.TB) (*signature.Signer, rsa.PublicKey) {
	t.Helper()
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return signature.NewSigner(testActor+"#main-key", key, 2), key.PublicKey
}

// TestThroughTheRealLog: signed raw bytes and Announces from Kafka to sockets, an
// outage of one server, a restart of ours, and what was deleted meanwhile.
func TestThroughTheRealLog(t *testing.T) {
	env := ingesttest.New(t)
	signer, key := testSigner(t)
	good, bad := newPeer(t, key), newPeer(t, key)
	subs := subscribed(good.inbox(), bad.inbox())
	bad.answer(http.StatusServiceUnavailable)
	e, stop := run(t, env, Config{}, signer, subs)
	waitForLanes(t, e, 2)

	unsigned := post("origin.example", 2)
	unsigned.LDSigned = false
	own := post(good.host(), 3) // the good server's own
	env.Append(post("origin.example", 1), unsigned, own)
	got := good.waitFor(t, word(1), word(2))
	if !strings.Contains(strings.Join(got, "\n"), `"type":"Announce","actor":"`+testActor+`"`) {
		t.Errorf("no Announce of what has no LD signature: %v", got)
	}

	doomed := post("origin.example", 4)
	env.Append(doomed)
	good.waitFor(t, word(4))
	stop()
	env.Append(ingesttest.Delete(doomed))
	for n := 5; n < 200; n++ {
		env.Append(post("origin.example", n))
	}
	bad.answer(0)
	e, _ = run(t, env, Config{}, signer, subs)
	got = good.waitFor(t, append(words(5, 199), `"type":"Delete"`)...)
	if len(got) != 2+1+1+195 {
		t.Errorf("%d deliveries, want each record once", len(got))
	}
	got = bad.waitFor(t, append(append(words(1, 3), words(5, 199)...), `"type":"Delete"`)...)
	for _, g := range got {
		if strings.Contains(g, word(4)) && strings.Contains(g, "Create") {
			t.Error("a post that was deleted during the outage was sent")
		}
	}
	for _, s := range waitForLag(t, e, 0) {
		if s.GivenUp != 0 || s.Missed != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// TestRestartOfEverythingInTheMiddle: the whole process ends while posts are
// coming in and a server is slow; afterwards nothing is missing.
func TestRestartOfEverythingInTheMiddle(t *testing.T) {
	env := ingesttest.New(t)
	signer, key := testSigner(t)
	p := newPeer(t, key)
	subs := subscribed(p.inbox())
	e, stop := run(t, env, Config{}, signer, subs)
	waitForLanes(t, e, 1)
	n := 0
	for range 3 {
		for range 60 {
			n++
			env.Append(post(fmt.Sprintf("s%d.example", n%7), n))
		}
		stop()
		env.Stop()
		env.Start()
		_, stop = run(t, env, Config{}, signer, subs)
	}
	p.waitFor(t, words(1, n)...)
}

func waitForLanes(t testing.TB, e *Engine, n int) []Status {
	return waitForStatus(t, e, func(list []Status) bool { return len(list) == n })
}

func waitForLag(t testing.TB, e *Engine, lag uint64) []Status {
	return waitForStatus(t, e, func(list []Status) bool {
		return !slices.ContainsFunc(list, func(s Status) bool { return s.Lag > lag })
	})
}

func waitForStatus(t testing.TB, e *Engine, ok func([]Status) bool) []Status {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		list, err := e.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if ok(list) {
			return list
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d lanes, the first %+v", len(list), list[:min(1, len(list))])
		}
	}
}
