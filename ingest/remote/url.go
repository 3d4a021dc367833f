package remote

import (
	"fmt"
	"net/url"
	"strings"

	"tributary/ingest/ap"
)

// parse reads a URI that may be called: its host in the one form in which hosts are
// compared, without a fragment. The error is ErrMalformed or ErrForbiddenAddress.
func (c *Client) parse(uri string) (*url.URL, error) {
	u, err := normal(uri)
	if err != nil {
		return nil, err
	}
	return u, c.checkURL(u)
}

// checkURL applies the rules for schemes and ports. The address behind the name is
// checked when it is dialled.
func (c *Client) checkURL(u *url.URL) error {
	switch {
	case u.Host == "" || u.User != nil || u.Opaque != "":
		return fmt.Errorf("%w: URL without a host, or with a user", ErrMalformed)
	case u.Scheme != "https" && (u.Scheme != "http" || !c.cfg.AllowHTTP):
		return fmt.Errorf("%w: scheme %.16q", ErrForbiddenAddress, u.Scheme)
	}
	port := u.Port()
	usual := port == "" || port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http"
	if !usual && !c.cfg.AllowPrivate {
		return fmt.Errorf("%w: port %.8s", ErrForbiddenAddress, port)
	}
	return nil
}

// normal is a URI in the form in which two of them are compared.
func normal(uri string) (*url.URL, error) {
	host, err := ap.Host(uri)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	u, err := url.Parse(strings.TrimSpace(uri))
	if err != nil || u.User != nil {
		return nil, fmt.Errorf("%w: not a URL: %.100q", ErrMalformed, uri)
	}
	u.Host, u.Fragment, u.RawFragment = host, "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// names reports whether an id names the document that came from a URL: they are
// equal but for a fragment, which ids may have and requests have not.
func names(id, from string) bool {
	u, err := normal(id)
	return err == nil && u.String() == from
}

// withoutFragment cuts the fragment off a keyId.
func withoutFragment(uri string) string {
	uri, _, _ = strings.Cut(uri, "#")
	return uri
}
