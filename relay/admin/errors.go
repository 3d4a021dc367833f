package admin

import (
	"errors"
	"net/http"
)

// Sentinels.
var (
	ErrNotRunning = errors.New("tributary serve is not running")
	ErrInput      = errors.New("cannot do this")
	ErrNotFound   = errors.New("not found")
)

// Error is what the relay answered to an action: for people as it stands.
type Error struct {
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Message }

// Is makes errors.Is work across the socket.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrInput:
		return e.Status == http.StatusBadRequest
	}
	return false
}
