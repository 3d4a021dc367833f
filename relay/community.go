package relay

import (
	"fmt"
	"net/url"
	"strings"

	"tributary/ingest/ap"
)

// Username is the relay actor's preferredUsername on every community.
const Username = "relay"

// Community is a tenant: a domain with actors of its own. Every URI that leaves
// this package is built by one, never from a global host name.
// The relay's own actor lives on the first one. Its zero value is not usable.
type Community struct {
	base string // scheme://host[:port], no slash at the end
	host string // host[:port] of base, lower case
}

// NewCommunity reads the public base of every id, the --url of the program:
// scheme http or https and a host, with a port if any, and nothing else.
// Whether http is allowed at all is the configuration's decision.
func NewCommunity(base string) (Community, error) {
	u, err := url.Parse(base)
	if err != nil {
		return Community{}, fmt.Errorf("relay: reading base URL %q: %w", base, err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return Community{}, fmt.Errorf("relay: base URL %q: %w: scheme must be http or https", base, ErrBaseURL)
	case u.Hostname() == "":
		return Community{}, fmt.Errorf("relay: base URL %q: %w: no host", base, ErrBaseURL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		// WebFinger and NodeInfo live at the root of a host: a path cannot work.
		return Community{}, fmt.Errorf("relay: base URL %q: %w: only scheme, host and port", base, ErrBaseURL)
	}
	host, err := ap.Host(base)
	if err != nil {
		return Community{}, fmt.Errorf("relay: base URL %q: %w", base, err)
	}
	return Community{base: u.Scheme + "://" + host, host: host}, nil
}

// Base is scheme://host[:port] without a slash at the end.
func (c Community) Base() string { return c.base }

// Host is host[:port], lower case.
func (c Community) Host() string { return c.host }

// Home is the page for people.
func (c Community) Home() string { return c.base + "/" }

// Actor is the relay actor's id.
func (c Community) Actor() string { return c.base + "/actor" }

// KeyID is the id of the relay actor's key, in the form that every server
// finds: a fragment of the actor document.
func (c Community) KeyID() string { return c.Actor() + "#main-key" }

// Inbox is what an admin pastes into a server's relay form. The actor's inbox
// must equal it byte for byte: Mastodon accepts an Announce only from an actor
// whose inbox_url is the relay's row, Iceshrimp.NET likewise for the Accept.
func (c Community) Inbox() string { return c.base + "/inbox" }

// Outbox, Followers and Following are the relay actor's collections.
func (c Community) Outbox() string { return c.Actor() + "/outbox" }

// Followers is the collection of subscribers, privacy-filtered.
func (c Community) Followers() string { return c.Actor() + "/followers" }

// Following is the collection of those that the relay follows, privacy-filtered.
func (c Community) Following() string { return c.Actor() + "/following" }

// Activity is the id of one of the relay actor's activities.
func (c Community) Activity(id string) string { return c.Actor() + "/activities/" + id }

// Handle is the relay actor's WebFinger subject without its scheme, relay@host.
func (c Community) Handle() string { return Username + "@" + c.host }

// serves reports whether a Host header names this community, the default port
// written or not.
func (c Community) serves(host string) bool {
	scheme, _, _ := strings.Cut(c.base, "://")
	return ap.SameOrigin(c.base, scheme+"://"+host)
}
