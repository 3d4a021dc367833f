package signature

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
)

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func spki(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return encodePEM("PUBLIC KEY", der)
}

func TestParsePublicKey(t *testing.T) {
	public := &testKey().PublicKey
	pkcs1 := encodePEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(public))
	for name, text := range map[string]string{
		"SPKI":            MarshalPublic(public),
		"PKCS#1":          pkcs1,
		"CRLF":            strings.ReplaceAll(MarshalPublic(public), "\n", "\r\n"),
		"no last newline": strings.TrimSpace(MarshalPublic(public)),
		"text around it":  "\n\n" + pkcs1 + "\n\n",
	} {
		key, err := ParsePublicKey(text)
		if err != nil || !public.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := ParsePublicKey(spki(t, ed)); err != nil || !ed.Equal(key) {
		t.Errorf("Ed25519: %v", err)
	}
}

func TestParsePublicKeyRefuses(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ofBits := func(n uint) string {
		return spki(t, &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), int(n-1), 1), E: 65537})
	}
	for name, text := range map[string]string{
		"empty":       "",
		"no PEM":      "hello",
		"too long":    strings.Repeat("x", maxPEMBytes+1),
		"private key": MarshalPrivate(testKey()),
		"broken DER":  encodePEM("PUBLIC KEY", []byte("x")),
		"ECDSA":       spki(t, &ec.PublicKey),
		"1023 bits":   ofBits(1023),
		"8193 bits":   ofBits(8193),
	} {
		if _, err := ParsePublicKey(text); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrivateRoundTrip(t *testing.T) {
	key, err := ParsePrivate(MarshalPrivate(testKey()))
	if err != nil || !key.Equal(testKey()) {
		t.Fatalf("round trip: %v", err)
	}
	if key.N.BitLen() != ownRSABits {
		t.Errorf("%d bits", key.N.BitLen())
	}
	for _, bad := range []string{"", MarshalPublic(&key.PublicKey), encodePEM("PRIVATE KEY", []byte("x"))} {
		if _, err := ParsePrivate(bad); !errors.Is(err, ErrKey) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

// FuzzPublicKey: no PEM panics, and what is accepted can be written and read again.
func FuzzPublicKey(f *testing.F) {
	f.Add(MarshalPublic(&testKey().PublicKey))
	f.Add(encodePEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&testKey().PublicKey)))
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParsePublicKey(text)
		if err != nil {
			if !errors.Is(err, ErrKey) {
				t.Fatalf("unnamed error %v", err)
			}
			return
		}
		if k, ok := key.(*rsa.PublicKey); ok {
			if _, err := ParsePublicKey(MarshalPublic(k)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
