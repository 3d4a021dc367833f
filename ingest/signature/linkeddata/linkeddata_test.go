package linkeddata

import (
	"encoding/json"
	"os"
	"sync"
	"testing"

	"tributary/ingest/signature"
)

type vectors struct {
	Actor struct{ PublicKey struct{ PublicKeyPem string } }
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

// TestFedifyVectors agrees with what Fedify 2.3.6 says of what it signed, and of
// what was tampered with afterwards.
func TestFedifyVectors(t *testing.T) {
	v := readVectors(t)
	key, err := signature.ParsePublicKey(v.Actor.PublicKey.PublicKeyPem)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range v.Cases {
		d, err := Parse(c.Document)
		if err == nil {
			err = d.Verify(key)
		}
		if got := err == nil; got != c.Valid {
			t.Errorf("%s: %v, Fedify says %v: %v", c.Name, got, c.Valid, err)
		}
	}
}

// TestConcurrent: the bundled contexts are shared by all who verify.
func TestConcurrent(t *testing.T) {
	raw := encode(t, sign(t, create))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				if _, err := verify(raw); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
