package signature

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
)

const maxDigestBytes = 1024 // SHA-256 and SHA-512 together take 150

// Digest is the Digest header of a body (RFC 3230), "SHA-256=<base64>". Upper
// case, because Threads does not know "sha-256". It is computed once for an
// activity, however many servers it goes to.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])
}

// checkDigest compares a Digest header with the body. The header may name several
// algorithms; exactly one entry must be SHA-256, and it decides. Others are
// passed over: they are not weaker evidence, only more of it.
func checkDigest(header string, body []byte) error {
	said, err := parseDigest(header)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if subtle.ConstantTimeCompare(said[:], sum[:]) != 1 {
		return fmt.Errorf("%w: the body has another SHA-256", ErrDigest)
	}
	return nil
}

// parseDigest finds the SHA-256 of a Digest header. The algorithm's name is read
// without regard to case (RFC 3230 §4.1.1).
func parseDigest(header string) (sum [sha256.Size]byte, err error) {
	if len(header) > maxDigestBytes {
		return sum, fmt.Errorf("%w: Digest of %d bytes", ErrDigest, len(header))
	}
	found := false
	for entry := range strings.SplitSeq(header, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(entry), "=")
		if !ok || !strings.EqualFold(name, "SHA-256") {
			continue
		}
		if found {
			return sum, fmt.Errorf("%w: two SHA-256 entries", ErrDigest)
		}
		found = true
		raw, err := base64.StdEncoding.Strict().DecodeString(value)
		if err != nil || len(raw) != sha256.Size {
			return sum, fmt.Errorf("%w: SHA-256 is not 32 bytes of base64", ErrDigest)
		}
		sum = [sha256.Size]byte(raw)
	}
	if !found {
		return sum, fmt.Errorf("%w: no SHA-256 in the Digest header", ErrDigest)
	}
	return sum, nil
}
