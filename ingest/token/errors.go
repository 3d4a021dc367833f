package token

import "errors"

var (
	// ErrUnknown says that no token has this secret, or this id: it never existed, or was revoked.
	ErrUnknown = errors.New("token: unknown token")
	// ErrExpired says that the token's time is over.
	ErrExpired = errors.New("token: expired token")
	// ErrScope says that the token does not open what it was used for, or that there is no such scope.
	ErrScope = errors.New("token: scope missing")
)
