package signature

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-fed/httpsig"
)

// The window in which a signature is accepted: as wide as Mastodon's widest, since
// a queue on the way may hold a request for hours.
const (
	MaxAge  = 12 * time.Hour
	MaxSkew = time.Hour // how far a sender's clock may be ahead

	// pseudoSkew bounds (created) and (expires) instead: httpsig's own bound.
	pseudoSkew = 10 * time.Second
)

// Verify reports whether key signed the request as it is: Check, and then the
// signature itself. Errors are the sentinels of this package.
func (s *Signature) Verify(r *http.Request, body []byte, key crypto.PublicKey, now time.Time) error {
	if err := s.Check(r, body, now); err != nil {
		return err
	}
	return s.VerifyChecked(r, key)
}

// VerifyChecked is what Verify does after Check, for a caller that had to call Check
// itself, for the same request, before it had the key. Without Check it says nothing
// of the body, nor of the time.
func (s *Signature) VerifyChecked(r *http.Request, key crypto.PublicKey) error {
	if s.message != nil {
		return s.verifyMessage(r, key)
	}
	algorithm, err := s.algorithmFor(key)
	if err != nil {
		return err
	}
	return s.verifyTargets(r, key, algorithm)
}

// Check does all of Verify that needs no key: coverage, window, digest. A server
// calls it before it asks another one for the key, so that a request that cannot
// pass costs no fetch.
func (s *Signature) Check(r *http.Request, body []byte, now time.Time) error {
	if s.message != nil {
		return s.checkMessage(r, body, now)
	}
	if err := s.checkLabel(); err != nil {
		return err
	}
	if err := s.checkCoverage(r); err != nil {
		return err
	}
	if err := s.checkWindow(now); err != nil {
		return err
	}
	if s.signs("digest") {
		return checkDigest(r.Header["Digest"][0], body)
	}
	return nil
}

// checkLabel refuses labels that name another algorithm than we verify, and
// (created) and (expires) under the old labels (draft-cavage §2.3, as Mastodon).
func (s *Signature) checkLabel() error {
	switch s.algorithm {
	case "", "hs2019":
		return nil
	case "rsa-sha256", "ed25519":
		if s.signs(createdHeader) || s.signs(expiresHeader) {
			return fmt.Errorf("%w: (created) and (expires) need hs2019", ErrAlgorithm)
		}
		return nil
	}
	return fmt.Errorf("%w: %.32q", ErrAlgorithm, s.algorithm)
}

// checkCoverage demands what must be signed, and that what is said to be signed
// is there, once.
func (s *Signature) checkCoverage(r *http.Request) error {
	required := []string{requestTarget, "host"}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		required = append(required, "digest")
	}
	for _, name := range required {
		if !s.signs(name) {
			return fmt.Errorf("%w: %s", ErrCoverage, name)
		}
	}
	if !s.signs("date") && !s.signs(createdHeader) {
		return fmt.Errorf("%w: date or (created)", ErrCoverage)
	}
	for _, name := range s.headers {
		if err := checkPresent(r, name); err != nil {
			return err
		}
	}
	return nil
}

func checkPresent(r *http.Request, name string) error {
	values := r.Header[textproto.CanonicalMIMEHeaderKey(name)]
	switch name {
	case requestTarget, createdHeader, expiresHeader:
		return nil
	case "host":
		// net/http moves Host out of the header; one that is still there came otherwise.
		if r.Host == "" || len(values) > 0 {
			return fmt.Errorf("%w: host", ErrMalformed)
		}
	case "date", "digest", "content-digest", "content-type", "content-length":
		if len(values) > 1 {
			return fmt.Errorf("%w: %d headers %s", ErrMalformed, len(values), name)
		}
		fallthrough
	default:
		if len(values) == 0 {
			return fmt.Errorf("%w: %.64q is listed and not there", ErrCoverage, name)
		}
	}
	return nil
}

