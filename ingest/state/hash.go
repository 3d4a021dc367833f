package state

import "crypto/sha256"

// HashBytes is the length of a Hash: 128 bits, so that strangers who choose URIs cannot make two
// of them meet.
const HashBytes = 16

// Hash is the key under which a URI stands in the database: the first 16 bytes of its SHA-256.
func Hash(uri string) []byte {
	sum := sha256.Sum256([]byte(uri))
	return sum[:HashBytes:HashBytes]
}
