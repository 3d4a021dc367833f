package relay

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"tributary/ingest/signature"
)

// byMessage is a POST signed by RFC 9421, which a test may spoil.
func (a *account) byMessage(t *testing.T, inbox string, doc map[string]any) *http.Request {
	t.Helper()
	body := encodedDoc(t, doc)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, inbox, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := signature.NewSigner(a.KeyID, a.Key, 1).SignAs(t.Context(), r, signature.Digest(body), signature.FormMessage); err != nil {
		t.Fatal(err)
	}
	return r
}

// again is the same request, as somebody who saw it would send it.
func again(r *http.Request) *http.Request {
	c := r.Clone(r.Context())
	c.Body, _ = r.GetBody()
	return c
}

// A request signed by RFC 9421 counts like one signed by draft-cavage: once, and
// after its key rotated too.
func TestMessageSignature(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	e.subscribe(home.account("server", nil))
	alice := home.account("alice", nil)
	r := alice.byMessage(t, e.inboxURL(), alice.create(1))
	for range 2 {
		if got := sendRequest(t, again(r)); got.Status != http.StatusAccepted {
			t.Fatalf("%+v", got)
		}
	}
	if n, replays := e.admitted.Load(), e.count("202", "replay"); n != 1 || replays != 1 {
		t.Errorf("admitted %d times, %v replays", n, replays)
	}
	alice.rotate()
	if got := sendRequest(t, alice.byMessage(t, e.inboxURL(), alice.create(2))); got.Status != http.StatusAccepted {
		t.Errorf("after rotation: %+v", got)
	}
	if records := e.records(0); len(records) != 2 {
		t.Errorf("%d records", len(records))
	}
}

// TestMessageSignatureRefused has requests of RFC 9421 that somebody changed, or made in
// another's name.
func TestMessageSignatureRefused(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	e.subscribe(home.account("server", nil))
	alice, mallory := home.account("alice", nil), home.account("mallory", nil)
	mallory.Key = keys()[1]
	home.serve(mallory.path, map[string]any{"id": mallory.URI, "type": "Person", "inbox": mallory.URI + "/inbox", "publicKey": keyDocument(mallory)})
	for name, c := range map[string]struct {
		reason string
		status int
		spoil  func(r *http.Request)
	}{
		"body of another": {"digest", 401, func(r *http.Request) {
			r.Header.Set("Content-Digest", signature.ContentDigest(signature.Digest([]byte("x"))))
		}},
		"signature cut":              {"malformed", 401, func(r *http.Request) { r.Header.Set("Signature", "sig1=::") }},
		"key of another":             {"invalid", 401, func(r *http.Request) { replace(r, alice.KeyID, mallory.KeyID) }},
		"algorithm of a shared key":  {"algorithm", 401, func(r *http.Request) { replace(r, "rsa-v1_5-sha256", "hmac-sha256") }},
		"body left out":              {"coverage", 401, func(r *http.Request) { replace(r, ` "content-digest"`, "") }},
		"target left out":            {"coverage", 401, func(r *http.Request) { replace(r, ` "@target-uri"`, "") }},
		"component added":            {"invalid", 401, func(r *http.Request) { replace(r, `("@method"`, `("@method" "date"`) }},
		"date of another day":        {"stale", 401, func(r *http.Request) { replace(r, "created=", "created=1;expires=") }},
		"parameter twice":            {"malformed", 401, func(r *http.Request) { replace(r, ";keyid=", `;keyid="`+mallory.KeyID+`";keyid=`) }},
		"two signatures":             {"unsupported", 401, func(r *http.Request) { replace(r, "sig1=", `sig0=("@method");keyid="k", sig1=`) }},
		"two headers of a signature": {"malformed", 401, func(r *http.Request) { r.Header.Add("Signature", r.Header.Get("Signature")) }},
	} {
		doc := alice.create(1)
		r := alice.byMessage(t, e.inboxURL(), doc)
		c.spoil(r)
		before := e.count(strconv.Itoa(c.status), c.reason)
		if got := sendRequest(t, r); got.Status != c.status || got.Error == "" || e.count(strconv.Itoa(c.status), c.reason) != before+1 {
			t.Errorf("%s: not refused as %s: %+v", name, c.reason, got)
		}
	}
	if records := e.records(0); len(records) != 0 {
		t.Errorf("%d records", len(records))
	}
}

func replace(r *http.Request, old, fresh string) {
	r.Header.Set("Signature-Input", strings.Replace(r.Header.Get("Signature-Input"), old, fresh, 1))
}
