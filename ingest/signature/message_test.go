package signature

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// messageSigned is a POST signed by hand under RFC 9421: lines are the covered
// components, params what follows the list.
func messageSigned(t testing.TB, key crypto.Signer, target, params string, lines ...string) *http.Request {
	t.Helper()
	names := make([]string, len(lines))
	r := httptest.NewRequest(http.MethodPost, target, nil)
	r.Host = "our.example"
	r.Header.Set("Content-Digest", ContentDigest(Digest(testBody)))
	for i, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		names[i] = name
		if bare := strings.Trim(name, `"`); !strings.HasPrefix(bare, "@") && bare != "host" {
			r.Header.Set(bare, value)
		}
	}
	input := "(" + strings.Join(names, " ") + ")" + params
	base := strings.Join(append(lines, `"@signature-params": `+input), "\n")
	var value []byte
	var err error
	if _, ok := key.(ed25519.PrivateKey); ok {
		value, err = key.Sign(rand.Reader, []byte(base), crypto.Hash(0))
	} else {
		sum := sha256.Sum256([]byte(base))
		value, err = key.Sign(rand.Reader, sum[:], crypto.SHA256)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Signature-Input", "sig1="+input)
	r.Header.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(value)+":")
	return r
}

var messageParams = fmt.Sprintf(`;created=%d;keyid="%s"`, testNow.Unix(), testKeyID)

const (
	methodComponent = `"@method": POST`
	uriComponent    = `"@target-uri": https://our.example/inbox`
)

func digestComponent() string { return `"content-digest": ` + ContentDigest(Digest(testBody)) }

func TestMessageAccepts(t *testing.T) {
	f := func(name, target, params string, lines ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			r := messageSigned(t, testKey(), target, params, lines...)
			if err := verify(r, testBody, testNow); err != nil {
				t.Error(err)
			}
		})
	}
	f("as Fedify", "/inbox", messageParams+`;alg="rsa-v1_5-sha256"`, methodComponent, uriComponent, `"@authority": our.example`,
		`"host": our.example`, `"date": `+testNow.Format(http.TimeFormat), digestComponent())
	f("as Mastodon", "/inbox", messageParams, methodComponent, uriComponent, digestComponent())
	f("http", "/inbox", messageParams, methodComponent, `"@target-uri": http://our.example/inbox`, digestComponent())
	f("authority and path", "/inbox", messageParams, methodComponent, `"@authority": our.example`, `"@path": /inbox`, digestComponent())
	f("path and query", "/inbox?a=%20b", messageParams, methodComponent, `"@authority": our.example`, `"@path": /inbox`, `"@query": ?a=%20b`, digestComponent())
	f("request target", "/inbox?a=1", messageParams, methodComponent, `"@authority": our.example`, `"@request-target": /inbox?a=1`, digestComponent())
	f("scheme, empty query", "/inbox", messageParams, methodComponent, `"@scheme": https`, `"@query": ?`, uriComponent, digestComponent())
	f("expires, nonce, tag", "/inbox", messageParams+fmt.Sprintf(`;expires=%d;nonce="x;y,z";tag="a\"b"`, testNow.Unix()+60),
		methodComponent, uriComponent, digestComponent())
	sum := sha512.Sum512(testBody)
	f("sha-512", "/inbox", messageParams, methodComponent, uriComponent,
		`"content-digest": sha-512=:`+base64.StdEncoding.EncodeToString(sum[:])+`:, md5=:AAAA:`)
}

