package signature

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// TestFedifyVectors verifies what Fedify 2.3.6 signed, and agrees with its
// verdict on each case, tampered ones included.
func TestFedifyVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/fedify-cavage.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Now          time.Time
		KeyID        string
		PublicKeyPEM string
		Cases        []struct {
			Name, Method, URL, Body string
			Headers                 map[string]string
			Valid                   bool
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	key, err := ParsePublicKey(file.PublicKeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 8 {
		t.Fatalf("only %d cases", len(file.Cases))
	}
	for _, c := range file.Cases {
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
			if s.KeyID != file.KeyID {
				t.Errorf("keyId %q", s.KeyID)
			}
			err = s.Verify(r, []byte(c.Body), key, file.Now.Add(time.Second))
			if got := err == nil; got != c.Valid {
				t.Errorf("valid %v, Fedify says %v: %v", got, c.Valid, err)
			}
		})
	}
}
