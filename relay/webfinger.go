package relay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
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

// webfinger answers for the relay actor (RFC 7033). Mastodon looks the actor
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
		known, err := c.names(resource)
		switch {
		case err != nil:
			writeError(w, http.StatusBadRequest, "the resource is not a URI: ask for ?resource=acct:"+c.Handle())
		case !known:
			writeError(w, http.StatusNotFound, "there is no such resource here; the relay is acct:"+c.Handle())
		default:
			c.finger(query["rel"]).ServeHTTP(w, r)
		}
	})
}

// names reports whether the resource is the relay actor: its acct: name, its
// id, or the page for people. Hosts compare without case, as does the name:
// Mastodon folds both.
func (c Community) names(resource string) (bool, error) {
	if account, found := cutPrefixFold(resource, "acct:"); found {
		name, host, ok := strings.Cut(strings.TrimPrefix(account, "@"), "@")
		if !ok || name == "" || host == "" {
			return false, fmt.Errorf("relay: reading %q: no user@host", resource)
		}
		return strings.EqualFold(name, Username) && strings.EqualFold(host, c.host), nil
	}
	u, err := url.Parse(resource)
	if err != nil {
		return false, err
	}
	if u.Scheme == "" {
		return false, fmt.Errorf("relay: reading %q: no scheme", resource)
	}
	if !strings.EqualFold(u.Scheme+"://"+u.Host, c.base) {
		return false, nil
	}
	switch u.Path {
	case "", "/", "/actor":
		return u.RawQuery == "", nil
	}
	return false, nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// finger is the answer, with only the wanted relations when some are named (RFC 7033 §4.3).
func (c Community) finger(rels []string) *document {
	doc := jrd{
		Subject: "acct:" + c.Handle(),
		Aliases: []string{c.Actor()},
		Links:   []jrdLink{},
	}
	for _, l := range []jrdLink{
		{Rel: relSelf, Type: "application/activity+json", Href: c.Actor()},
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
