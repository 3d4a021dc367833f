package signature

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"strings"

	"github.com/dunglas/httpsfv"
)

// ContentDigest is the Content-Digest header (RFC 9530) of the body that a Digest
// header, as made by [Digest], is of: the body is hashed once for both.
func ContentDigest(digest string) string {
	return "sha-256=:" + strings.TrimPrefix(digest, "SHA-256=") + ":"
}

// checkContentDigest compares a Content-Digest header with the body: every
// algorithm that we know must agree, and there must be one. Others are passed over.
func checkContentDigest(header string, body []byte) error {
	if len(header) > maxDigestBytes {
		return fmt.Errorf("%w: Content-Digest of %d bytes", ErrDigest, len(header))
	}
	dict, err := httpsfv.UnmarshalDictionary([]string{header})
	if err != nil {
		return fmt.Errorf("%w: Content-Digest is not a dictionary: %w", ErrDigest, err)
	}
	names := dict.Names()
	if commas, _ := separators(header); commas+1 != len(names) {
		return fmt.Errorf("%w: an algorithm comes twice", ErrDigest)
	}
	known := 0
	for _, name := range names {
		var want []byte
		switch name {
		case "sha-256":
			sum := sha256.Sum256(body)
			want = sum[:]
		case "sha-512":
			sum := sha512.Sum512(body)
			want = sum[:]
		default:
			continue
		}
		known++
		member, _ := dict.Get(name)
		item, _ := member.(httpsfv.Item)
		said, ok := item.Value.([]byte)
		if !ok || subtle.ConstantTimeCompare(said, want) != 1 {
			return fmt.Errorf("%w: the body has another %s", ErrDigest, name)
		}
	}
	if known == 0 {
		return fmt.Errorf("%w: no sha-256 or sha-512 in Content-Digest", ErrDigest)
	}
	return nil
}
