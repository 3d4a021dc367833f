package delivery

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest/remote"
	"tributary/ingest/signature"
)

// loopback is a client that may call this machine.
func loopback(t testing.TB, signer *signature.Signer) *remote.Client {
	c := remote.New(remote.Config{AllowPrivate: true, AllowHTTP: true}, signer, nil, quiet(), nil)
	t.Cleanup(c.Close)
	return c
}

// sink is a server over real sockets that counts connections.
func sink(t testing.TB, h http.HandlerFunc) (server *httptest.Server, connections *atomic.Int64) {
	connections = new(atomic.Int64)
	server = httptest.NewUnstartedServer(h)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server, connections
}

func newSender(t testing.TB, signer Signer, timeout time.Duration) *sender {
	return &sender{
		client: loopback(t, nil), signer: signer, timeout: timeout, patient: make(chan struct{}, 1),
		forms: signature.NewPreferences(nil), shares: newShares(),
		metrics: NewMetrics(prometheus.NewRegistry()), log: quiet(),
	}
}

func letterTo(t testing.TB, inbox string) letter {
	u, _, err := parseInbox(inbox)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"type":"Create"}`)
	return letter{to: u, body: body, digest: signature.Digest(body)}
}

func TestSendSignsWhatArrives(t *testing.T) {
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	var verified error
	server, _ := sink(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var s *signature.Signature
		if s, verified = signature.Parse(r); verified == nil {
			verified = s.Verify(r, body, &key.PublicKey, time.Now())
		}
		w.WriteHeader(http.StatusAccepted)
	})
	s := newSender(t, signature.NewSigner(testActor+"#main-key", key, 1), 10*time.Second)
	if ans := s.send(t.Context(), letterTo(t, server.URL+"/inbox?x=1")); ans.verdict != settled || verified != nil {
		t.Errorf("%+v, %v", ans, verified)
	}
}

// TestSendReadsAnswersWithinBounds: connections are used again after small
// bodies, endless ones hold nothing up, and a long error is cut.
func TestSendReadsAnswersWithinBounds(t *testing.T) {
	release := make(chan struct{})
	answers := map[string]http.HandlerFunc{
		"/small": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"status":"Accepted"}`) // GoToSocial
		},
		"/empty": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		"/endless": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			for {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		},
		"/stuck": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, "more will ")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-release:
			}
		},
		"/refusal": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("no ", 10000), http.StatusUnprocessableEntity)
		},
		"/redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/small", http.StatusPermanentRedirect)
		},
		"/hangup": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"/silent": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-r.Context().Done():
			case <-release:
			}
		},
	}
	for _, c := range []struct {
		path        string
		timeout     time.Duration
		verdict     verdict
		result      result
		text        string // how it begins
		connections int64  // of three requests; 0: any
	}{
		{"/small", 10 * time.Second, settled, "", "", 1},
		{"/empty", 10 * time.Second, settled, "", "", 1},
		{"/endless", 10 * time.Second, settled, "", "", 3},
		{"/stuck", 200 * time.Millisecond, settled, "", "", 3},
		{"/refusal", 10 * time.Second, judgedRecord, "", "422 Unprocessable Entity: no no no", 0},
		{"/redirect", 10 * time.Second, judgedServer, resultStatus, "308 Permanent Redirect", 1},
		{"/hangup", 10 * time.Second, judgedServer, resultNetwork, "network: EOF", 0},
		{"/silent", 200 * time.Millisecond, judgedServer, resultTimeout, "timeout: no answer in time of 200ms", 3},
	} {
		t.Run(c.path[1:], func(t *testing.T) {
			server, connections := sink(t, answers[c.path])
			s := newSender(t, stubSigner{}, c.timeout)
			for range 3 {
				ans := s.send(t.Context(), letterTo(t, server.URL+c.path))
				if ans.verdict != c.verdict || !strings.HasPrefix(ans.text, c.text) || len(ans.text) > textMax+100 {
					t.Errorf("%+v", ans)
				}
				if ans.verdict == judgedServer && resultOf(ans) != c.result {
					t.Errorf("counted as %s", resultOf(ans))
				}
			}
			if n := connections.Load(); c.connections != 0 && n != c.connections {
				t.Errorf("%d connections for three requests, want %d", n, c.connections)
			}
		})
	}
	close(release)
}

func TestSendToNobody(t *testing.T) {
	server, _ := sink(t, nil)
	url := server.URL
	server.Close()
	s := newSender(t, stubSigner{}, 10*time.Second)
	ans := s.send(t.Context(), letterTo(t, url+"/inbox"))
	if ans.verdict != judgedServer || resultOf(ans) != resultNetwork || !strings.Contains(ans.text, "connection refused") {
		t.Errorf("%+v", ans)
	}
	if strings.Contains(ans.text, "/inbox") {
		t.Errorf("the error repeats the URL: %s", ans.text)
	}
}

func TestSendThatIsEndedSaysNothing(t *testing.T) {
	started := make(chan struct{})
	server, _ := sink(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(started)
		<-r.Context().Done()
	})
	s := newSender(t, stubSigner{}, 10*time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-started
		cancel()
	}()
	if ans := s.send(ctx, letterTo(t, server.URL+"/inbox")); ans.verdict != aborted {
		t.Errorf("%+v", ans)
	}
}

// A server that reads only RFC 9421 gets that at the second try, and from then on at once.
func TestSendInAnotherForm(t *testing.T) {
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	signer := signature.NewSigner("https://relay.example/actor#main-key", key, 1)
	var requests, blocked atomic.Int64
	server, _ := sink(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		body, _ := io.ReadAll(r.Body)
		sig, err := signature.Parse(r)
		if err == nil {
			err = sig.Verify(r, body, &key.PublicKey, time.Now())
		}
		switch {
		case blocked.Load() > 0:
			http.Error(w, "blocked", http.StatusForbidden)
		case err != nil || len(r.Header["Signature-Input"]) == 0:
			http.Error(w, fmt.Sprint("signature: ", err), http.StatusUnauthorized)
		default:
			w.WriteHeader(http.StatusAccepted)
		}
	})
	s := newSender(t, signer, 30*time.Second)
	for i, want := range []int64{2, 1} {
		requests.Store(0)
		if a := s.send(t.Context(), letterTo(t, server.URL+"/inbox")); a.verdict != settled || requests.Load() != want {
			t.Errorf("send %d: %+v after %d requests", i, a, requests.Load())
		}
	}
	blocked.Store(1)
	for i, want := range []int64{2, 1} { // the first answer counts, and the host is not asked twice again
		requests.Store(0)
		if a := s.send(t.Context(), letterTo(t, server.URL+"/inbox")); a.status != http.StatusForbidden || requests.Load() != want {
			t.Errorf("blocked %d: %+v after %d requests", i, a, requests.Load())
		}
	}
}