// TestMessageRefuses has what an attacker sends, and the mistakes that would let
// it pass.
func TestMessageRefuses(t *testing.T) {
	f := func(name string, want error, target, params string, lines []string, spoil ...func(*http.Request)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			r := messageSigned(t, testKey(), target, params, lines...)
			for _, s := range spoil {
				s(r)
			}
			if err := verify(r, testBody, testNow); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
	all := []string{methodComponent, uriComponent, digestComponent()}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	more := func(name, old, fresh string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set(name, strings.Replace(r.Header.Get(name), old, fresh, 1))
		}
	}
	f("method not signed", ErrCoverage, "/inbox", messageParams, []string{uriComponent, digestComponent()})
	f("target not signed", ErrCoverage, "/inbox", messageParams, []string{methodComponent, digestComponent()})
	f("authority alone", ErrCoverage, "/inbox", messageParams, []string{methodComponent, `"@authority": our.example`, digestComponent()})
	f("path without authority", ErrCoverage, "/inbox", messageParams, []string{methodComponent, `"@path": /inbox`, digestComponent()})
	f("query not signed", ErrCoverage, "/inbox?a=1", messageParams, []string{methodComponent, `"@authority": our.example`, `"@path": /inbox`, digestComponent()})
	f("body not signed", ErrCoverage, "/inbox", messageParams, []string{methodComponent, uriComponent})
	f("date instead of created", ErrCoverage, "/inbox", `;keyid="`+testKeyID+`"`, append([]string{`"date": ` + testNow.Format(http.TimeFormat)}, all...))
	f("header signed and not there", ErrCoverage, "/inbox", messageParams, append([]string{`"x-y": z`}, all...), func(r *http.Request) { r.Header.Del("X-Y") })
	f("no keyid", ErrMalformed, "/inbox", fmt.Sprintf(`;created=%d`, testNow.Unix()), all)
	f("too old", ErrStale, "/inbox", fmt.Sprintf(`;created=%d;keyid="k"`, testNow.Add(-MaxAge-time.Second).Unix()), all)
	f("too far ahead", ErrStale, "/inbox", fmt.Sprintf(`;created=%d;keyid="k"`, testNow.Add(MaxSkew+time.Second).Unix()), all)
	f("expired", ErrStale, "/inbox", messageParams+fmt.Sprintf(`;expires=%d`, testNow.Unix()-1), all)
	f("created is text", ErrMalformed, "/inbox", `;created="now";keyid="k"`, all)
	f("created is a fraction", ErrMalformed, "/inbox", `;created=1767323045.5;keyid="k"`, all)
	f("keyid is a token", ErrMalformed, "/inbox", fmt.Sprintf(`;created=%d;keyid=k`, testNow.Unix()), all)
	f("unknown parameter", ErrUnsupported, "/inbox", messageParams+`;x=1`, all)
	f("algorithm of another key", ErrAlgorithm, "/inbox", messageParams+`;alg="ed25519"`, all)
	f("algorithm hmac: the public key as a secret", ErrAlgorithm, "/inbox", messageParams+`;alg="hmac-sha256"`, all)
	f("algorithm of cavage", ErrAlgorithm, "/inbox", messageParams+`;alg="rsa-sha256"`, all)
	f("empty algorithm", ErrMalformed, "/inbox", messageParams+`;alg=""`, all)
	f("parameter twice", ErrMalformed, "/inbox", messageParams+`;keyid="https://evil.example/k"`, all)
	f("component twice", ErrMalformed, "/inbox", messageParams, append([]string{methodComponent}, all...))
	f("unknown component", ErrUnsupported, "/inbox", messageParams, append([]string{`"@status": 200`}, all...))
	f("query parameter", ErrUnsupported, "/inbox", messageParams, append([]string{`"@query-param";name="a": 1`}, all...))
	f("component of the request", ErrUnsupported, "/inbox", messageParams, append([]string{`"date";req: x`}, all...))
	f("component in capitals", ErrMalformed, "/inbox", messageParams, append([]string{`"Date": x`}, all...))
	f("signature signed", ErrUnsupported, "/inbox", messageParams, append([]string{`"signature": x`}, all...))
	f("two signatures", ErrUnsupported, "/inbox", messageParams, all, func(r *http.Request) {
		r.Header.Set("Signature-Input", r.Header.Get("Signature-Input")+`, sig2=("@method");keyid="https://evil.example/k"`)
		r.Header.Set("Signature", r.Header.Get("Signature")+`, sig2=:AAAA:`)
	})
	f("label twice", ErrUnsupported, "/inbox", messageParams, all, func(r *http.Request) {
		r.Header.Set("Signature-Input", `sig1=("@method");keyid="https://evil.example/k", `+r.Header.Get("Signature-Input"))
	})
	f("two header fields", ErrMalformed, "/inbox", messageParams, all, func(r *http.Request) {
		r.Header.Add("Signature-Input", `sig1=("@method");keyid="https://evil.example/k"`)
	})
	f("labels differ", ErrMalformed, "/inbox", messageParams, all, more("Signature", "sig1", "sig2"))
	f("signature of cavage beside", ErrMalformed, "/inbox", messageParams, all, set("Signature", `keyId="k",signature="AAAA"`))
	f("signature is text", ErrMalformed, "/inbox", messageParams, all, set("Signature", `sig1="AAAA"`))
	f("signature is empty", ErrMalformed, "/inbox", messageParams, all, set("Signature", `sig1=::`))
	f("input is no list", ErrMalformed, "/inbox", messageParams, all, set("Signature-Input", `sig1="@method"`))
	f("input is empty", ErrMalformed, "/inbox", messageParams, all, set("Signature-Input", `sig1=()`))
	f("input is rubbish", ErrMalformed, "/inbox", messageParams, all, set("Signature-Input", `=`))
	f("input is long", ErrMalformed, "/inbox", messageParams, all, set("Signature-Input", `sig1=("`+strings.Repeat("x", maxHeaderBytes)+`")`))
	f("other host", ErrInvalid, "/inbox", messageParams, all, func(r *http.Request) { r.Host = "other.example" })
	f("other path", ErrInvalid, "/inbox2", messageParams, all)
	f("other query", ErrInvalid, "/inbox?x=1", messageParams, all)
	f("other method", ErrInvalid, "/inbox", messageParams, all, func(r *http.Request) { r.Method = http.MethodPut })
	f("other keyid", ErrInvalid, "/inbox", messageParams, all, more("Signature-Input", testKeyID, "https://evil.example/k"))
	f("scheme over TLS", ErrInvalid, "/inbox", messageParams, []string{methodComponent, `"@target-uri": http://our.example/inbox`, digestComponent()},
		func(r *http.Request) { r.TLS = &tls.ConnectionState{} })
	f("digest of another body", ErrDigest, "/inbox", messageParams, []string{methodComponent, uriComponent, `"content-digest": ` + ContentDigest(Digest([]byte("other")))})
	f("digest twice", ErrMalformed, "/inbox", messageParams, all, func(r *http.Request) { r.Header.Add("Content-Digest", "sha-256=:AAAA:") })
	f("digest of an algorithm twice", ErrDigest, "/inbox", messageParams,
		[]string{methodComponent, uriComponent, `"content-digest": sha-256=:AAAA:, ` + ContentDigest(Digest(testBody))})
	f("digests that differ", ErrDigest, "/inbox", messageParams,
		[]string{methodComponent, uriComponent, `"content-digest": ` + ContentDigest(Digest(testBody)) + `, sha-512=:AAAA:`})
	f("digest of an unknown algorithm", ErrDigest, "/inbox", messageParams, []string{methodComponent, uriComponent, `"content-digest": md5=:AAAA:`})
	f("digest is text", ErrDigest, "/inbox", messageParams, []string{methodComponent, uriComponent, `"content-digest": sha-256="AAAA"`})
	f("digest is rubbish", ErrDigest, "/inbox", messageParams, []string{methodComponent, uriComponent, `"content-digest": SHA-256=AAAA`})
}

