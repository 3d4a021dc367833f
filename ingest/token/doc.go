// Package token makes and checks the tokens that open this server's streams, queries and operator
// actions. It knows nothing of HTTP.
//
// A secret is "trib_" and 43 base64url characters: 256 random bits, so that its plain SHA-256,
// which is all that is stored, cannot be guessed back. It is shown once, when it is made.
//
// Invariants:
//   - The database holds no secret, and no message of this package holds one.
//   - A revoked token is refused by this process at once, and by other processes on the same
//     database within [cacheTime].
//   - Verify of a token in use costs no query.
//
// Map: token.go (Token, scopes, secrets), store.go (the table), cache.go (what makes Verify cheap),
// errors.go.
package token
