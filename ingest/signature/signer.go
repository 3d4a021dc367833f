package signature

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-fed/httpsig"
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

	// httpsig's signers hold a hash and are not safe for two goroutines at once.
	post, get, shared, anywhere sync.Pool
}

// NewSigner makes a signer for the key whose URI is keyID: it must be, letter by
// letter, the publicKey.id of our actor. Parallel bounds the RSA operations under way; 0
// or less means one per processor.
func NewSigner(keyID string, key *rsa.PrivateKey, parallel int) *Signer {
	if parallel <= 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	return &Signer{keyID, &signing{
		key:      key,
		slots:    make(chan struct{}, parallel),
		post:     sync.Pool{New: func() any { return newHTTPSig(postHeaders) }},
		get:      sync.Pool{New: func() any { return newHTTPSig(getHeaders) }},
		shared:   sync.Pool{New: func() any { return newHTTPSig(sharedHeaders) }},
		anywhere: sync.Pool{New: func() any { return newHTTPSig(anywhereHeaders) }},
	}}
}

func newHTTPSig(headers []string) httpsig.Signer {
	s, _, err := httpsig.NewSigner([]httpsig.Algorithm{httpsig.RSA_SHA256}, httpsig.DigestSha256, headers, httpsig.Signature, 0)
	if err != nil {
		panic("signature: BUG: httpsig does not know its own algorithm: " + err.Error())
	}
	return s
}

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
	return s.sign(ctx, r, &s.post)
}

// SignGet sets Date and Signature, over "(request-target) host date". The query is signed
// with the path, as the draft says: GoToSocial and current Mastodon accept that, Fedify
// does not, and nothing that it serves under authorised fetch has a query.
func (s *Signer) SignGet(ctx context.Context, r *http.Request) error {
	return s.sign(ctx, r, &s.get)
}

func (s *Signer) sign(ctx context.Context, r *http.Request, pool *sync.Pool) error {
	if err := s.acquire(ctx); err != nil {
		return err
	}
	defer func() { <-s.slots }()

	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	h := r.Header
	h["Date"] = []string{time.Now().UTC().Format(http.TimeFormat)} // after the wait
	h["Host"] = []string{host}
	delete(h, "Signature") // of an earlier attempt: httpsig adds
	path, query := target(r.URL)

	signer := pool.Get().(httpsig.Signer)
	err := signer.SignRequest(s.key, s.keyID, &http.Request{
		Method: r.Method,
		URL:    &url.URL{Path: path, RawQuery: query},
		Header: h,
	}, nil)
	pool.Put(signer)
	delete(h, "Host") // net/http sends r.Host, which is the same
	if err != nil {
		return fmt.Errorf("signature: signing: %w", err)
	}
	h["Signature"][0] = strings.Replace(h["Signature"][0], `algorithm="hs2019"`, `algorithm="rsa-sha256"`, 1)
	return nil
}

// acquire takes a slot, or gives up with ctx.
func (s *Signer) acquire(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
	}
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("signature: waiting to sign: %w", ctx.Err())
	}
}