// checkWindow checks every signed time. An unsigned expires is honoured too: it
// can only shorten.
func (s *Signature) checkWindow(now time.Time) error {
	if s.signs("date") {
		if err := within(s.date, now, MaxSkew); err != nil {
			return err
		}
	}
	if s.signs(createdHeader) {
		if err := within(time.Unix(s.created, 0), now, pseudoSkew); err != nil {
			return err
		}
	}
	if s.expires != 0 && now.Sub(time.Unix(s.expires, 0)) > pseudoSkew {
		return fmt.Errorf("%w: expired", ErrStale)
	}
	return nil
}

func within(t, now time.Time, skew time.Duration) error {
	switch age := now.Sub(t); {
	case age > MaxAge:
		return fmt.Errorf("%w: signed %s ago", ErrStale, age.Round(time.Second))
	case age < -skew:
		return fmt.Errorf("%w: signed %s in the future", ErrStale, (-age).Round(time.Second))
	}
	return nil
}

// algorithmFor chooses by the key, never by the label (CVE-2026-28432 and the
// like); the label may only agree.
func (s *Signature) algorithmFor(key crypto.PublicKey) (httpsig.Algorithm, error) {
	switch key.(type) {
	case *rsa.PublicKey:
		if s.algorithm != "ed25519" {
			return httpsig.RSA_SHA256, nil
		}
	case ed25519.PublicKey:
		if s.algorithm != "rsa-sha256" {
			return httpsig.ED25519, nil
		}
	}
	return "", fmt.Errorf("%w: %.32q with a key of type %T", ErrAlgorithm, s.algorithm, key)
}

// verifyTargets tries (request-target) with the query, as the draft says, then
// without it, as Fedify and Mastodon before 4.3 write it. What the query would
// protect is not in it: our inbox has none.
func (s *Signature) verifyTargets(r *http.Request, key crypto.PublicKey, algorithm httpsig.Algorithm) error {
	path, query := target(r.URL)
	err := s.verifyTarget(r, path, query, key, algorithm)
	if err != nil && query != "" {
		err = s.verifyTarget(r, path, "", key, algorithm)
	}
	return err
}

// target is the path and the query of (request-target) as they stand on the wire.
func target(u *url.URL) (path, query string) {
	if path = u.EscapedPath(); path == "" {
		path = "/"
	}
	return path, u.RawQuery
}

// verifyTarget gives httpsig a request that holds what was signed and nothing
// else. Path is given in its escaped form, because httpsig writes Path.
func (s *Signature) verifyTarget(r *http.Request, path, query string, key crypto.PublicKey, algorithm httpsig.Algorithm) error {
	signed := &http.Request{
		Method: r.Method,
		URL:    &url.URL{Path: path, RawQuery: query},
		Header: s.signedHeader(r),
	}
	v, err := httpsig.NewVerifier(signed)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := v.Verify(key, algorithm); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

func (s *Signature) signedHeader(r *http.Request) http.Header {
	h := make(http.Header, len(s.headers)+2)
	for _, name := range s.headers {
		key := textproto.CanonicalMIMEHeaderKey(name)
		if values, ok := r.Header[key]; ok {
			h[key] = values
		}
	}
	h["Host"] = []string{r.Host}
	delete(h, "Authorization") // httpsig would look for a second signature in it
	h["Signature"] = []string{s.canonical()}
	return h
}

// canonical is the Signature header as httpsig reads it. It needs no keyId, but
// insists on one.
func (s *Signature) canonical() string {
	var b bytes.Buffer
	b.WriteString(`keyId="-"`)
	if s.signs(createdHeader) {
		b.WriteString(",created=" + strconv.FormatInt(s.created, 10))
	}
	if s.signs(expiresHeader) {
		b.WriteString(",expires=" + strconv.FormatInt(s.expires, 10))
	}
	b.WriteString(`,headers="` + strings.Join(s.headers, " "))
	b.WriteString(`",signature="` + base64.StdEncoding.EncodeToString(s.value) + `"`)
	return b.String()
}
