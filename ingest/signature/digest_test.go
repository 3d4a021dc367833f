package signature

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckDigest(t *testing.T) {
	body := []byte(`{"type":"Create"}`)
	good := Digest(body)
	value := strings.TrimPrefix(good, "SHA-256=")
	f := func(header string, want error) {
		t.Helper()
		if err := checkDigest(header, body); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", header, err, want)
		}
	}
	f(good, nil)
	f("sha-256="+value, nil)
	f("Sha-256="+value+",SHA-512=xyz", nil)
	f("SHA-512=xyz, SHA-256="+value, nil)
	f("unixsum=30637, "+good, nil)
	f("", ErrDigest)
	f("SHA-512=xyz", ErrDigest)
	f("MD5="+value, ErrDigest)
	f("SHA-256", ErrDigest)
	f("SHA-256=", ErrDigest)
	f("SHA-256="+value[:20], ErrDigest)
	f("SHA-256="+strings.TrimRight(value, "="), ErrDigest)
	f("SHA-256 = "+value, ErrDigest)
	f(good+","+good, ErrDigest)
	f(Digest([]byte("other")), ErrDigest)
	f(Digest([]byte("other"))+","+good, ErrDigest)
	f(good+","+strings.Repeat("x", maxDigestBytes), ErrDigest)
}

// FuzzDigest: no header panics, and whatever is accepted names the body's own digest.
func FuzzDigest(f *testing.F) {
	f.Add(Digest([]byte("body")), []byte("body"))
	f.Add("sha-256=,SHA-512=x", []byte(""))
	f.Add("SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", []byte(""))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		err := checkDigest(header, body)
		if err != nil && !errors.Is(err, ErrDigest) {
			t.Fatalf("unnamed error %v", err)
		}
		if err == nil && !strings.Contains(header, strings.TrimPrefix(Digest(body), "SHA-256=")) {
			t.Fatalf("%q accepted for %q", header, body)
		}
	})
}
