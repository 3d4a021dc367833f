package stream

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"tributary/ingest/token"
)

// bearer is the token of the Authorization header, "" without one (RFC 6750 §2.1).
func bearer(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(value)
}

// authorize asks whether the token may read the streams.
func (s *Server) authorize(ctx context.Context, secret string) *refusal {
	if s.auth == nil {
		return nil
	}
	if secret == "" {
		return &refusal{
			status: http.StatusUnauthorized, name: refuseNoToken,
			message: "a token with scope read is needed: Authorization: Bearer …, or access_token=… in the URL",
		}
	}
	err := s.auth(ctx, secret)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, token.ErrScope):
		return &refusal{status: http.StatusForbidden, name: refuseScope, message: "the token lacks scope read"}
	case isVerdict(err):
		return &refusal{status: http.StatusUnauthorized, name: refuseToken, message: "the token is unknown, expired or revoked"}
	}
	s.log.Error("token cannot be verified", "err", err)
	return unavailable(refuseUnavailable, "tokens cannot be verified now")
}

// isVerdict tells a token that may not read from one that cannot be looked up.
func isVerdict(err error) bool {
	return errors.Is(err, token.ErrUnknown) || errors.Is(err, token.ErrExpired) || errors.Is(err, token.ErrScope)
}
