package signature

import (
	"bytes"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

const testKeyID = "https://peer.example/users/vera#main-key"

// testKey is made once: making a key takes a tenth of a second.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := GenerateKey()
	if err != nil {
		panic(err)
	}
	return key
})

// received is what a server sees of a request: net/http moves Host out of the header.
func received(r *http.Request, body []byte) *http.Request {
	in := httptest.NewRequest(r.Method, r.URL.RequestURI(), bytes.NewReader(body))
	in.Host = r.URL.Host
	in.Header = r.Header.Clone()
	return in
}

func newPost(t testing.TB, url string, body []byte) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// signedPost is a POST as our own signer sends it and a server receives it.
func signedPost(t testing.TB, url string, body []byte) *http.Request {
	t.Helper()
	r := newPost(t, url, body)
	if err := NewSigner(testKeyID, testKey(), 1).SignPost(t.Context(), r, Digest(body)); err != nil {
		t.Fatal(err)
	}
	return received(r, body)
}

func verify(r *http.Request, body []byte, now time.Time) error {
	s, err := Parse(r)
	if err != nil {
		return err
	}
	return s.Verify(r, body, &testKey().PublicKey, now)
}
