package signature

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var testBody = []byte(`{"type":"Create","id":"https://peer.example/c/1"}`)

// handSigned is a POST signed by hand, so that the tests do not lean on httpsig:
// lines are what is signed, params what stands beside the signature.
func handSigned(t testing.TB, key crypto.Signer, target, params string, lines ...string) *http.Request {
	t.Helper()
	text := strings.Join(lines, "\n")
	var value []byte
	var err error
	if _, ok := key.(ed25519.PrivateKey); ok {
		value, err = key.Sign(rand.Reader, []byte(text), crypto.Hash(0))
	} else {
		sum := sha256.Sum256([]byte(text))
		value, err = key.Sign(rand.Reader, sum[:], crypto.SHA256)
	}
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(lines))
	r := httptest.NewRequest(http.MethodPost, target, nil)
	r.Host = "our.example"
	for _, line := range lines {
		name, v, _ := strings.Cut(line, ": ")
		names = append(names, name)
		if !strings.HasPrefix(name, "(") && name != "host" {
			r.Header.Add(name, v)
		}
	}
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",%sheaders="%s",signature="%s"`,
		testKeyID, params, strings.Join(names, " "), base64.StdEncoding.EncodeToString(value)))
	return r
}

var (
	testNow  = time.Now().UTC().Truncate(time.Second)
	dateLine = "date: " + testNow.Format(http.TimeFormat)
	hostLine = "host: our.example"
	postLine = "(request-target): post /inbox"
)

func digestLine() string { return "digest: " + Digest(testBody) }

func TestVerifyAccepts(t *testing.T) {
	f := func(name, target, params string, lines ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			if err := verify(handSigned(t, testKey(), target, params, lines...), testBody, testNow); err != nil {
				t.Error(err)
			}
		})
	}
	f("rsa-sha256", "/inbox", `algorithm="rsa-sha256",`, postLine, hostLine, dateLine, digestLine())
	f("hs2019", "/inbox", `algorithm="hs2019",`, postLine, hostLine, dateLine, digestLine())
	f("no label", "/inbox", ``, postLine, hostLine, dateLine, digestLine())
	f("other order, more headers", "/inbox", ``, digestLine(), "user-agent: x", dateLine, "content-type: a/b", hostLine, postLine)
	f("query signed", "/inbox?a=1&b=%20", ``, "(request-target): post /inbox?a=1&b=%20", hostLine, dateLine, digestLine())
	f("query left out, as Fedify", "/inbox?a=1", ``, postLine, hostLine, dateLine, digestLine())
	f("escaped path", "/users/%C3%A9%2Fx/inbox", ``, "(request-target): post /users/%C3%A9%2Fx/inbox", hostLine, dateLine, digestLine())
	f("two digests, lower case", "/inbox", ``, postLine, hostLine, dateLine,
		"digest: sha-512=xyz,sha-256="+strings.TrimPrefix(Digest(testBody), "SHA-256="))
	created := fmt.Sprintf("%d", testNow.Unix())
	expires := fmt.Sprintf("%d", testNow.Add(time.Minute).Unix())
	f("created and expires", "/inbox", `algorithm="hs2019",created=`+created+`,expires="`+expires+`",`,
		postLine, "(created): "+created, "(expires): "+expires, hostLine, digestLine())
	f("11 hours old", "/inbox", ``, postLine, hostLine, digestLine(), "date: "+testNow.Add(-11*time.Hour).Format(http.TimeFormat))
	f("clock 59 minutes ahead", "/inbox", ``, postLine, hostLine, digestLine(), "date: "+testNow.Add(59*time.Minute).Format(http.TimeFormat))
}

