package remote

import (
	"errors"
	"fmt"
)

// What comes of a fetch that fails. Every error of Actor, Key and Object is one
// of them.
var (
	// ErrGone: 410 or a Tombstone. For an actor it counts as the actor's Delete.
	ErrGone = errors.New("remote: gone")
	// ErrNotFound: 404.
	ErrNotFound = errors.New("remote: not found")
	// ErrTemporary: not to be had now: 5xx, 429, no connection, too slow, or too much
	// asked of the host at once. A sender is told 503.
	ErrTemporary = errors.New("remote: not available now")
	// ErrRefused: any other 4xx, such as 401 and 403 of a server that blocks us.
	ErrRefused = errors.New("remote: refused by the server")
	// ErrForbiddenAddress: the address, port or scheme is none that we call.
	ErrForbiddenAddress = errors.New("remote: forbidden address")
	// ErrRedirect: too many redirects, or one to a weaker scheme.
	ErrRedirect = errors.New("remote: redirect not followed")
	// ErrContentType: the answer is not ActivityPub's, or not of the type that was asked for.
	ErrContentType = errors.New("remote: wrong content type")
	// ErrTooLarge: the answer is larger than 256 KiB, or a list larger than its bound.
	ErrTooLarge = errors.New("remote: document too large")
	// ErrMismatch: the document is not what its URL says, or a key is not the actor's.
	ErrMismatch = errors.New("remote: document or key does not belong to its URL")
	// ErrMalformed: not a URL, not JSON, not an actor.
	ErrMalformed = errors.New("remote: malformed")
)

// errBusy is ErrTemporary for a reason on our side: it says nothing of the server,
// so it is not remembered.
var errBusy = fmt.Errorf("%w: too many fetches under way", ErrTemporary)

// results are the labels of fetches, in the order in which they are tried. errBusy
// comes before ErrTemporary, which it wraps.
var results = []struct {
	err  error
	name string
}{
	{ErrGone, "gone"},
	{ErrNotFound, "not_found"},
	{errBusy, "busy"},
	{ErrTemporary, "temporary"},
	{ErrRefused, "refused"},
	{ErrForbiddenAddress, "forbidden_address"},
	{ErrRedirect, "redirect"},
	{ErrContentType, "content_type"},
	{ErrTooLarge, "too_large"},
	{ErrMismatch, "mismatch"},
	{ErrMalformed, "malformed"},
}

// Result names err for a metric label: "ok" for nil, the name of the sentinel, or
// "other". The set is closed.
func Result(err error) string {
	if err == nil {
		return "ok"
	}
	for _, r := range results {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "other"
}
