package signature

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"net/http/httptest"
	"testing"
	"time"
)

var benchBody = make([]byte, 3<<10) // a usual Create

// BenchmarkRSA is the floor under BenchmarkSignPost: what is between the two is
// ours and should stay below 10 µs.
func BenchmarkRSA(b *testing.B) {
	sum := sha256.Sum256(benchBody)
	for b.Loop() {
		if _, err := rsa.SignPKCS1v15(rand.Reader, testKey(), crypto.SHA256, sum[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignPost(b *testing.B) {
	signer := NewSigner(testKeyID, testKey(), 1)
	r := newPost(b, "https://our.example/inbox", nil)
	digest := Digest(benchBody)
	b.ReportAllocs()
	for b.Loop() {
		if err := signer.SignPost(b.Context(), r, digest); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	b.SetBytes(int64(len(benchBody)))
	for b.Loop() {
		Digest(benchBody)
	}
}

// BenchmarkVerify is the cost of an inbox request once its key is cached.
func BenchmarkVerify(b *testing.B) {
	r := signedPost(b, "https://our.example/inbox", benchBody)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if err := verify(r, benchBody, now); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefuse is the cost of a request that is not signed at all.
func BenchmarkRefuse(b *testing.B) {
	r := httptest.NewRequest("POST", "/inbox", nil)
	for b.Loop() {
		if _, err := Parse(r); err == nil {
			b.Fatal("parsed")
		}
	}
}
