package remote

import "errors"

// What callers tell apart.
var (
	ErrGone      = errors.New("gone")
	ErrTemporary = errors.New("not to be had now")
)
