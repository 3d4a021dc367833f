package remote

import (
	"io"
)

const maxDrainBytes = 4 << 10 // GoToSocial's 202 has 45 bytes; an error page has more than is worth a connection

// Drain reads what is left of an answer, at most 4 KiB, and closes it, so that its
// connection can be used again. It returns what it read: the first bytes of an error are worth
// showing. Whoever called Do must Drain; the time it may take is that of the request's context.
func Drain(body io.ReadCloser) []byte {
	text, _ := io.ReadAll(io.LimitReader(body, maxDrainBytes)) // what is missing is not worth an error
	_ = body.Close()                                           // nothing depends on it
	return text
}
