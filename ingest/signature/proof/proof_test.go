package proof

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"tributary/ingest/signature"
)

type vectors struct {
	Actor struct {
		AssertionMethod []struct{ ID, PublicKeyMultibase string }
	}
	Cases []struct {
		Name     string
		Document json.RawMessage
		Valid    bool
	}
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/fedify.json")
	var v vectors
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (v vectors) verify(t testing.TB, raw []byte) error {
	t.Helper()
	key, err := signature.ParseMultikey(v.Actor.AssertionMethod[0].PublicKeyMultibase)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse(raw)
	if err != nil {
		return err
	}
	return d.Verify(key)
}

// TestFedifyVectors agrees with what Fedify 2.3.6 says of its own proofs.
func TestFedifyVectors(t *testing.T) {
	v := readVectors(t)
	for _, c := range v.Cases {
		if err := v.verify(t, c.Document); (err == nil) != c.Valid {
			t.Errorf("%s: Fedify says %v: %v", c.Name, c.Valid, err)
		}
	}
	d, err := Parse(v.Cases[0].Document)
	if err != nil || d.KeyID != v.Actor.AssertionMethod[0].ID || d.Created.IsZero() || !d.Expires.IsZero() {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestAttacks(t *testing.T) {
	v := readVectors(t)
	valid := string(v.Cases[0].Document)
	for name, c := range map[string]struct {
		old, fresh string
		want       error
	}{
		"other actor":                {`"actor": "https://peer.example/users/vera"`, `"actor": "https://peer.example/users/mallory"`, signature.ErrInvalid},
		"another spelling of Public": {`"to": "https://www.w3.org/ns/activitystreams#Public"`, `"to": "as:Public"`, signature.ErrInvalid},
		"a member more":              {`"published":`, `"summary": "x", "published":`, signature.ErrInvalid},
		"member twice":               {`"actor":`, `"actor": "https://evil.example/m", "actor":`, signature.ErrMalformed},
		"member twice, escaped":      {`"actor":`, `"\u0061ctor": "https://evil.example/m", "actor":`, signature.ErrMalformed},
		"other date":                 {`"created": "2026`, `"created": "2027`, signature.ErrInvalid},
		"other key":                  {`users/vera#ed`, `users/vera#other`, signature.ErrInvalid},
		"other purpose":              {`"proofPurpose": "assertionMethod"`, `"proofPurpose": "authentication"`, signature.ErrMalformed},
		"other suite":                {`eddsa-jcs-2022`, `eddsa-rdfc-2022`, signature.ErrUnsupported},
		"other type":                 {`DataIntegrityProof`, `Ed25519Signature2020`, signature.ErrUnsupported},
		"context of the proof":       {`"@context": [`, `"@context": ["https://evil.example/",`, signature.ErrMalformed},
		"expires added":              {`"created": "2026-01-02T03:04:05Z"`, `"created": "2026-01-02T03:04:05Z", "expires": "2099-01-02T03:04:05Z"`, signature.ErrInvalid},
		"expires is no date":         {`"created": "2026-01-02T03:04:05Z"`, `"created": "2026-01-02T03:04:05Z", "expires": "never"`, signature.ErrMalformed},
		"created is no date":         {`"created": "2026-01-02T03:04:05Z"`, `"created": "today"`, signature.ErrMalformed},
		"proof is a list":            {`"proof": {`, `"proof": [], "prof": {`, signature.ErrMissing},
		"value of another base":      {`"proofValue": "z`, `"proofValue": "m`, signature.ErrMalformed},
		"an LD signature around":     {`"proof":`, `"signature": {"type": "RsaSignature2017"}, "proof":`, nil},
		"order and space, as sent":   {`"id":`, "\n\t \"id\":", nil},
	} {
		raw := strings.Replace(valid, c.old, c.fresh, 1)
		if raw == valid {
			t.Fatalf("%s changes nothing", name)
		}
		if err := v.verify(t, []byte(raw)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestSign(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`{"id":"https://a.example/1","n":1.0}`, `{"@context":["x"],"proof":1,"signature":2}`} {
		raw, err := Sign([]byte(text), "https://a.example/u#ed", private, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		d, err := Parse(raw)
		if err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		if err := d.Verify(public); err != nil {
			t.Error(err)
		}
	}
}

func TestOtherKeys(t *testing.T) {
	d, err := Parse(readVectors(t).Cases[0].Document)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(&key.PublicKey); !errors.Is(err, signature.ErrAlgorithm) {
		t.Errorf("RSA: %v", err)
	}
	if _, err := Parse([]byte(`{"id":"x"}`)); !errors.Is(err, signature.ErrMissing) {
		t.Errorf("no proof: %v", err)
	}
}

// TestCanonical: RFC 8785 §3.2.3 and appendix B.
func TestCanonical(t *testing.T) {
	for raw, want := range map[string]string{
		`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001,-0]}`: `{"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27,0]}`,
		`{"\u20ac":1,"\r":2,"1":4,"\u0080":6,"\ud83d\ude00":5,"\u00f6":7}`:                 "{\"\\r\":2,\"1\":4,\"\u0080\":6,\"ö\":7,\"€\":1,\"😀\":5}",
		`{"s":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/<&>\u2028"}`:                   "{\"s\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/<&>\u2028\"}",
	} {
		var part map[string]any
		if err := json.Unmarshal([]byte(raw), &part); err != nil {
			t.Fatal(err)
		}
		got, err := hash(part)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != sum(want) {
			t.Errorf("%s is not %s", raw, want)
		}
	}
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return string(h[:])
}

// FuzzParse: no document panics; a proof that was moved to another document does
// not hold there.
func FuzzParse(f *testing.F) {
	v := readVectors(f)
	for _, c := range v.Cases {
		f.Add([]byte(c.Document))
	}
	f.Add([]byte(`{"a":1e21,"b":-0,"proof":{"type":"DataIntegrityProof","cryptosuite":"eddsa-jcs-2022"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if d, err := Parse(raw); err == nil && (d.KeyID == "" || len(d.signed) != 64) {
			t.Errorf("parsed %+v", d)
		}
	})
}

// What a relayed copy with a proof costs.
func BenchmarkVerify(b *testing.B) {
	v := readVectors(b)
	for b.Loop() {
		if err := v.verify(b, v.Cases[0].Document); err != nil {
			b.Fatal(err)
		}
	}
}