func TestMessageEd25519(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for params, want := range map[string]error{
		messageParams:                            nil,
		messageParams + `;alg="ed25519"`:         nil,
		messageParams + `;alg="rsa-v1_5-sha256"`: ErrAlgorithm,
	} {
		r := messageSigned(t, private, "/inbox", params, methodComponent, uriComponent, digestComponent())
		s, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(r, testBody, public, testNow); !errors.Is(err, want) {
			t.Errorf("%s: %v", params, err)
		}
		if err := s.Verify(r, testBody, &testKey().PublicKey, testNow); err == nil {
			t.Errorf("%s: passes with a key of another type", params)
		}
	}
}

func TestMessageExpires(t *testing.T) {
	for params, want := range map[string]time.Time{
		messageParams: testNow.Add(MaxAge + time.Second),
		messageParams + fmt.Sprintf(`;expires=%d`, testNow.Unix()+60): testNow.Add(61 * time.Second),
	} {
		r := messageSigned(t, testKey(), "/inbox", params, methodComponent, uriComponent, digestComponent())
		s, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Expires().Equal(want) {
			t.Errorf("expires %s, want %s", s.Expires(), want)
		}
		if err := s.Verify(r, testBody, &testKey().PublicKey, s.Expires()); !errors.Is(err, ErrStale) {
			t.Errorf("at its end: %v", err)
		}
	}
}

