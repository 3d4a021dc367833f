package remote

import (
	"bytes"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// serveText answers with a text of a type.
func (p *peer) serveText(path, kind, text string) string {
	p.handle(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write([]byte(text))
	})
	return p.URL + path
}

// A list comes under whatever type but a page's, unsigned, and is not sent again while its
// server says that it is the one that is known.
func TestList(t *testing.T) {
	c, p := devClient(t), newPeer(t)
	var signed, asked string
	p.handle("/list", func(w http.ResponseWriter, r *http.Request) {
		signed, asked = r.Header.Get("Signature"), r.Header.Get("Accept")
		w.Header().Set("Content-Type", "text/csv")
		w.Header().Set("ETag", `"one"`)
		http.ServeContent(w, r, "", time.Unix(1e9, 0), bytes.NewReader([]byte("spam.example\n")))
	})
	list, err := c.List(t.Context(), p.URL+"/list", Validators{}, 100)
	if err != nil || string(list.Raw) != "spam.example\n" || list.ETag != `"one"` || list.Modified == "" || list.Unchanged {
		t.Fatalf("%+v, %v", list, err)
	}
	if signed != "" || !strings.Contains(asked, "text/csv") {
		t.Errorf("asked with Signature %q, Accept %q", signed, asked)
	}
	for _, known := range []Validators{list.Validators, {ETag: list.ETag}, {Modified: list.Modified}} {
		again, err := c.List(t.Context(), p.URL+"/list", known, 100)
		if err != nil || !again.Unchanged || again.Raw != nil || again.Validators != known {
			t.Errorf("%+v: %+v, %v", known, again, err)
		}
	}
	if changed, err := c.List(t.Context(), p.URL+"/list", Validators{ETag: `"two"`}, 100); err != nil || changed.Unchanged {
		t.Errorf("another version: %+v, %v", changed, err)
	}
	p.handle("/moved", redirect("/list"))
	if list, err := c.List(t.Context(), p.URL+"/moved", Validators{}, 100); err != nil || len(list.Raw) == 0 {
		t.Errorf("moved: %+v, %v", list, err)
	}
	if got := c.metric(t, "tributary_remote_fetches_total", "list", "ok"); got != 6 {
		t.Errorf("%v counted", got)
	}
}

func TestListRefused(t *testing.T) {
	c, p := newTestClient(t, Config{AllowPrivate: true, AllowHTTP: true, HeaderTimeout: 50 * time.Millisecond}, nil, nil), newPeer(t)
	held := make(chan struct{})
	defer close(held)
	p.handle("/slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-held:
		case <-r.Context().Done():
		}
	})
	p.handle("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(bytes.Repeat([]byte("a.example\n"), 100)); err != nil {
				return
			}
		}
	})
	p.handle("/unchanged", status(http.StatusNotModified))
	p.handle("/gone", status(http.StatusGone))
	p.handle("/loop", redirect("/loop"))
	for uri, want := range map[string]error{
		p.serveText("/page", "text/html; charset=utf-8", "<html>"):    ErrContentType,
		p.serveText("/xhtml", "application/xhtml+xml", "<html>"):      ErrContentType,
		p.serveText("/large", "text/plain", strings.Repeat("a", 101)): ErrTooLarge,
		p.URL + "/endless":              ErrTooLarge,
		p.URL + "/slow":                 ErrTemporary,
		p.URL + "/unchanged":            ErrRefused, // nothing was known that could be
		p.URL + "/gone":                 ErrGone,
		p.URL + "/loop":                 ErrRedirect,
		"file:///etc/passwd":            ErrMalformed,
		"https://user@lists.example/":   ErrMalformed,
		p.serveText("/ok", "", "a"):     nil,
		p.serveText("/bin", "x/y", "a"): nil,
	} {
		if _, err := c.List(t.Context(), uri, Validators{}, 100); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", uri, err, want)
		}
	}
	strict := newTestClient(t, Config{}, nil, nil)
	for _, uri := range []string{"http://lists.example/", "https://127.0.0.1/list", "https://lists.example:8443/"} {
		if _, err := strict.List(t.Context(), uri, Validators{}, 100); !errors.Is(err, ErrForbiddenAddress) {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// A list that redirects to a private address is not had, and that address hears nothing.
func TestListRedirectToPrivate(t *testing.T) {
	public, private := newPeer(t), newPeer(t)
	private.serveText("/secret", "text/plain", "secret.example")
	public.handle("/list", redirect(private.URL+"/secret"))
	allowed := netip.MustParseAddrPort(strings.TrimPrefix(public.URL, "http://"))
	c := newTestClient(t, devConfig(), nil, func(to netip.AddrPort) error {
		if to != allowed {
			return ErrForbiddenAddress
		}
		return nil
	})
	if list, err := c.List(t.Context(), public.URL+"/list", Validators{}, 100); !errors.Is(err, ErrForbiddenAddress) || private.hit("/secret") != 0 {
		t.Errorf("%+v, %v, %d requests", list, err, private.hit("/secret"))
	}
}
