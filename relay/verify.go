package relay

import (
	"context"
	"errors"
	"net/http"

	"tributary/ingest"
	"tributary/ingest/remote"
	"tributary/ingest/signature"
)

// key fetches the key that the signature names, under a deadline and a bound
// per host: a slow key server delays its own activities only. A key that is here
// waits for nobody, so a server may post on as many connections as it likes.
func (in *inbox) key(ctx context.Context, req *request) (*remote.Key, error) {
	if key, ok := in.keys.KnownKey(req.signature.KeyID); ok {
		return key, nil
	}
	return in.fetchKey(ctx, req.signature.KeyID, in.keys.Key)
}

// fetchKey calls fetch under the deadline and the bound.
func (in *inbox) fetchKey(ctx context.Context, keyID string, fetch func(context.Context, string) (*remote.Key, error)) (*remote.Key, error) {
	host := hostOf(keyID)
	if !in.keyWaits.try(host) {
		return nil, busy(reasonHostBusy, "too many of your requests wait for your server's keys; send this again in a few seconds")
	}
	defer in.keyWaits.release(host)
	ctx, cancel := context.WithTimeout(ctx, in.cfg.KeyTimeout)
	defer cancel()
	return fetch(ctx, keyID)
}

// keyRefusal says what a key that cannot be had means: 503 while its server may
// come back, 401 when there is no key that could prove anything.
func keyRefusal(keyID string, err error) error {
	if refusal, ok := errors.AsType[*ingest.Refusal](err); ok {
		return refusal
	}
	unauthorized := func(reason, message string) error {
		return because(refuse(http.StatusUnauthorized, reason, "%s: %s", message, keyID), err)
	}
	switch {
	case errors.Is(err, remote.ErrTemporary), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return because(refuse(http.StatusServiceUnavailable, reasonKeyHost,
			"the key cannot be fetched from its server now: %s", keyID), err)
	case errors.Is(err, remote.ErrNotFound):
		return unauthorized(reasonKeyNotFound, "there is no such key")
	case errors.Is(err, remote.ErrMismatch):
		return unauthorized(reasonKeyMismatch, "the key and its owner do not name each other on one origin")
	case errors.Is(err, remote.ErrRefused):
		return unauthorized(reasonKeyRefused, "the key's server refuses to give it to this relay")
	case errors.Is(err, remote.ErrForbiddenAddress), errors.Is(err, remote.ErrContentType), errors.Is(err, remote.ErrRedirect),
		errors.Is(err, remote.ErrTooLarge), errors.Is(err, remote.ErrMalformed):
		return unauthorized(reasonKeyUnusable, "the key cannot be used")
	}
	return unavailable(err)
}

// verify checks the signature, of which take has checked all that needs no key,
// once more with the key fetched anew when it does not fit: keys rotate.
func (in *inbox) verify(ctx context.Context, req *request, key *remote.Key) error {
	err := req.signature.VerifyChecked(req.http, key.Public)
	if errors.Is(err, signature.ErrInvalid) || errors.Is(err, signature.ErrAlgorithm) {
		if fresh := in.refreshed(ctx, req.signature.KeyID); fresh != nil {
			key = fresh
			err = req.signature.VerifyChecked(req.http, key.Public)
		}
	}
	if err != nil {
		return signatureRefusal(err)
	}
	req.signer = key.Owner
	req.seen = seenSignature{hash: [16]byte(req.signature.Hash()), expires: req.signature.Expires()}
	return nil
}

// refreshed is nil when the key cannot be fetched anew now, or was a moment ago.
func (in *inbox) refreshed(ctx context.Context, keyID string) *remote.Key {
	key, err := in.fetchKey(ctx, keyID, in.keys.RefreshKey)
	if err != nil {
		in.log.DebugContext(ctx, "key not fetched anew", "key_id", keyID, "err", err)
		return nil
	}
	return key
}

func signatureRefusal(err error) error {
	return because(refuse(http.StatusUnauthorized, signature.Reason(err), "the signature was not accepted: %v", err), err)
}
