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

// Two of our actors that have one key sign in their own names, in every form; of shared
// signatures the bytes are the same.
func TestSignBy(t *testing.T) {
	const topic = "https://our.example/tag/cats#main-key"
	signer := NewSigner(testKeyID, testKey(), 1)
	keyID := func(r *http.Request) string {
		t.Helper()
		s, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		return s.KeyID
	}
	for _, form := range []Form{FormCavage, FormMessage} {
		for by, want := range map[string]string{topic: topic, "": testKeyID, testKeyID: testKeyID} {
			r := newPost(t, "https://our.example/inbox", testBody)
			if err := signer.SignBy(t.Context(), by, r, Digest(testBody), form); err != nil {
				t.Fatal(err)
			}
			if in := received(r, testBody); keyID(in) != want || verify(in, testBody, time.Now()) != nil {
				t.Errorf("%s by %q: %s, %v", form, by, keyID(in), verify(in, testBody, time.Now()))
			}
		}
	}
	u, err := url.Parse("https://a.example/inbox")
	if err != nil {
		t.Fatal(err)
	}
	shared, err := signer.SignShared(t.Context(), u, Digest(testBody))
	if err != nil {
		t.Fatal(err)
	}
	own, other := http.Header{}, http.Header{}
	shared.By(topic).Set(other)
	shared.By("").Set(own)
	want := strings.Replace(own.Get("Signature"), testKeyID, topic, 1)
	if got := other.Get("Signature"); got != want || !strings.Contains(own.Get("Signature"), `keyId="`+testKeyID+`",`) || other.Get("Date") != own.Get("Date") {
		t.Errorf("%s\nwant %s", got, want)
	}
	if again := (Shared{}).By(topic); again.signature != nil {
		t.Errorf("of nothing: %v", again)
	}
}
