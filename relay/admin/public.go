package admin

import (
	"context"
	"net/http"
	"strings"
)

// PublicPath is where the actions stand on the public listener.
const PublicPath = "/api/v1/relay/admin"

// Public offers the actions to who brings a token, in the header Authorization:
// Bearer; verify says whether it opens them. SQL stays on the socket. There is no
// other way in, such as a cookie, so that no page can act in an operator's name.
//
// Paths are those of Handler under PublicPath: GET /api/v1/relay/admin/subscribers.
func (s *Service) Public(verify func(ctx context.Context, secret string) error) http.Handler {
	mux := s.actions()
	actions := http.StripPrefix(PublicPath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/v1" + r.URL.Path // of the copy that StripPrefix made
		mux.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			secret = ""
		}
		if err := verify(r.Context(), strings.TrimSpace(secret)); err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer scope="admin"`)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"this needs a token with the scope admin: tributary admin token create --scope admin"}` + "\n"))
			return
		}
		actions.ServeHTTP(w, r)
	})
}
