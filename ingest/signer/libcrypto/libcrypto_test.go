package libcrypto_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tributary/ingest/signer/libcrypto"
)

// load returns the system's library, or skips.
func load(t testing.TB) *libcrypto.Library {
	t.Helper()
	l, err := libcrypto.Load("")
	if err != nil {
		t.Skipf("OpenSSL 3 is not on this machine: %v", err)
	}
	return l
}

func newKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestVersion(t *testing.T) {
	if v := load(t).Version(); !strings.HasPrefix(v, "OpenSSL 3.") {
		t.Errorf("version %q", v)
	}
}

// Signatures are those of crypto/rsa, byte for byte, for keys of any length in both encodings, on many threads.
func TestSameAsGo(t *testing.T) {
	l := load(t)
	for _, bits := range []int{1024, 2048} {
		key := newKey(t, bits)
		for name, der := range map[string][]byte{"PKCS #8": pkcs8(t, key), "PKCS #1": x509.MarshalPKCS1PrivateKey(key)} {
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					k, err := l.Key(der)
					if err != nil {
						t.Error(err)
						return
					}
					defer k.Close()
					for range 50 {
						same(t, key, k, name)
					}
				})
			}
			wg.Wait()
		}
	}
}

func same(t *testing.T, key *rsa.PrivateKey, k *libcrypto.Key, name string) {
	var digest [sha256.Size]byte
	_, _ = rand.Read(digest[:])
	want, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Error(err)
		return
	}
	got := make([]byte, k.Size())
	if err := k.Sign(digest[:], got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bits, %s: %v\n got %x\nwant %x", key.N.BitLen(), name, err, got, want)
	}
}

func TestBadKeys(t *testing.T) {
	l := load(t)
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	whole := pkcs8(t, newKey(t, 1024))
	for name, der := range map[string][]byte{
		"none": nil, "nonsense": []byte("nonsense"), "cut": whole[:len(whole)-20], "of another kind": pkcs8(t, elliptic),
	} {
		if k, err := l.Key(der); err == nil {
			t.Errorf("%s: a key", name)
			k.Close()
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	k, err := l.Key(whole)
	if err != nil {
		t.Fatal(err)
	}
	if k.Sign(make([]byte, 31), make([]byte, k.Size())) == nil || k.Sign(make([]byte, 32), make([]byte, k.Size()-1)) == nil {
		t.Error("wrong lengths are taken")
	}
	k.Close()
	k.Close()
}

func TestNoLibrary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "libcrypto.so.3")
	if _, err := libcrypto.Load(path); !errors.Is(err, libcrypto.ErrLibrary) {
		t.Errorf("missing: %v", err)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := libcrypto.Load(path); !errors.Is(err, libcrypto.ErrLibrary) {
		t.Errorf("nonsense: %v", err)
	}
}

func BenchmarkSign(b *testing.B) {
	key := newKey(b, 2048)
	digest := make([]byte, sha256.Size)
	b.Run("go", func(b *testing.B) {
		for b.Loop() {
			if _, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("libcrypto", func(b *testing.B) {
		k, err := load(b).Key(pkcs8(b, key))
		if err != nil {
			b.Fatal(err)
		}
		defer k.Close()
		signature := make([]byte, k.Size())
		b.ReportAllocs()
		for b.Loop() {
			if err := k.Sign(digest, signature); err != nil {
				b.Fatal(err)
			}
		}
	})
}
