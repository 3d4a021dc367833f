package remote

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// serveNodeInfo answers as servers do: under application/json.
func serveNodeInfo(p *peer, links, document string) {
	for path, text := range map[string]string{"/.well-known/nodeinfo": links, "/nodeinfo/2.0": document} {
		p.handle(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = w.Write([]byte(text))
		})
	}
}

func TestNodeInfo(t *testing.T) {
	const (
		link     = `{"links":[{"rel":"http://nodeinfo.diaspora.software/ns/schema/2.0","href":"BASE/nodeinfo/2.0"}]}`
		mastodon = `{"version":"2.0","software":{"name":"mastodon","version":"4.5.0+glitch"},"protocols":["activitypub"],"metadata":[]}`
	)
	for _, c := range []struct {
		what, links, document string
		want                  Software
		err                   error
	}{
		{"Mastodon", link, mastodon, Software{"mastodon", "4.5.0+glitch"}, nil},
		{"capitals", link, `{"software":{"name":" GoToSocial ","version":"0.20.1 git-abc\u001b[2J"}}`, Software{"gotosocial", "0.20.1git-abc[2J"}, nil},
		{"a version that is a number", link, `{"software":{"name":"x","version":2}}`, Software{"x", ""}, nil},
		{"an endless version", link, `{"software":{"name":"x","version":"` + strings.Repeat("9", 999) + `"}}`, Software{"x", strings.Repeat("9", 64)}, nil},
		{"a relative link", `{"links":[{"rel":"http://nodeinfo.diaspora.software/ns/schema/2.1","href":"/nodeinfo/2.0"}]}`, mastodon, Software{"mastodon", "4.5.0+glitch"}, nil},
		{"https in the relation, other links broken", `{"links":[5,{"rel":7},{"rel":"https://nodeinfo.diaspora.software/ns/schema/2.0","href":"BASE/nodeinfo/2.0"},{"rel":"http://nodeinfo.diaspora.software/ns/schema/1.0","href":"BASE/1"}]}`, mastodon, Software{"mastodon", "4.5.0+glitch"}, nil},
		{"https where it is http", strings.Replace(link, "BASE", "SECURE", 1), mastodon, Software{"mastodon", "4.5.0+glitch"}, nil},
		{"another host", `{"links":[{"rel":"http://nodeinfo.diaspora.software/ns/schema/2.0","href":"http://127.0.0.9:1/"}]}`, mastodon, Software{}, ErrMismatch},
		{"no links", `{"links":[]}`, mastodon, Software{}, ErrMalformed},
		{"links that are none", `[]`, mastodon, Software{}, ErrMalformed},
		{"no software", link, `{}`, Software{}, ErrMalformed},
		{"a name that is none", link, `{"software":{"name":"<b>"}}`, Software{}, ErrMalformed},
		{"a name of another type", link, `{"software":{"name":{}}}`, Software{}, ErrMalformed},
		{"no JSON", link, `<html>`, Software{}, ErrMalformed},
	} {
		t.Run(c.what, func(t *testing.T) {
			p, client := newPeer(t), devClient(t)
			links := strings.ReplaceAll(c.links, "BASE", p.URL)
			links = strings.ReplaceAll(links, "SECURE", strings.Replace(p.URL, "http:", "https:", 1))
			serveNodeInfo(p, links, c.document)
			got, err := client.NodeInfo(t.Context(), p.URL+"/users/relay?x=1")
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	client := devClient(t)
	if _, err := client.NodeInfo(t.Context(), newPeer(t).URL); !errors.Is(err, ErrNotFound) {
		t.Errorf("a server without NodeInfo: %v", err)
	}
	p := newPeer(t)
	p.handle("/.well-known/nodeinfo", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	if _, err := client.NodeInfo(t.Context(), p.URL); !errors.Is(err, ErrContentType) {
		t.Errorf("a page: %v", err)
	}
}

func FuzzNodeInfo(f *testing.F) {
	f.Add([]byte(`{"links":[{"rel":"http://nodeinfo.diaspora.software/ns/schema/2.0","href":"https://a.example/nodeinfo/2.0"}]}`))
	f.Add([]byte(`{"links":[{"rel":"http://nodeinfo.diaspora.software/ns/schema/2.1","href":"//a.example:x/\u0000"}]}`))
	f.Add([]byte(`{"software":{"name":"mastodon","version":"4.5.0"}}`))
	f.Add([]byte(`{"software":{"name":"a b","version":"\u001b[31m"},"links":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if software, err := parseNodeInfo(raw); err == nil {
			if !isSoftwareName(software.Name) || len(software.Version) > maxSoftwareVersion || strings.ContainsFunc(software.Version, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("%q", software)
			}
		}
		if href, err := nodeInfoLink(raw); err == nil {
			if to, err := besides("https://a.example/.well-known/nodeinfo", href); err == nil && !strings.HasPrefix(to, "https://a.example/") {
				t.Errorf("%q leads to %q", href, to)
			}
		}
	})
}