func TestVerifyRefuses(t *testing.T) {
	f := func(name string, want error, r *http.Request) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			if err := verify(r, testBody, testNow); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
	hand := func(params string, lines ...string) *http.Request {
		return handSigned(t, testKey(), "/inbox", params, lines...)
	}
	change := func(edit func(*http.Request)) *http.Request {
		r := hand("", postLine, hostLine, dateLine, digestLine())
		edit(r)
		return r
	}
	f("no (request-target)", ErrCoverage, hand("", hostLine, dateLine, digestLine()))
	f("no host", ErrCoverage, hand("", postLine, dateLine, digestLine()))
	f("no date", ErrCoverage, hand("", postLine, hostLine, digestLine()))
	f("no digest", ErrCoverage, hand("", postLine, hostLine, dateLine))
	f("no list", ErrCoverage, change(func(r *http.Request) {
		r.Header.Set("Signature", `keyId="k",signature="aGVsbG8="`)
	}))
	f("digest there but unsigned", ErrCoverage, func() *http.Request {
		r := hand("", postLine, hostLine, dateLine)
		r.Header.Set("Digest", Digest(testBody))
		return r
	}())
	f("listed header not there", ErrCoverage, change(func(r *http.Request) { r.Header.Del("Digest") }))
	f("digest of another body", ErrDigest, hand("", postLine, hostLine, dateLine, "digest: "+Digest([]byte("x"))))
	f("digest header twice", ErrMalformed, change(func(r *http.Request) { r.Header.Add("Digest", "SHA-512=x") }))
	f("content-type twice", ErrMalformed, func() *http.Request {
		r := hand("", postLine, hostLine, dateLine, digestLine(), "content-type: a/b")
		r.Header.Add("Content-Type", "text/html")
		return r
	}())
	f("host header beside Host", ErrMalformed, change(func(r *http.Request) { r.Header["Host"] = []string{"our.example"} }))
	f("no Host", ErrMalformed, change(func(r *http.Request) { r.Host = "" }))
	f("other Host", ErrInvalid, change(func(r *http.Request) { r.Host = "other.example" }))
	f("other path", ErrInvalid, change(func(r *http.Request) { r.URL.Path = "/users/bob/inbox" }))
	f("other method", ErrInvalid, change(func(r *http.Request) { r.Method = http.MethodPut }))
	f("query added to a signed query", ErrInvalid, func() *http.Request {
		r := handSigned(t, testKey(), "/inbox?a=1", "", "(request-target): post /inbox?a=1", hostLine, dateLine, digestLine())
		r.URL.RawQuery = "a=2"
		return r
	}())
	f("other date", ErrInvalid, change(func(r *http.Request) {
		r.Header.Set("Date", testNow.Add(time.Second).Format(http.TimeFormat))
	}))
	f("13 hours old", ErrStale, hand("", postLine, hostLine, digestLine(), "date: "+testNow.Add(-13*time.Hour).Format(http.TimeFormat)))
	f("2 hours ahead", ErrStale, hand("", postLine, hostLine, digestLine(), "date: "+testNow.Add(2*time.Hour).Format(http.TimeFormat)))
	old := fmt.Sprintf("%d", testNow.Add(-time.Minute).Unix())
	f("expired", ErrStale, hand(`algorithm="hs2019",expires=`+old+`,`, postLine, hostLine, dateLine, digestLine(), "(expires): "+old))
	f("expired, unsigned", ErrStale, hand(`expires=`+old+`,`, postLine, hostLine, dateLine, digestLine()))
	ahead := fmt.Sprintf("%d", testNow.Add(time.Minute).Unix())
	f("created ahead", ErrStale, hand(`created=`+ahead+`,`, postLine, hostLine, digestLine(), "(created): "+ahead))
	f("fresh created, stale date", ErrStale, hand(`created=`+old+`,`, postLine, hostLine, digestLine(), "(created): "+old,
		"date: "+testNow.Add(-13*time.Hour).Format(http.TimeFormat)))
	f("created under rsa-sha256", ErrAlgorithm, hand(`algorithm="rsa-sha256",created=`+old+`,`, postLine, hostLine, digestLine(), "(created): "+old))
	for _, label := range []string{"hmac-sha256", "rsa-sha1", "rsa-sha512", "ecdsa-sha256", "none", "ed25519"} {
		f("label "+label, ErrAlgorithm, hand(`algorithm="`+label+`",`, postLine, hostLine, dateLine, digestLine()))
	}
	f("unsigned", ErrMissing, change(func(r *http.Request) { r.Header.Del("Signature") }))
}

func TestVerifyOtherKey(t *testing.T) {
	r := handSigned(t, testKey(), "/inbox", "", postLine, hostLine, dateLine, digestLine())
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(r, testBody, &other.PublicKey, testNow); !errors.Is(err, ErrInvalid) {
		t.Errorf("other key: %v", err)
	}
	// A public key as a shared secret, the classic confusion.
	if err := s.Verify(r, testBody, []byte(MarshalPublic(&testKey().PublicKey)), testNow); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("bytes as key: %v", err)
	}
	if err := s.Verify(r, testBody, nil, testNow); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("no key: %v", err)
	}
}

func TestVerifyEd25519(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for label, want := range map[string]error{"hs2019": nil, "ed25519": nil, "rsa-sha256": ErrAlgorithm} {
		r := handSigned(t, private, "/inbox", `algorithm="`+label+`",`, postLine, hostLine, dateLine, digestLine())
		s, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(r, testBody, public, testNow); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", label, err, want)
		}
	}
}

// TestVerifyRepeatedHeader: a header that decides nothing may come twice; its
// values are joined as the draft says (§2.3).
func TestVerifyRepeatedHeader(t *testing.T) {
	r := handSigned(t, testKey(), "/inbox", "", postLine, hostLine, dateLine, digestLine(), "accept: a/b, c/d")
	r.Header["Accept"] = []string{"a/b", " c/d "}
	if err := verify(r, testBody, testNow); err != nil {
		t.Error(err)
	}
}
