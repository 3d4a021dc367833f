package simulator

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"tributary/ingest/signature"
)

// spoiled is the request of a step, with what is wrong in it.
func (s *Server) spoiled(ctx context.Context, inbox string, step Step) (*http.Request, error) {
	body := step.Activity.Body
	var date time.Time
	if step.Spoil == Stale {
		date = time.Now().Add(-48 * time.Hour)
	}
	r, err := s.signedAt(ctx, inbox, step.Activity.Actor, body, date)
	if err != nil {
		return nil, err
	}
	switch step.Spoil {
	case Unsigned:
		r.Header.Del("Signature")
	case BadDigest:
		r.Header.Set("Digest", signature.Digest([]byte("something else")))
	case Tampered:
		setBody(r, bytes.Replace(body, []byte(`"object"`), []byte(`"object" `), 1))
	case Stranger:
		other, err := s.signedAt(ctx, inbox, Instance, body, date)
		if err != nil {
			return nil, err
		}
		// The key of the account that stands for the server differs from that of its first people.
		r.Header.Set("Signature", withKeyID(other.Header.Get("Signature"), r.Header.Get("Signature")))
	}
	return r, nil
}

// withKeyID is a signature that claims to be by the key of another.
func withKeyID(sig, of string) string {
	keyID := func(s string) string {
		_, rest, _ := strings.Cut(s, `keyId="`)
		id, _, _ := strings.Cut(rest, `"`)
		return id
	}
	return strings.Replace(sig, keyID(sig), keyID(of), 1)
}

func setBody(r *http.Request, body []byte) {
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
}
