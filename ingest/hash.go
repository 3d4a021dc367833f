package ingest

import (
	"crypto/sha256"
	"encoding/binary"
)

// Hash stands for a URI in the repeat window and in the state database: the
// first 128 bits of its SHA-256. Strangers choose URIs, so anything shorter or
// not cryptographic would let them make two posts collide.
type Hash [16]byte

// HashOf returns the hash of a URI, as state.Hash does.
func HashOf(uri string) Hash {
	sum := sha256.Sum256([]byte(uri))
	return Hash(sum[:16])
}

func hashFrom(b []byte) (h Hash) {
	copy(h[:], b)
	return h
}

// contentHash tells two versions of the same second apart.
func contentHash(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:8])
}
