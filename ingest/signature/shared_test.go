package signature

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// What is signed, letter by letter, as Mastodon, GoToSocial and Fedify build it.
func TestSharedSigningString(t *testing.T) {
	signer := NewSigner(testKeyID, testKey(), 1)
	digest := Digest(testBody)
	for to, target := range map[string]string{
		"https://a.example/inbox":                 "/inbox",
		"http://b.example:8080/inbox":             "/inbox", // whatever the scheme and the host
		"https://a.example":                       "/",
		"https://a.example/users/%C3%A9/inbox":    "/users/%C3%A9/inbox",
		"https://a.example/inbox?x=1&y=%20":       "/inbox?x=1&y=%20",
		"https://a.example/users/a%2Fb/inbox#top": "/users/a%2Fb/inbox",
		"": "", // any path
	} {
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		names, first := "(request-target) date digest", "(request-target): post "+target+"\n"
		if target == "" {
			u, names, first = nil, "date digest", ""
		} else if got := Target(u); got != target {
			t.Errorf("%s: target %q", to, got)
		}
		shared, err := signer.SignShared(t.Context(), u, digest)
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		shared.Set(h)
		if len(h) != 3 || h.Get("Digest") != digest {
			t.Errorf("%s: header %v", to, h)
		}
		said, value, ok := strings.Cut(h.Get("Signature"), `",signature="`)
		if want := `keyId="` + testKeyID + `",algorithm="rsa-sha256",headers="` + names; !ok || said != want {
			t.Errorf("%s: Signature is %s", to, h.Get("Signature"))
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(value, `"`))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(first + "date: " + h.Get("Date") + "\ndigest: " + digest))
		if err := rsa.VerifyPKCS1v15(&testKey().PublicKey, crypto.SHA256, sum[:], raw); err != nil {
			t.Errorf("%s: %v", to, err)
		}
	}
	if _, err := signer.SignShared(t.Context(), new(url.URL), ""); err == nil {
		t.Error("signed without a digest")
	}
}

// We do not take what says not for whom it is.
func TestSharedIsRefusedHere(t *testing.T) {
	r := newPost(t, "https://our.example/inbox", testBody)
	if err := NewSigner(testKeyID, testKey(), 1).SignAs(t.Context(), r, Digest(testBody), FormShared); err != nil {
		t.Fatal(err)
	}
	if err := verify(received(r, testBody), testBody, time.Now()); !errors.Is(err, ErrCoverage) {
		t.Errorf("%v, want ErrCoverage", err)
	}
}
