package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"tributary/index"
)

// Seconds of Retry-After.
const (
	retrySoon  = "5"
	retryLater = "3600" // only an operator can change it
)

// statusGone is counted for a request whose client went away: nginx's number,
// never sent.
const statusGone = 499

// failure is an answer that is an error. Strangers get the message, the log the
// cause.
type failure struct {
	status    int
	message   string
	challenge bool   // WWW-Authenticate
	retry     string // Retry-After, seconds
	cause     error
}

func (f *failure) Error() string { return f.message }

func (f *failure) Unwrap() error { return f.cause }

var (
	errNotFound = &failure{status: http.StatusNotFound, message: "Record not found"}
	errIndexOff = &failure{
		status: http.StatusServiceUnavailable, retry: retryLater,
		message: "This server keeps no index: timelines and search are switched off here",
	}
)

func badRequest(format string, args ...any) error {
	return &failure{status: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

func unauthorized(message string) error {
	return &failure{status: http.StatusUnauthorized, message: message, challenge: true}
}

// away is what will be better soon.
func away(message string, cause error) *failure {
	return &failure{status: http.StatusServiceUnavailable, message: message, retry: retrySoon, cause: cause}
}

// failureOf says how an error is answered.
func failureOf(ctx context.Context, err error) *failure {
	var f *failure
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled):
		return &failure{status: statusGone} // whatever it was, nobody waits for it
	case errors.As(err, &f):
		return f
	case errors.Is(err, index.ErrNotFound):
		return errNotFound
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return away("The index took too long, please try again", err)
	case errors.Is(err, index.ErrUnavailable):
		return away("The index is not available now, please try again", err)
	}
	return &failure{status: http.StatusInternalServerError, message: "Something went wrong here", cause: err}
}
