package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The scopes that exist. Names and the rule that "read" includes "read:statuses" are those of the
// Mastodon API (https://docs.joinmastodon.org/api/oauth-scopes/).
const (
	Read         = "read"          // every stream and query
	ReadStatuses = "read:statuses" // streams of posts
	Admin        = "admin"         // operator actions; includes nothing else
)

// Scopes lists the scopes that exist.
func Scopes() []string { return []string{Read, ReadStatuses, Admin} }

// Token is what is known of a token; its secret is not.
type Token struct {
	ID      string    // short public name, 10 hex digits
	Name    string    // what it is for, in the operator's words
	Scopes  []string  // at least one of Scopes
	Created time.Time // UTC, to the millisecond, as the others
	Expires time.Time // zero: never
	Used    time.Time // last use, exact to usedStep; zero: never
}

// Allows says whether the token opens scope: it has it, or has the scope before a colon in it.
func (t Token) Allows(scope string) bool {
	family, _, _ := strings.Cut(scope, ":")
	return slices.Contains(t.Scopes, scope) || slices.Contains(t.Scopes, family)
}

const (
	secretPrefix = "trib_" // makes a secret recognisable for secret scanners and people
	secretLen    = len(secretPrefix) + 43
)

// newSecret returns a secret and the id of its token.
func newSecret() (secret, id string) {
	var random [32 + 5]byte
	_, _ = rand.Read(random[:]) // never fails since Go 1.24
	return secretPrefix + base64.RawURLEncoding.EncodeToString(random[:32]), hex.EncodeToString(random[32:])
}

type hash [sha256.Size]byte

// hashSecret returns what stands in the database for a secret; ok is false for what cannot be one.
func hashSecret(secret string) (h hash, ok bool) {
	if len(secret) != secretLen || !strings.HasPrefix(secret, secretPrefix) {
		return hash{}, false
	}
	return sha256.Sum256([]byte(secret)), true
}

// checkScopes returns the scopes sorted and without repeats.
func checkScopes(scopes []string) ([]string, error) {
	if len(scopes) == 0 {
		return nil, fmt.Errorf("%w: a token needs one of %s", ErrScope, strings.Join(Scopes(), ", "))
	}
	for _, s := range scopes {
		if !slices.Contains(Scopes(), s) {
			return nil, fmt.Errorf("%w: there is no %q, only %s", ErrScope, s, strings.Join(Scopes(), ", "))
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(scopes))), nil
}
