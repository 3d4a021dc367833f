package simulator

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"tributary/ingest/signature"
)

// What verifying finds wrong.
var (
	errUnsigned = errors.New("simulator: the signature is missing or broken")
	errStale    = errors.New("simulator: the date is too old or too new")
	errBad      = errors.New("simulator: the signature does not hold")
)

// signatureWindow is how old a date may be: Mastodon's twelve hours, and an hour ahead.
const (
	signatureWindow = 12 * time.Hour
	signatureSkew   = time.Hour
)

// signed is a Signature header.
type signed struct {
	keyID   string
	headers []string
	value   []byte
}

var parameter = regexp.MustCompile(`(\w+)="([^"]*)"`)

func parseSignature(r *http.Request) (s signed, err error) {
	for _, found := range parameter.FindAllStringSubmatch(r.Header.Get("Signature"), -1) {
		switch found[1] {
		case "keyId":
			s.keyID = found[2]
		case "headers":
			s.headers = strings.Fields(found[2])
		case "signature":
			s.value, err = base64.StdEncoding.DecodeString(found[2])
		}
	}
	if err != nil || s.keyID == "" || len(s.value) == 0 {
		return s, errUnsigned
	}
	return s, nil
}

// covers is what a software wants to be signed. Those that take a POST without its host let
// a relay sign once for all of them.
func (w *software) covers(method string) []string {
	if method == http.MethodGet {
		return []string{"(request-target)", "host", "date"}
	}
	switch w.name {
	case "mastodon", "gotosocial":
		return []string{"date", "digest"}
	case "hollo": // Fedify
		return []string{"(request-target)", "date", "digest"}
	}
	return []string{"(request-target)", "host", "date", "digest"}
}

// check is all of verifying that needs no key.
func (s signed) check(w *software, r *http.Request, body []byte, now time.Time) error {
	for _, name := range w.covers(r.Method) {
		if !slices.Contains(s.headers, name) {
			return fmt.Errorf("%w: %s is not signed", errUnsigned, name)
		}
	}
	date, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil || now.Sub(date) > signatureWindow || date.Sub(now) > signatureSkew {
		return fmt.Errorf("%w: %q", errStale, r.Header.Get("Date"))
	}
	if r.Method != http.MethodGet && r.Header.Get("Digest") != signature.Digest(body) {
		return fmt.Errorf("%w: the digest is of another body", errBad)
	}
	return nil
}

// holds reports whether a key made the signature.
func (s signed) holds(r *http.Request, length int, key crypto.PublicKey) error {
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("%w: the key is no RSA key", errBad)
	}
	lines := make([]string, len(s.headers))
	for i, name := range s.headers {
		value := signedValue(r, name, length)
		if name == "host" {
			value = r.Host
		}
		lines[i] = name + ": " + value
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], s.value); err != nil {
		return fmt.Errorf("%w: %w", errBad, err)
	}
	return nil
}
