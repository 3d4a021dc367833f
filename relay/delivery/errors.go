package delivery

import "errors"

// Sentinels.
var (
	ErrInbox     = errors.New("not an inbox URL") // no absolute http(s) URL
	ErrNoLane    = errors.New("nothing is delivered to this inbox")
	ErrNotPassed = errors.New("the lane has not come past this yet")
)

// Causes for which we end a request ourselves.
var (
	errTimeout = errors.New("no answer in time")
	errAborted = errors.New("delivery ended")
)
