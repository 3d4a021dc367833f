package simulator

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
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
		return r, s.signAsAnother(r, step.Activity.Actor, body)
	}
	return r, nil
}

// signAsAnother signs with a key that is not the account's, under the id of the one that is.
func (s *Server) signAsAnother(r *http.Request, name string, body []byte) error {
	s.mu.Lock()
	a, err := s.site.account(name)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	other := *a
	other.key = s.keys[(slices.Index(s.keys, a.key)+1)%len(s.keys)]
	return other.signPost(r, body, time.Time{})
}

func setBody(r *http.Request, body []byte) {
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
}
