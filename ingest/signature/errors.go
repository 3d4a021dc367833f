package signature

import "errors"

// The ways in which a signature fails. Every error of Parse, Check, Verify and
// ParsePublicKey is one of them.
var (
	ErrMissing     = errors.New("signature: request is not signed")
	ErrUnsupported = errors.New("signature: form of signature is not supported")
	ErrMalformed   = errors.New("signature: malformed")
	ErrCoverage    = errors.New("signature: a required part is not signed")
	ErrStale       = errors.New("signature: outside of the time window")
	ErrDigest      = errors.New("signature: digest does not match the body")
	ErrAlgorithm   = errors.New("signature: algorithm not accepted")
	ErrInvalid     = errors.New("signature: does not verify")
	ErrKey         = errors.New("signature: key not usable")
)

var reasons = []struct {
	err  error
	name string
}{
	{ErrMissing, "missing"},
	{ErrUnsupported, "unsupported"},
	{ErrMalformed, "malformed"},
	{ErrCoverage, "coverage"},
	{ErrStale, "stale"},
	{ErrDigest, "digest"},
	{ErrAlgorithm, "algorithm"},
	{ErrInvalid, "invalid"},
	{ErrKey, "key"},
}

// Reason names err for a metric label: "ok" for nil, the name of the sentinel,
// or "other". The set is closed.
func Reason(err error) string {
	if err == nil {
		return "ok"
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "other"
}
