package ap

import (
	"net/url"
	"slices"
	"strings"
)

// linkSchemes are the schemes that Mastodon lets links have.
var linkSchemes = []string{
	"http", "https", "dat", "dweb", "ipfs", "ipns", "ssb", "gopher", "xmpp", "magnet", "gemini",
}

// cleanHref returns a link's target as net/url writes it, "" when its scheme is
// not one of linkSchemes.
func cleanHref(s string) string {
	if _, rest := plainURI(s); rest > 0 && !strings.ContainsAny(s[rest:], "#^`{|}'[]!*()") {
		return s
	}
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxURI || strings.ContainsFunc(s, badInURI) {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || !slices.Contains(linkSchemes, u.Scheme) || u.Host == "" && (u.Scheme == "http" || u.Scheme == "https") {
		return ""
	}
	s = u.String()
	if again, err := url.Parse(s); err != nil || again.String() != s || len(s) > maxURI {
		return ""
	}
	return s
}
