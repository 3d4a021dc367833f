package signature

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// What we sign. Content-Type is in it so that nobody on the way can turn an
// activity into something else.
var (
	postHeaders = []string{requestTarget, "host", "date", "digest", "content-type"}
	getHeaders  = []string{requestTarget, "host", "date"}
)

const activityType = "application/activity+json"

// Signer signs requests with the key of one of our actors. It may be used by
// many goroutines; at most `parallel` of them sign at once, the others wait.
type Signer struct {
	keyID string
	*signing
}

// signing is what signers have in common that name one key by different ids (SignBy).
type signing struct {
	key     *rsa.PrivateKey
	slots   chan struct{} // one element per RSA operation under way
	waiting atomic.Int64

	remote Remote        // nil: none
	ahead  chan struct{} // one element per signature that is asked of it

	made, madeRemotely atomic.Uint64
}

// Remote makes the RSA signature of a SHA-256 digest, PKCS#1 v1.5, elsewhere and with the same key. It answers
// within a bound of its own; after an error the Signer makes the signature itself.
type Remote func(digest [sha256.Size]byte) ([]byte, error)

// aheadOf is how many signatures are asked of a Remote at once, for each that is made at once: enough
// that it never waits for us, and few enough that one is made while its date is fresh.
const aheadOf = 8

// NewSigner makes a signer for the key whose URI is keyID: it must be, letter by
// letter, the publicKey.id of our actor. Parallel bounds the RSA operations under way; 0
// or less means one per processor.
func NewSigner(keyID string, key *rsa.PrivateKey, parallel int) *Signer {
	if parallel <= 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	return &Signer{keyID, &signing{key: key, slots: make(chan struct{}, parallel)}}
}

// Through has signatures made by remote, which makes as many at once as the Signer would. It is called
// before the Signer is used.
func (s *Signer) Through(remote Remote) {
	s.remote, s.ahead = remote, make(chan struct{}, aheadOf*cap(s.slots))
}

// Parallel is how many RSA operations run at once.
func (s *Signer) Parallel() int { return cap(s.slots) }

// KeyID is the URI of the signing key.
func (s *Signer) KeyID() string { return s.keyID }

// Waiting is the number of goroutines that wait for their turn to sign.
func (s *Signer) Waiting() int { return int(s.waiting.Load()) }

// SignPost sets Date, Digest and Signature, over "(request-target) host date
// digest content-type", and Content-Type if there is none. Digest is what [Digest]
// says of the body. A request may be signed again; it gets a new date. The
// error is ctx's, if it ended while waiting for a turn.
func (s *Signer) SignPost(ctx context.Context, r *http.Request, digest string) error {
	if digest == "" {
		return errors.New("signature: signing a POST: no digest")
	}
	r.Header["Digest"] = []string{digest}
	if len(r.Header["Content-Type"]) == 0 {
		r.Header["Content-Type"] = []string{activityType}
	}
	return s.sign(ctx, r, postHeaders)
}

// SignGet sets Date and Signature, over "(request-target) host date". The query is signed
// with the path, as the draft says: GoToSocial and current Mastodon accept that, Fedify
// does not, and nothing that it serves under authorised fetch has a query.
func (s *Signer) SignGet(ctx context.Context, r *http.Request) error {
	return s.sign(ctx, r, getHeaders)
}

// sign sets Date and Signature of draft-cavage.
func (s *Signer) sign(ctx context.Context, r *http.Request, headers []string) error {
	value, err := s.rsa(ctx, func(now time.Time) (string, error) {
		r.Header["Date"] = []string{now.UTC().Format(http.TimeFormat)}
		return signingString(r, headers), nil
	})
	if err != nil {
		return err
	}
	// rsa-sha256 and not hs2019, for Misskey before 12.111, Pleroma and Akkoma.
	r.Header["Signature"] = []string{`keyId="` + s.keyID + `",algorithm="rsa-sha256",headers="` + strings.Join(headers, " ") +
		`",signature="` + base64.StdEncoding.EncodeToString(value) + `"`}
	return nil
}

// signingString is what is signed (draft-cavage-http-signatures-12 §2.3). The headers are ours: there is one of each.
func signingString(r *http.Request, headers []string) string {
	var b strings.Builder
	for i, name := range headers {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(name + ": ")
		switch name {
		case requestTarget:
			b.WriteString(strings.ToLower(r.Method) + " " + Target(r.URL))
		case "host":
			b.WriteString(hostOf(r))
		default:
			b.WriteString(strings.TrimSpace(r.Header.Get(name)))
		}
	}
	return b.String()
}

// rsa signs what text returns for the time of signing, which is after the wait for a turn.
func (s *Signer) rsa(ctx context.Context, text func(now time.Time) (string, error)) ([]byte, error) {
	if s.remote != nil {
		value, err := s.remotely(ctx, text)
		if err == nil || ctx.Err() != nil {
			return value, err
		}
		// Who knows why it cannot is the remote, which tells.
	}
	if err := s.acquire(ctx, s.slots); err != nil {
		return nil, err
	}
	defer func() { <-s.slots }()
	signed, err := text(time.Now())
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(signed))
	value, err := rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, sum[:])
	if err != nil {
		return nil, fmt.Errorf("signature: signing: %w", err)
	}
	s.made.Add(1)
	return value, nil
}

func (s *Signer) remotely(ctx context.Context, text func(now time.Time) (string, error)) ([]byte, error) {
	if err := s.acquire(ctx, s.ahead); err != nil {
		return nil, err
	}
	defer func() { <-s.ahead }()
	signed, err := text(time.Now())
	if err != nil {
		return nil, err
	}
	value, err := s.remote(sha256.Sum256([]byte(signed)))
	if err == nil {
		s.madeRemotely.Add(1)
	}
	return value, err
}

// acquire takes a slot, or gives up with ctx.
func (s *Signer) acquire(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	default:
	}
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("signature: waiting to sign: %w", ctx.Err())
	}
}
