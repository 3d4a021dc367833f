package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const activityType = "application/activity+json"

// instance is the actor that follows the relay, author the one who posts.
const (
	instance = "instance"
	author   = "author"
)

// world is all hosts that one run plays. They share one key: what it costs to make
// one is not measured here.
type world struct {
	key   *rsa.PrivateKey
	pem   string
	hosts []*party
}

func newWorld() (*world, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	pem, err := publicPEM(&key.PublicKey)
	return &world{key: key, pem: pem}, err
}

func (w *world) close() {
	for _, p := range w.hosts {
		p.close()
	}
}

// party is one host: it serves the documents of its actors, whatever their names,
// and takes what is posted to their inboxes.
type party struct {
	world    *world
	base     string // scheme://host:port
	shared   bool   // the actors have /inbox in common
	http     *http.Server
	served   sync.WaitGroup
	accepted atomic.Int64 // Follows of its actors that the relay accepted
	conns    atomic.Int64 // connections that were opened to it
	deliver  http.HandlerFunc
	software string      // NodeInfo: "mastodon"; "" has none
	surveyed atomic.Bool // somebody read it
}

// add starts a host. deliver takes what is posted to it and is no answer to a
// Follow; nil takes everything. With ca it speaks TLS, and HTTP/2 if http2 is set.
func (w *world) add(ca *authority, http2, shared bool, deliver http.HandlerFunc) (*party, error) {
	// An address for each: what the relay bounds by address must not bound all together.
	n := len(w.hosts)
	var lc net.ListenConfig
	listener, err := lc.Listen(context.Background(), "tcp", fmt.Sprintf("127.0.%d.%d:0", n/250%250, n%250+1))
	if err != nil {
		return nil, err
	}
	p := &party{world: w, base: "http://" + listener.Addr().String(), shared: shared, deliver: deliver}
	p.http = &http.Server{
		Handler: p, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), ReadHeaderTimeout: time.Minute,
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				p.conns.Add(1)
			}
		},
	}
	serve := func() error { return p.http.Serve(listener) }
	if ca != nil {
		p.base = "https://" + listener.Addr().String()
		if p.http.TLSConfig, err = ca.config(listener.Addr(), http2); err != nil {
			return nil, err
		}
		if !http2 {
			p.http.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
		}
		serve = func() error { return p.http.ServeTLS(listener, "", "") }
	}
	p.served.Go(func() { _ = serve() })
	w.hosts = append(w.hosts, p)
	return p, nil
}

// close ends the host: its port refuses connections from now on.
func (p *party) close() {
	_ = p.http.Close()
	p.served.Wait()
}

func (p *party) actor(name string) string { return p.base + "/users/" + name }

func (p *party) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodGet:
		p.document(w, r)
	case p.deliver == nil:
		p.take(w, r)
	default:
		p.deliver(w, r)
	}
}

// take reads what is posted. It reports false for what is no delivery: an answer to a Follow.
func (p *party) take(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil, false
	}
	answer := bytes.Contains(body, []byte(`"Accept"`))
	if answer || p.deliver == nil {
		w.WriteHeader(http.StatusAccepted)
	}
	if answer {
		p.accepted.Add(1)
	}
	return body, !answer
}

// document serves an actor as Mastodon writes it, as far as it matters here.
func (p *party) document(w http.ResponseWriter, r *http.Request) {
	if p.software != "" && p.nodeInfo(w, r) {
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/users/")
	if !ok || strings.Contains(name, "/") {
		http.NotFound(w, r)
		return
	}
	kind := "Person"
	if strings.HasPrefix(name, instance) {
		kind = "Application"
	}
	uri := p.actor(name)
	document := map[string]any{
		"@context": []string{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"},
		"id":       uri, "type": kind, "preferredUsername": name, "name": name, "inbox": uri + "/inbox",
		"discoverable": true, "indexable": true, "manuallyApprovesFollowers": false,
		"publicKey": map[string]string{"id": uri + "#main-key", "owner": uri, "publicKeyPem": p.world.pem},
	}
	if p.shared {
		document["endpoints"] = map[string]string{"sharedInbox": p.base + "/inbox"}
	}
	w.Header().Set("Content-Type", activityType)
	_ = json.NewEncoder(w).Encode(document)
}

// nodeInfo says what the host runs, if it is asked that.
func (p *party) nodeInfo(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/nodeinfo":
		fmt.Fprintf(w, `{"links":[{"rel":"http://nodeinfo.diaspora.software/ns/schema/2.0","href":"%s/nodeinfo/2.0"}]}`, p.base)
	case "/nodeinfo/2.0":
		fmt.Fprintf(w, `{"version":"2.0","software":{"name":%q,"version":"99.0.0"}}`, p.software)
		p.surveyed.Store(true)
	default:
		return false
	}
	return true
}

// sign makes the request that posts a body to the relay's inbox in an actor's name.
func (p *party) sign(ctx context.Context, name, target string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target+"/inbox", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return r, signPost(r, p.world.key, p.actor(name)+"#main-key", body)
}

// follow subscribes an actor and waits until the relay says that it is.
func (p *party) follow(ctx context.Context, target, name string) error {
	body := fmt.Appendf(nil, `{"@context":"https://www.w3.org/ns/activitystreams","id":"%s/follow","type":"Follow","actor":"%[1]s","object":"%s"}`,
		p.actor(name), public)
	r, err := p.sign(ctx, name, target, body)
	if err != nil {
		return err
	}
	before := p.accepted.Load()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("following the relay: %s: %s", resp.Status, said)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for p.accepted.Load() == before {
		if !pause(ctx, 2*time.Millisecond) {
			return fmt.Errorf("following the relay: no answer: %w", ctx.Err())
		}
	}
	return nil
}
