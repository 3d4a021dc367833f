package relay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tributary/relay/delivery"
)

const (
	relSelf        = "self"
	relProfilePage = "http://webfinger.net/rel/profile-page"
)

type jrd struct {
	Subject string    `json:"subject"`
	Aliases []string  `json:"aliases"`
	Links   []jrdLink `json:"links"`
}

type jrdLink struct {
	Rel  string `json:"rel"`
	Type string `json:"type,omitempty"`
	Href string `json:"href"`
}

// webfinger answers for our actors (RFC 7033). Mastodon looks the actor
// up by preferredUsername@host before it accepts anything from it, so subject
// and username must name each other.
func webfinger(c Community) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*") // RFC 7033 §5
		query, err := url.ParseQuery(r.URL.RawQuery)
		resource := query.Get("resource")
		if err != nil || resource == "" {
			writeError(w, http.StatusBadRequest, "the query parameter resource is missing or unreadable: ask for ?resource=acct:"+c.Handle())
			return
		}
		named, known, err := c.names(resource)
		switch {
		case err != nil:
			writeError(w, http.StatusBadRequest, "the resource is not a URI: ask for ?resource=acct:"+c.Handle())
		case !known:
			writeError(w, http.StatusNotFound, "there is no such resource here; the relay is acct:"+c.Handle())
		default:
			c.finger(named, query["rel"]).ServeHTTP(w, r)
		}
	})
}

// names says which of our actors the resource is, and whether it is one: its acct: name,
// its id, or for the relay's own the page for people. Hosts compare without case, as does the name:
// Mastodon folds both.
func (c Community) names(resource string) (identity, bool, error) {
	relay := c.identity(delivery.Topic{})
	if account, found := cutPrefixFold(resource, "acct:"); found {
		name, host, ok := strings.Cut(strings.TrimPrefix(account, "@"), "@")
		if !ok || name == "" || host == "" {
			return identity{}, false, fmt.Errorf("relay: reading %q: no user@host", resource)
		}
		if !strings.EqualFold(host, c.host) || strings.EqualFold(name, Username) {
			return relay, strings.EqualFold(host, c.host), nil
		}
		t, err := c.topicNamed(name)
		return c.identity(t), err == nil, nil
	}
	u, err := url.Parse(resource)
	if err != nil {
		return identity{}, false, err
	}
	if u.Scheme == "" {
		return identity{}, false, fmt.Errorf("relay: reading %q: no scheme", resource)
	}
	if !strings.EqualFold(u.Scheme+"://"+u.Host, c.base) || u.RawQuery != "" {
		return identity{}, false, nil
	}
	switch u.Path {
	case "", "/", "/actor":
		return relay, true, nil
	}
	t, ok := c.topicOf(c.base + u.EscapedPath())
	return c.identity(t), ok, nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// finger is the answer, with only the wanted relations when some are named (RFC 7033 §4.3).
func (c Community) finger(i identity, rels []string) *document {
	doc := jrd{
		Subject: "acct:" + i.handle(),
		Aliases: []string{i.uri},
		Links:   []jrdLink{},
	}
	for _, l := range []jrdLink{
		{Rel: relSelf, Type: "application/activity+json", Href: i.uri},
		{Rel: relProfilePage, Type: "text/html", Href: c.Home()},
	} {
		if len(rels) == 0 || slices.Contains(rels, l.Rel) {
			doc.Links = append(doc.Links, l)
		}
	}
	body, err := json.Marshal(doc)
	if err != nil {
		panic("relay: BUG: a JRD of strings does not encode: " + err.Error())
	}
	return newDocument("application/jrd+json", body)
}

// hostMeta is the XRD that points to WebFinger (RFC 6415); Friendica and old
// Pleroma versions still ask for it first.
func hostMeta(c Community) *document {
	return newDocument("application/xrd+xml; charset=utf-8", []byte(`<?xml version="1.0" encoding="UTF-8"?>
<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">
  <Link rel="lrdd" type="application/jrd+json" template="`+c.base+`/.well-known/webfinger?resource={uri}"/>
</XRD>
`))
}
