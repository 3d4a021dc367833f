package api

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"tributary/ingest/token"
)

// secret is the token of a request: of the header (RFC 6750 §2.1), else of the
// query (§2.3), which old apps use.
func secret(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(value)
	}
	if !strings.Contains(r.URL.RawQuery, "access_token=") {
		return ""
	}
	values, _ := url.ParseQuery(r.URL.RawQuery) // what cannot be read is told later
	return values.Get("access_token")
}

// authorize asks whether the request's token may read. The sentences are
// Mastodon's: apps know some of them.
func (a *API) authorize(q *request) error {
	if a.deps.Authenticate == nil {
		return nil
	}
	s := secret(q.http)
	if s == "" {
		return unauthorized("This method requires an authenticated user")
	}
	err := a.deps.Authenticate(q.context(), s)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, token.ErrScope):
		return &failure{status: http.StatusForbidden, message: "This action is outside the authorized scopes"}
	case errors.Is(err, token.ErrExpired):
		return unauthorized("The access token expired")
	case errors.Is(err, token.ErrUnknown):
		return unauthorized("The access token is invalid")
	}
	return away("Tokens cannot be checked now, please try again", err)
}
