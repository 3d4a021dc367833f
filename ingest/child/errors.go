package child

import "errors"

var (
	// ErrClosed says that the Process was closed.
	ErrClosed = errors.New("child: closed")
	// ErrKilled says that a child did not end within its budget and was killed.
	ErrKilled = errors.New("child: did not end in time and was killed")
)
