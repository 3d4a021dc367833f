package relay

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tributary/ingest/signature"
)

// A peer is another server of the fediverse: it serves documents on a port of
// its own, so that each is an origin.
type peer struct {
	*httptest.Server
	mu     sync.Mutex
	docs   map[string]any // path → document
	status map[string]int // path → status that is answered instead
	hits   atomic.Int64
	hold   chan struct{} // requests wait until it is closed; nil: they do not
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{docs: map[string]any{}, status: map[string]int{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.hits.Add(1)
	p.mu.Lock()
	doc, status, hold := p.docs[r.URL.Path], p.status[r.URL.Path], p.hold
	p.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return
		}
	}
	if doc == nil {
		status = cmp.Or(status, http.StatusNotFound)
	}
	w.Header().Set("Content-Type", "application/activity+json")
	w.WriteHeader(cmp.Or(status, http.StatusOK))
	_ = json.NewEncoder(w).Encode(doc)
}

func (p *peer) serve(path string, doc any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.docs[path] = doc
}

func (p *peer) answer(path string, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status[path] = status
}

func (p *peer) host() string { return strings.TrimPrefix(p.URL, "http://") }

// keys are made once: it takes a tenth of a second each.
var keys = sync.OnceValue(func() (pair [2]*rsa.PrivateKey) {
	for i := range pair {
		key, err := signature.GenerateKey()
		if err != nil {
			panic(err)
		}
		pair[i] = key
	}
	return pair
})

// An account is an actor on a peer.
type account struct {
	peer  *peer
	path  string
	URI   string
	KeyID string
	Key   *rsa.PrivateKey
}

// account makes an actor. Fields overwrite those of its document; a nil one removes.
func (p *peer) account(name string, fields map[string]any) *account {
	a := &account{peer: p, path: "/users/" + name, URI: p.URL + "/users/" + name, Key: keys()[0]}
	a.KeyID = a.URI + "#main-key"
	doc := map[string]any{
		"@context": "https://www.w3.org/ns/activitystreams", "id": a.URI, "type": "Person", "preferredUsername": name,
		"inbox": a.URI + "/inbox", "endpoints": map[string]any{"sharedInbox": p.URL + "/inbox"},
		"discoverable": true, "indexable": true,
	}
	maps.Copy(doc, fields)
	for k, v := range doc {
		if v == nil {
			delete(doc, k)
		}
	}
	if _, ok := fields["publicKey"]; !ok {
		doc["publicKey"] = keyDocument(a)
	}
	p.serve(a.path, doc)
	return a
}

func keyDocument(a *account) map[string]any {
	return map[string]any{"id": a.KeyID, "owner": a.URI, "publicKeyPem": signature.MarshalPublic(&a.Key.PublicKey)}
}

// rotate gives the account another key under the same id.
func (a *account) rotate() {
	a.Key = keys()[1]
	a.peer.mu.Lock()
	defer a.peer.mu.Unlock()
	doc := maps.Clone(a.peer.docs[a.path].(map[string]any))
	doc["publicKey"] = keyDocument(a)
	a.peer.docs[a.path] = doc
}

// create makes a Create of a public note.
func (a *account) create(n int) map[string]any {
	note := fmt.Sprintf("%s/notes/%d", a.URI, n)
	return map[string]any{
		"@context": "https://www.w3.org/ns/activitystreams", "id": note + "/activity", "type": "Create", "actor": a.URI,
		"to": []string{public}, "published": time.Now().UTC().Format(time.RFC3339),
		"object": map[string]any{
			"id": note, "type": "Note", "attributedTo": a.URI, "to": []string{public}, "content": fmt.Sprintf("<p>%d</p>", n),
			"published": time.Now().UTC().Format(time.RFC3339),
		},
	}
}

const public = "https://www.w3.org/ns/activitystreams#Public"

// follow makes a Mastodon-style Follow of a relay.
func (a *account) follow(n int) map[string]any {
	return map[string]any{
		"@context": "https://www.w3.org/ns/activitystreams", "id": fmt.Sprintf("%s/follows/%d", a.URI, n),
		"type": "Follow", "actor": a.URI, "object": public,
	}
}

// undo wraps an activity, or the id of one.
func (a *account) undo(object any) map[string]any {
	return map[string]any{
		"@context": "https://www.w3.org/ns/activitystreams", "id": a.URI + "/undo/" + rand.Text(), "type": "Undo", "actor": a.URI, "object": object,
	}
}

// A message is a signed POST that a test may spoil.
type message struct {
	Body        []byte
	ContentType string
	Date        time.Time
	Signed      []string          // names of what is signed
	Digest      string            // header; "" is the body's
	Header      map[string]string // set after signing; "" removes
	KeyID       string
	Key         *rsa.PrivateKey
	Host        string // signed and sent instead of the URL's
}

func (a *account) message(t *testing.T, doc any) *message {
	t.Helper()
	body, ok := doc.([]byte)
	if !ok {
		var err error
		if body, err = json.Marshal(doc); err != nil {
			t.Fatal(err)
		}
	}
	return &message{
		Body: body, ContentType: "application/activity+json", Date: time.Now(), KeyID: a.KeyID, Key: a.Key,
		Signed: []string{"(request-target)", "host", "date", "digest", "content-type"},
	}
}

// request signs as draft-cavage says, by hand, so that anything can be left out.
func (m *message) request(ctx context.Context, inbox string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, inbox, bytes.NewReader(m.Body))
	if err != nil {
		return nil, err
	}
	if m.Host != "" {
		r.Host = m.Host
	}
	r.Header.Set("Content-Type", m.ContentType)
	r.Header.Set("Date", m.Date.UTC().Format(http.TimeFormat))
	r.Header.Set("Digest", cmp.Or(m.Digest, signature.Digest(m.Body)))
	var lines []string
	for _, name := range m.Signed {
		value := r.Header.Get(name)
		switch name {
		case "(request-target)":
			value = "post " + r.URL.EscapedPath()
		case "host":
			value = r.Host
		}
		lines = append(lines, name+": "+value)
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	sig, err := rsa.SignPKCS1v15(nil, m.Key, crypto.SHA256, sum[:])
	if err != nil {
		return nil, err
	}
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",algorithm="rsa-sha256",headers="%s",signature="%s"`,
		m.KeyID, strings.Join(m.Signed, " "), base64.StdEncoding.EncodeToString(sig)))
	for name, value := range m.Header {
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
	return r, nil
}

// An answer is what the inbox said.
type reply struct {
	Status int
	Error  string // of the JSON body
	Header http.Header
}

func (m *message) send(t *testing.T, inbox string) reply {
	t.Helper()
	r, err := m.request(t.Context(), inbox)
	if err != nil {
		t.Fatal(err)
	}
	return sendRequest(t, r)
}

func sendRequest(t *testing.T, r *http.Request) reply {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var problem struct{ Error string }
	if len(body) > 0 {
		if err := json.Unmarshal(body, &problem); err != nil {
			t.Errorf("answer %s is not JSON: %s", resp.Status, body)
		}
	}
	return reply{Status: resp.StatusCode, Error: problem.Error, Header: resp.Header}
}
