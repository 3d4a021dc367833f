package status

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// ID is a number that JSON shows as a string of decimal digits: 63 bits do not
// fit the numbers of JavaScript, and Mastodon's ids are strings.
type ID uint64

// MarshalJSON writes the id as a string.
func (id ID) MarshalJSON() ([]byte, error) { return id.appendJSON(nil), nil }

func (id ID) appendJSON(b []byte) []byte {
	b = append(b, '"')
	b = strconv.AppendUint(b, uint64(id), 10)
	return append(b, '"')
}

// AccountID is the id of the actor with this URI, wherever the actor lives: the
// first 63 bits of the SHA-256 of the URI as it is written, big-endian, and 1
// should they all be 0. It needs no table, every node and every later run agrees
// on it, and strangers who choose URIs cannot aim at another's id.
func AccountID(uri string) uint64 {
	sum := sha256.Sum256([]byte(uri))
	return max(binary.BigEndian.Uint64(sum[:8])>>1, 1)
}

// mediaID is the id of the n-th attachment of an object. It does not change as
// long as the attachment keeps its place, so an edit of the text keeps it.
func mediaID(object string, n int, url string) ID {
	b := make([]byte, 0, 256)
	b = append(b, object...)
	b = append(b, 0)
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(b, 0)
	b = append(b, url...)
	sum := sha256.Sum256(b)
	return ID(max(binary.BigEndian.Uint64(sum[:8])>>1, 1))
}
