package delivery

import "errors"

// ErrInbox is the error of an inbox that is no absolute http(s) URL.
var ErrInbox = errors.New("not an inbox URL")

// Causes for which we end a request ourselves.
var (
	errTimeout = errors.New("no answer in time")
	errAborted = errors.New("delivery ended")
)
