package signature

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// Verify agrees with what Fedify 2.3.6 says of requests that it signed, tampered
// ones included.
func TestFedifyCavage(t *testing.T)  { fedifyVectors(t, "testdata/fedify-cavage.json") }
func TestFedifyRFC9421(t *testing.T) { fedifyVectors(t, "testdata/fedify-rfc9421.json") }

func fedifyVectors(t *testing.T, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Now          time.Time
		KeyID        string
		PublicKeyPEM string
		Cases        []struct {
			Name, Method, URL, Body string
			Headers                 map[string]string
			Valid                   bool
		}
	}
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	key, err := ParsePublicKey(read.PublicKeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	if len(read.Cases) < 8 {
		t.Fatalf("only %d cases", len(read.Cases))
	}
	for _, c := range read.Cases {
		t.Run(c.Name, func(t *testing.T) {
			r := httptest.NewRequest(c.Method, c.URL, strings.NewReader(c.Body))
			for name, value := range c.Headers {
				if name == "host" {
					r.Host = value
				} else {
					r.Header.Set(name, value)
				}
			}
			s, err := Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			if s.KeyID != read.KeyID {
				t.Errorf("keyId %q", s.KeyID)
			}
			err = s.Verify(r, []byte(c.Body), key, read.Now.Add(time.Second))
			if got := err == nil; got != c.Valid {
				t.Errorf("valid %v, Fedify says %v: %v", got, c.Valid, err)
			}
		})
	}
}
