package index

import "errors"

// The errors that a caller tells apart.
var (
	ErrNotFound    = errors.New("not found")
	ErrUnavailable = errors.New("the index cannot be reached")
)
