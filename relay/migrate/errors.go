package migrate

import "errors"

// Sentinels.
var (
	ErrFormat = errors.New("not what a known relay exports")
	ErrMixed  = errors.New("the files are of different relays")
	ErrLarge  = errors.New("too large")
	ErrKey    = errors.New("not a private key that can be used")
)
