package signature

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// What a shared signature covers: nothing that says which server it is for.
var (
	sharedHeaders   = []string{requestTarget, "date", "digest"}
	anywhereHeaders = []string{"date", "digest"}
)

// Shared is a signature for POSTs of one body to one path of any server: over
// "(request-target) date digest" of draft-cavage, without the host. Whoever receives
// one can send the same to the same path of another server while the date is fresh.
// So it is for what all of them may have anyway, public activities that a relay passes on, and for
// nothing else. Our own inbox refuses it (ErrCoverage). The zero value is none.
type Shared struct {
	date, digest, signature []string // header values, in use by many requests: never changed
}

// SignShared makes one for a body, given by its [Digest], and the path and query of
// a URL, whatever its scheme and host. Without a URL it is for any path, over "date
// digest" alone, which few servers take. The error is ctx's, if it ended while waiting for a turn.
func (s *Signer) SignShared(ctx context.Context, to *url.URL, digest string) (Shared, error) {
	if digest == "" {
		return Shared{}, errors.New("signature: signing a POST: no digest")
	}
	headers := sharedHeaders
	if to == nil {
		headers, to = anywhereHeaders, new(url.URL)
	}
	r := http.Request{Method: http.MethodPost, URL: to, Header: http.Header{"Digest": {digest}}}
	if err := s.sign(ctx, &r, headers); err != nil {
		return Shared{}, err
	}
	return Shared{date: r.Header["Date"], digest: r.Header["Digest"], signature: r.Header["Signature"]}, nil
}

// By is the same signature in the name of another of our actors, whose key is the same
// and has the id keyID there; "" changes nothing. What is signed does not say whose key it is, so
// that one RSA operation does for all of them.
func (s Shared) By(keyID string) Shared {
	if keyID == "" || len(s.signature) == 0 {
		return s
	}
	if _, rest, ok := strings.Cut(s.signature[0], `",`); ok { // behind keyId, which comes first
		s.signature = []string{`keyId="` + keyID + `",` + rest}
	}
	return s
}

// Set puts the signature on a request whose header bears none.
func (s Shared) Set(h http.Header) {
	h["Date"], h["Digest"], h["Signature"] = s.date, s.digest, s.signature
}

// Target is what the URLs have in common that may share a signature.
func Target(u *url.URL) string {
	path, query := target(u)
	if query != "" {
		path += "?" + query
	}
	return path
}
