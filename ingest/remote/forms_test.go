package remote

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"tributary/ingest/signature"
)

// strict serves documents to requests whose signature a function accepts, and notes the form
// of each.
type strict struct {
	mu    sync.Mutex
	forms []string
}

// guard puts accepts before what is served at a path.
func (s *strict) guard(p *peer, path string, document any, accepts func(*http.Request) error) {
	body := marshal(document)
	p.handle(path, func(w http.ResponseWriter, r *http.Request) {
		form := "cavage"
		if len(r.Header["Signature-Input"]) > 0 {
			form = "rfc9421"
		}
		s.mu.Lock()
		s.forms = append(s.forms, form)
		s.mu.Unlock()
		if err := accepts(r); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", activityJSON)
		_, _ = w.Write(body)
	})
}

func (s *strict) took() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.forms
	s.forms = nil
	return taken
}

func verifies(r *http.Request) error {
	s, err := signature.Parse(r)
	if err != nil {
		return err
	}
	return s.Verify(r, nil, &ourKey().PublicKey, time.Now())
}

// onlyMessage is a server that reads nothing but RFC 9421.
func onlyMessage(r *http.Request) error {
	if len(r.Header["Signature-Input"]) == 0 {
		return errors.New("not RFC 9421")
	}
	return verifies(r)
}

// onlyBare is Fedify before RFC 9421: it leaves the query out of (request-target).
func onlyBare(r *http.Request) error {
	if len(r.Header["Signature-Input"]) > 0 {
		return errors.New("not draft-cavage")
	}
	short := r.Clone(r.Context())
	short.URL.RawQuery = ""
	return verifies(short)
}

// A server that refuses one form of signature is asked in another, and from then on
// in that one first.
func TestSecondForm(t *testing.T) {
	c, p, s := devClient(t), newPeer(t), &strict{}
	object := func(path string) object { return object{"id": p.URL + path, "type": "Note"} }
	f := func(what, uri string, want error, forms ...string) {
		t.Helper()
		if _, err := c.Object(t.Context(), uri); !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
		if got := s.took(); !slices.Equal(got, forms) {
			t.Errorf("%s: asked in %v, want %v", what, got, forms)
		}
	}
	s.guard(p, "/1", object("/1"), onlyMessage)
	f("RFC 9421", p.URL+"/1", nil, "cavage", "rfc9421")
	f("RFC 9421, remembered", p.URL+"/1", nil, "rfc9421")
	s.guard(p, "/2", object("/2"), func(*http.Request) error { return errors.New("blocked") })
	f("blocked", p.URL+"/2", ErrRefused, "rfc9421", "cavage")
	f("blocked, remembered", p.URL+"/2", ErrRefused, "cavage")

	p = newPeer(t)
	s.guard(p, "/page", object("/page?n=1"), onlyBare)
	f("no query", p.URL+"/page?n=1", nil, "cavage", "rfc9421", "cavage")
	f("no query, remembered", p.URL+"/page?n=1", nil, "cavage")
	s.guard(p, "/plain", object("/plain"), onlyBare)
	f("no query in the URL", p.URL+"/plain", nil, "cavage")
}