// TestSignAs: what we sign in each form, a server verifies.
func TestSignAs(t *testing.T) {
	signer := NewSigner(testKeyID, testKey(), 1)
	post := newPost(t, "https://our.example/inbox?a=1", testBody)
	get, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://our.example/users/bob?page=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []Form{FormCavage, FormMessage, FormBare, FormCavage} {
		for body, r := range map[string]*http.Request{string(testBody): post, "": get} {
			digest := ""
			if body != "" {
				digest = Digest([]byte(body))
			}
			if err := signer.SignAs(t.Context(), r, digest, form); err != nil {
				t.Fatal(err)
			}
			if _, ok := r.Header["Signature-Input"]; ok != (form == FormMessage) {
				t.Errorf("%s: headers %v", form, r.Header)
			}
			if err := verify(received(r, []byte(body)), []byte(body), time.Now()); err != nil {
				t.Errorf("%s %s: %v", form, r.Method, err)
			}
		}
	}
}

func TestSignAsBare(t *testing.T) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://our.example/users/bob?page=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := NewSigner(testKeyID, testKey(), 1).SignAs(t.Context(), r, "", FormBare); err != nil {
		t.Fatal(err)
	}
	if r.URL.RawQuery != "page=true" {
		t.Errorf("URL is %s", r.URL)
	}
	// As Fedify verifies it: as if there were no query.
	in := httptest.NewRequest(http.MethodGet, "/users/bob", nil)
	in.Host, in.Header = "our.example", r.Header.Clone()
	if err := verify(in, nil, time.Now()); err != nil {
		t.Error(err)
	}
}

// FuzzParseMessage: no header panics, and every refusal has a name.
func FuzzParseMessage(f *testing.F) {
	r := messageSigned(f, testKey(), "/inbox", messageParams, methodComponent, uriComponent, digestComponent())
	f.Add(r.Header.Get("Signature-Input"), r.Header.Get("Signature"), r.Header.Get("Content-Digest"))
	f.Add(`sig1=("@method" "@query-param";name="a");created=1;keyid="k"`, `sig1=:AAAA:`, `sha-512=:AAAA:`)
	f.Add(`sig1=();a;b=?1;c=1.5, sig2=("x");d="\"";keyid="k"`, `a=1`, ``)
	f.Fuzz(func(t *testing.T, input, value, digest string) {
		r := httptest.NewRequest(http.MethodPost, "/inbox", bytes.NewReader(testBody))
		r.Host = "our.example"
		r.Header = http.Header{"Signature-Input": {input}, "Signature": {value}, "Content-Digest": {digest}}
		s, err := Parse(r)
		if err != nil {
			return
		}
		if s.KeyID == "" || len(s.headers) == 0 || len(s.Hash()) != 16 {
			t.Errorf("parsed %+v", s)
		}
		if err := s.Verify(r, testBody, &testKey().PublicKey, testNow); Reason(err) == "other" {
			t.Errorf("an error without a name: %v", err)
		}
	})
}

// What a request costs beyond the body's digest and the key.
func BenchmarkVerifyMessage(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 2900)
	signer := NewSigner(testKeyID, testKey(), 1)
	for name, form := range map[string]Form{"cavage": FormCavage, "rfc9421": FormMessage} {
		r := newPost(b, "https://our.example/inbox", body)
		if err := signer.SignAs(b.Context(), r, Digest(body), form); err != nil {
			b.Fatal(err)
		}
		in := received(r, body)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := verify(in, body, time.Now()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("rsa alone", func(b *testing.B) {
		sum := sha256.Sum256(body)
		value, err := rsa.SignPKCS1v15(nil, testKey(), crypto.SHA256, sum[:])
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := rsa.VerifyPKCS1v15(&testKey().PublicKey, crypto.SHA256, sum[:], value); err != nil {
				b.Fatal(err)
			}
		}
	})
}
