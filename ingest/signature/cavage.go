package signature

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of a Signature header. The longest honest ones carry an RSA-8192
// signature (1368 characters) and a dozen header names.
const (
	maxHeaderBytes    = 8 << 10
	maxParameters     = 16
	maxKeyIDBytes     = 2048
	maxSignedHeaders  = 32
	maxSignatureBytes = 1024 // decoded: RSA-8192
)

// Pseudo-headers (draft-cavage-http-signatures-12 §2.3).
const (
	requestTarget = "(request-target)"
	createdHeader = "(created)"
	expiresHeader = "(expires)"
)

// Signature is the parsed signature of a request, in either form. It says what
// the sender claims; only Verify says that it is so.
type Signature struct {
	// KeyID is the URI of the key that is claimed to have signed.
	KeyID string

	message   *message  // of RFC 9421; nil for draft-cavage
	algorithm string    // label in lower case, "" when absent
	headers   []string  // lower case, in the order in which they were signed; components of RFC 9421
	value     []byte    // decoded
	created   int64     // Unix seconds, 0 when absent
	expires   int64     // Unix seconds, 0 when absent
	date      time.Time // of the Date header; zero when it is not signed
}

// Parse reads the signature of a request: that of RFC 9421 if there is a
// Signature-Input header, else that of draft-cavage, with the Date if that is signed.
// It looks at syntax only. Errors are ErrMissing, ErrUnsupported and ErrMalformed.
func Parse(r *http.Request) (*Signature, error) {
	values := r.Header["Signature"]
	switch {
	case len(values) == 0:
		return nil, ErrMissing
	case len(r.Header["Signature-Input"]) > 0:
		return parseMessage(r)
	case len(values) > 1:
		return nil, fmt.Errorf("%w: %d Signature headers", ErrMalformed, len(values))
	}
	s, err := parseHeader(values[0])
	if err != nil {
		return nil, err
	}
	if s.signs("date") {
		if s.date, err = parseDate(r.Header["Date"]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func parseDate(values []string) (time.Time, error) {
	if len(values) != 1 {
		return time.Time{}, fmt.Errorf("%w: %d Date headers", ErrMalformed, len(values))
	}
	t, err := http.ParseTime(values[0])
	if err != nil || t.Unix() <= 0 {
		return time.Time{}, fmt.Errorf("%w: Date is not an HTTP date", ErrMalformed)
	}
	return t, nil
}

func parseHeader(text string) (*Signature, error) {
	params, err := parseParameters(text)
	if err != nil {
		return nil, err
	}
	s := &Signature{
		KeyID:     params["keyId"],
		algorithm: strings.ToLower(params["algorithm"]),
	}
	if s.KeyID == "" || len(s.KeyID) > maxKeyIDBytes {
		return nil, fmt.Errorf("%w: keyId of %d bytes", ErrMalformed, len(s.KeyID))
	}
	if s.value, err = parseValue(params["signature"]); err != nil {
		return nil, err
	}
	if s.created, err = parseUnix(params, "created"); err != nil {
		return nil, err
	}
	if s.expires, err = parseUnix(params, "expires"); err != nil {
		return nil, err
	}
	list, ok := params["headers"]
	if !ok {
		list = "date" // draft-cavage §2.1.6 in its common reading
	}
	if s.headers, err = parseList(list); err != nil {
		return nil, err
	}
	if s.signs(createdHeader) && s.created == 0 || s.signs(expiresHeader) && s.expires == 0 {
		return nil, fmt.Errorf("%w: a signed time is not given", ErrMalformed)
	}
	return s, nil
}

// parseParameters reads name="value" and name=value, separated by commas and
// blanks. Names are case-sensitive; no name may come twice.
func parseParameters(text string) (map[string]string, error) {
	if len(text) > maxHeaderBytes {
		return nil, fmt.Errorf("%w: Signature header of %d bytes", ErrMalformed, len(text))
	}
	params := make(map[string]string, 6)
	for rest := strings.TrimSpace(text); rest != ""; {
		name, value, after, ok := cutParameter(rest)
		if !ok {
			return nil, fmt.Errorf("%w: Signature header is not a list of parameters", ErrMalformed)
		}
		if _, twice := params[name]; twice {
			return nil, fmt.Errorf("%w: a parameter comes twice", ErrMalformed)
		}
		if len(params) == maxParameters {
			return nil, fmt.Errorf("%w: more than %d parameters", ErrMalformed, maxParameters)
		}
		params[name] = value
		rest = after
	}
	return params, nil
}

// cutParameter takes the first parameter off a list.
func cutParameter(text string) (name, value, rest string, ok bool) {
	name, text, ok = strings.Cut(text, "=")
	name = strings.TrimSpace(name)
	if !ok || !isToken(name) {
		return "", "", "", false
	}
	text = trimBlank(text)
	if quoted, found := strings.CutPrefix(text, `"`); found {
		value, rest, ok = strings.Cut(quoted, `"`)
		if !ok || strings.ContainsAny(value, "\\\r\n\x00") {
			return "", "", "", false
		}
	} else {
		end := strings.IndexByte(text, ',')
		if end < 0 {
			end = len(text)
		}
		value, rest = strings.TrimSpace(text[:end]), text[end:]
		if !isToken(value) {
			return "", "", "", false
		}
	}
	rest = trimBlank(rest)
	if rest == "" {
		return name, value, "", true
	}
	rest, ok = strings.CutPrefix(rest, ",")
	rest = trimBlank(rest)
	return name, value, rest, ok && rest != ""
}

func trimBlank(s string) string { return strings.TrimLeft(s, " \t") }

func parseValue(text string) ([]byte, error) {
	if len(text) > base64.StdEncoding.EncodedLen(maxSignatureBytes) {
		return nil, fmt.Errorf("%w: signature of %d characters", ErrMalformed, len(text))
	}
	value, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(value) == 0 {
		return nil, fmt.Errorf("%w: signature is not base64", ErrMalformed)
	}
	return value, nil
}

func parseUnix(params map[string]string, name string) (int64, error) {
	text, ok := params[name]
	if !ok {
		return 0, nil
	}
	// Fractions, which the draft allows for expires, are dropped: no sender is known
	// that writes one, and what we pass on to verification is the integer.
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > 1<<40 {
		return 0, fmt.Errorf("%w: %s is not a time", ErrMalformed, name)
	}
	return n, nil
}

func parseList(text string) ([]string, error) {
	list := strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == '\t' })
	if len(list) == 0 || len(list) > maxSignedHeaders {
		return nil, fmt.Errorf("%w: list of %d headers", ErrMalformed, len(list))
	}
	for i, name := range list {
		bare := strings.TrimSuffix(strings.TrimPrefix(name, "("), ")")
		if !isToken(bare) { // before lower case, which maps letters beyond ASCII into it
			return nil, fmt.Errorf("%w: a listed header has no header's name", ErrMalformed)
		}
		name = strings.ToLower(name)
		switch {
		case slices.Contains(list[:i], name):
			return nil, fmt.Errorf("%w: a header is listed twice", ErrMalformed)
		case name == requestTarget, name == createdHeader, name == expiresHeader, isToken(name):
			list[i] = name
		default:
			return nil, fmt.Errorf("%w: unknown pseudo-header", ErrMalformed)
		}
	}
	return list, nil
}

// isToken reports whether s is a token (RFC 9110 §5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func (s *Signature) signs(name string) bool { return slices.Contains(s.headers, name) }

// Hash identifies the signature in the replay table: 16 bytes of the SHA-256 of
// its decoded value. Two requests with equal hashes are the same request: RSA
// PKCS#1 v1.5 and Ed25519 are deterministic, and other encodings of a value are
// refused by Parse.
func (s *Signature) Hash() []byte {
	sum := sha256.Sum256(s.value)
	return sum[:16]
}

// Expires is the moment from which Verify refuses the signature as stale: until
// then it must be remembered. It is zero for a signature without a signed time,
// which Verify refuses anyway.
func (s *Signature) Expires() time.Time {
	var end time.Time
	earlier := func(t time.Time) {
		if end.IsZero() || t.Before(end) {
			end = t
		}
	}
	if s.message != nil {
		return s.messageExpires()
	}
	if s.signs("date") {
		earlier(s.date.Add(MaxAge))
	}
	if s.signs(createdHeader) {
		earlier(time.Unix(s.created, 0).Add(MaxAge))
	}
	if s.signs(expiresHeader) {
		earlier(time.Unix(s.expires, 0).Add(pseudoSkew))
	}
	if end.IsZero() {
		return end
	}
	return end.Add(time.Second) // times of the header are whole seconds
}
