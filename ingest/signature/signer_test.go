package signature

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-fed/httpsig"
	"github.com/prometheus/client_golang/prometheus"
)

// TestSignOverTheWire sends signed requests through net/http and verifies them
// where they arrive, with our code and with httpsig on its own.
func TestSignOverTheWire(t *testing.T) {
	signer := NewSigner(testKeyID, testKey(), 2)
	verdicts := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = verify(r, body, time.Now())
		}
		if err == nil && !strings.Contains(r.Header.Get("Signature"), `algorithm="rsa-sha256"`) {
			err = errors.New("label: " + r.Header.Get("Signature"))
		}
		if err == nil {
			r.Header.Set("Host", r.Host)
			var v httpsig.Verifier
			if v, err = httpsig.NewVerifier(r); err == nil {
				err = v.Verify(&testKey().PublicKey, httpsig.RSA_SHA256)
			}
		}
		verdicts <- err
	}))
	defer server.Close()

	send := func(r *http.Request) {
		t.Helper()
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if err := <-verdicts; err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
	}
	for _, path := range []string{"/inbox", "", "/", "/users/bob/inbox?x=1&y=%20"} {
		r := newPost(t, server.URL+path, testBody)
		// Signed twice, as a retry is: the first signature must be gone.
		for range 2 {
			if err := signer.SignPost(t.Context(), r, Digest(testBody)); err != nil {
				t.Fatal(err)
			}
		}
		send(r)
		get, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := signer.SignGet(t.Context(), get); err != nil {
			t.Fatal(err)
		}
		send(get)
	}
}

func TestSignPostForm(t *testing.T) {
	r := newPost(t, "https://our.example/users/%C3%A9/inbox", testBody)
	signer := NewSigner(testKeyID, testKey(), 1)
	if err := signer.SignPost(t.Context(), r, ""); err == nil {
		t.Error("signed without a digest")
	}
	if err := signer.SignPost(t.Context(), r, Digest(testBody)); err != nil {
		t.Fatal(err)
	}
	want := `keyId="` + testKeyID + `",algorithm="rsa-sha256",headers="(request-target) host date digest content-type",signature="`
	if got := r.Header.Get("Signature"); !strings.HasPrefix(got, want) {
		t.Errorf("got %s", got)
	}
	if got := r.Header.Get("Content-Type"); got != activityType {
		t.Errorf("content type %q", got)
	}
	if err := verify(received(r, testBody), testBody, time.Now()); err != nil {
		t.Error(err)
	}
}

// TestSignerBound: a signer with all slots taken waits, is counted, and gives up with
// its context.
func TestSignerBound(t *testing.T) {
	signer := NewSigner(testKeyID, testKey(), 1)
	reg := prometheus.NewRegistry()
	RegisterMetrics(reg, signer)
	RegisterMetrics(nil, signer)
	signer.slots <- struct{}{}

	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 3)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { errs <- signer.SignPost(ctx, newPost(t, "https://our.example/inbox", testBody), "SHA-256=x") })
	}
	for signer.Waiting() < 3 {
		time.Sleep(time.Millisecond)
	}
	families, err := reg.Gather()
	if err != nil || len(families) != 2 || families[1].GetMetric()[0].GetGauge().GetValue() != 3 {
		t.Errorf("gauge: %v %v", families, err)
	}
	cancel()
	wg.Wait()
	for range 3 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	<-signer.slots
	if err := signer.SignGet(t.Context(), newPost(t, "https://our.example/", nil)); err != nil || signer.Waiting() != 0 {
		t.Errorf("afterwards: %v, %d waiting", err, signer.Waiting())
	}
}

// TestSignerThrough: what a remote makes is used, and what it does not is made here; both are the same.
func TestSignerThrough(t *testing.T) {
	away := errors.New("away")
	var asked, fails int
	signer := NewSigner(testKeyID, testKey(), 1)
	signer.Through(func(digest [sha256.Size]byte) ([]byte, error) {
		if asked++; asked%2 == 0 {
			fails++
			return nil, away
		}
		return rsa.SignPKCS1v15(nil, testKey(), crypto.SHA256, digest[:])
	})
	for range 2 {
		for _, form := range []Form{FormCavage, FormMessage, FormShared} {
			r := newPost(t, "https://our.example/inbox", testBody)
			if err := signer.SignAs(t.Context(), r, Digest(testBody), form); err != nil {
				t.Fatal(err)
			}
			if form == FormShared {
				continue // nobody's own inbox takes it: TestShared
			}
			if err := verify(received(r, testBody), testBody, time.Now()); err != nil {
				t.Errorf("%s: %v", form, err)
			}
		}
	}
	if asked != 6 || signer.made.Load() != 3 || signer.madeRemotely.Load() != 3 || fails != 3 {
		t.Errorf("asked %d times, %d made here, %d there", asked, signer.made.Load(), signer.madeRemotely.Load())
	}
}

// A remote that is slow has so many before it and no more.
func TestSignerAhead(t *testing.T) {
	signer := NewSigner(testKeyID, testKey(), 2)
	entered, leave := make(chan struct{}, 100), make(chan struct{})
	signer.Through(func([sha256.Size]byte) ([]byte, error) {
		entered <- struct{}{}
		<-leave
		return nil, errors.New("gone")
	})
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if err := signer.SignGet(t.Context(), newPost(t, "https://our.example/", nil)); err != nil {
				t.Error(err)
			}
		})
	}
	for signer.Waiting() < 40-2*aheadOf {
		time.Sleep(time.Millisecond)
	}
	if n := len(entered); n > 2*aheadOf {
		t.Errorf("%d are asked at once", n)
	}
	close(leave)
	wg.Wait()
	if n := signer.made.Load(); n != 40 {
		t.Errorf("%d made here", n)
	}
}

// The string that is signed is the one of the library that verifies it, whatever the path.
func TestSigningString(t *testing.T) {
	signer := NewSigner(testKeyID, testKey(), 1)
	for _, to := range []string{"https://our.example", "https://our.example:8443/a%20b/%C3%A9?x=1&y=%20", "http://[::1]:80/inbox?"} {
		r := newPost(t, to, testBody)
		if err := signer.SignPost(t.Context(), r, Digest(testBody)); err != nil {
			t.Fatal(err)
		}
		path, query := target(r.URL)
		again := &http.Request{Method: r.Method, URL: &url.URL{Path: path, RawQuery: query}, Header: r.Header.Clone()}
		again.Header.Set("Host", hostOf(r))
		again.Header.Del("Signature")
		library, _, err := httpsig.NewSigner([]httpsig.Algorithm{httpsig.RSA_SHA256}, httpsig.DigestSha256, postHeaders, httpsig.Signature, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := library.SignRequest(testKey(), testKeyID, again, nil); err != nil {
			t.Fatal(err)
		}
		want := strings.Replace(again.Header.Get("Signature"), "hs2019", "rsa-sha256", 1)
		if got := r.Header.Get("Signature"); got != want {
			t.Errorf("%s:\n got %s\nwant %s", to, got, want)
		}
	}
}

func TestReason(t *testing.T) {
	if got := Reason(nil); got != "ok" {
		t.Error(got)
	}
	if got := Reason(io.EOF); got != "other" {
		t.Error(got)
	}
	if got := Reason(verify(withSignature(), nil, testNow)); got != "missing" {
		t.Error(got)
	}
}
