package simulator

import (
	"encoding/json"
	"net/http"
	"strings"
)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", s.inbox)
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /":                      s.serveDocument,
		"GET /.well-known/webfinger": s.serveWebFinger,
		"GET /.well-known/nodeinfo":  s.serveNodeInfoLinks,
		"GET /nodeinfo/2.0":          s.serveNodeInfo,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.behave(w, r, func(b Behaviour) Answer { return b.Documents }, handler)
		})
	}
	return mux
}

// serveDocument serves accounts, posts and keys to whom the software serves them.
func (s *Server) serveDocument(w http.ResponseWriter, r *http.Request) {
	body, status := s.keyAt(r.URL.Path)
	if status == 0 {
		if err := s.mayRead(r); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		body, status = s.documentAt(r.URL.Path)
	}
	if body == nil {
		http.Error(w, http.StatusText(status), status)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// mayRead asks for the signature that servers with authorised fetch ask for.
func (s *Server) mayRead(r *http.Request) error {
	s.mu.Lock()
	demanded := s.site.software.signedGet
	s.mu.Unlock()
	if !demanded {
		return nil
	}
	_, err := s.verify(r, nil)
	return err
}

// keyAt is a key with a document of its own, which everybody may read.
func (s *Server) keyAt(path string) ([]byte, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.site.software.keyApart {
		return nil, 0
	}
	a := s.site.paths[strings.TrimSuffix(path, s.site.software.key)]
	if a == nil || !strings.HasSuffix(path, s.site.software.key) {
		return nil, 0
	}
	if a.gone {
		return nil, http.StatusGone
	}
	return a.keyDocument(), http.StatusOK
}

func (s *Server) documentAt(path string) ([]byte, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.site.paths[path]; a != nil {
		if a.gone {
			return nil, http.StatusGone
		}
		return a.document(s.behaviour.Lie), http.StatusOK
	}
	p := s.site.posts[s.site.base+path]
	switch {
	case p == nil:
		return nil, http.StatusNotFound
	case p.deleted || s.site.paths[p.author.path].gone:
		p.deleted = true
		return p.document(s.behaviour.Lie), http.StatusGone
	}
	return p.document(s.behaviour.Lie), http.StatusOK
}

// serveWebFinger answers for acct: resources and actor URIs (RFC 7033).
func (s *Server) serveWebFinger(w http.ResponseWriter, r *http.Request) {
	resource := r.URL.Query().Get("resource")
	if resource == "" {
		http.Error(w, "resource is missing", http.StatusBadRequest)
		return
	}
	host := s.Host()
	s.mu.Lock()
	name, found := strings.CutSuffix(strings.TrimPrefix(resource, "acct:"), "@"+host)
	a := s.site.accounts[name]
	if !found {
		path, _ := strings.CutPrefix(resource, s.site.base)
		a = s.site.paths[path]
	}
	s.mu.Unlock()
	if a == nil {
		http.NotFound(w, r)
		return
	}
	reply(w, "application/jrd+json", map[string]any{
		"subject": "acct:" + a.Name + "@" + host,
		"aliases": []string{a.uri},
		"links":   []any{map[string]any{"rel": "self", "type": contentType, "href": a.uri}},
	})
}

func (s *Server) serveNodeInfoLinks(w http.ResponseWriter, _ *http.Request) {
	reply(w, "application/json", map[string]any{"links": []any{map[string]any{
		"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": s.URL("/nodeinfo/2.0"),
	}}})
}

func (s *Server) serveNodeInfo(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	software, users, posts := s.site.software, len(s.site.accounts)-1, len(s.site.posts)
	s.mu.Unlock()
	reply(w, "application/json", map[string]any{
		"version":           "2.0",
		"software":          map[string]any{"name": software.name, "version": software.version},
		"protocols":         []string{"activitypub"},
		"services":          map[string]any{"inbound": []any{}, "outbound": []any{}},
		"openRegistrations": false,
		"usage":             map[string]any{"users": map[string]any{"total": users}, "localPosts": posts},
		"metadata":          map[string]any{},
	})
}

func reply(w http.ResponseWriter, mediaType string, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	_, _ = w.Write(body)
}
