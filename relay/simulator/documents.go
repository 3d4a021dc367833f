package simulator

import (
	"maps"
	"net/http"
	"strings"
)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /inbox", s.inbox)
	mux.HandleFunc("POST /users/{name}/inbox", s.inbox)
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /users/{name}":               s.serveActor,
		"GET /users/{name}/statuses/{id}": s.serveObject,
		"GET /.well-known/webfinger":      s.serveWebFinger,
		"GET /.well-known/nodeinfo":       s.serveNodeInfoLinks,
		"GET /nodeinfo/2.0":               s.serveNodeInfo,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.behave(w, r, func(b Behaviour) Answer { return b.Documents }, handler)
		})
	}
	return mux
}

func (s *Server) serveActor(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	a, lie, base := s.accounts[r.PathValue("name")], s.behaviour.Lie, "http://"+s.addr
	gone := a != nil && a.gone
	s.mu.Unlock()
	switch {
	case a == nil:
		http.NotFound(w, r)
	case gone:
		http.Error(w, "gone", http.StatusGone)
	default:
		reply(w, contentType, http.StatusOK, a.document(base, lie))
	}
}

func (s *Server) serveObject(w http.ResponseWriter, r *http.Request) {
	document, status := s.object(r.URL.Path)
	if document == nil {
		http.NotFound(w, r)
		return
	}
	reply(w, contentType, status, document)
}

func (s *Server) object(path string) (map[string]any, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.posts["http://"+s.addr+path]
	if p == nil {
		return nil, http.StatusNotFound
	}
	document, status := p.document(), http.StatusOK
	if p.deleted {
		document, status = p.tombstone(), http.StatusGone
	}
	if s.behaviour.Lie == WrongID {
		document["id"] = victim + path
	}
	document = maps.Clone(document)
	document["@context"] = postContext()
	return document, status
}

// serveWebFinger answers for acct: resources and actor URIs (RFC 7033).
func (s *Server) serveWebFinger(w http.ResponseWriter, r *http.Request) {
	resource := r.URL.Query().Get("resource")
	if resource == "" {
		http.Error(w, "resource is missing", http.StatusBadRequest)
		return
	}
	host := s.Host()
	name, found := strings.CutSuffix(strings.TrimPrefix(resource, "acct:"), "@"+host)
	if !found {
		name, found = strings.CutPrefix(resource, s.URL("/users/"))
	}
	s.mu.Lock()
	a := s.accounts[name]
	s.mu.Unlock()
	if !found || a == nil {
		http.NotFound(w, r)
		return
	}
	reply(w, "application/jrd+json", http.StatusOK, map[string]any{
		"subject": "acct:" + name + "@" + host,
		"aliases": []string{a.uri},
		"links":   []any{map[string]any{"rel": "self", "type": contentType, "href": a.uri}},
	})
}

func (s *Server) serveNodeInfoLinks(w http.ResponseWriter, _ *http.Request) {
	reply(w, "application/json", http.StatusOK, map[string]any{"links": []any{map[string]any{
		"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": s.URL("/nodeinfo/2.0"),
	}}})
}

func (s *Server) serveNodeInfo(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	users, posts := len(s.accounts)-1, len(s.posts)
	s.mu.Unlock()
	reply(w, "application/json", http.StatusOK, map[string]any{
		"version":           "2.0",
		"software":          map[string]any{"name": s.cfg.Software, "version": "4.5.0"},
		"protocols":         []string{"activitypub"},
		"services":          map[string]any{"inbound": []any{}, "outbound": []any{}},
		"openRegistrations": false,
		"usage":             map[string]any{"users": map[string]any{"total": users}, "localPosts": posts},
		"metadata":          map[string]any{},
	})
}

func reply(w http.ResponseWriter, mediaType string, status int, document any) {
	body, err := encode(document)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
