package ap

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Host returns the host of an http or https URI in the one form that hosts are
// compared in: lower case, internationalised names in punycode, full-width
// letters and dots as plain ones, without a trailing dot, with the port unless
// it is the scheme's own. "HTTPS://ＥＸＡＭＰＬＥ。com.:443/x" has the host
// "example.com". The error is ErrURI.
func Host(uri string) (string, error) {
	if scheme, rest := plainURI(uri); rest > 0 {
		return uri[scheme:rest], nil
	}
	u := cleanURI(uri)
	scheme, rest := plainURI(u)
	if rest == 0 {
		scheme, rest = authority(u)
	}
	if rest == 0 {
		return "", fmt.Errorf("ap: host of %.100q: %w", uri, ErrURI)
	}
	return u[scheme:rest], nil
}

// SameOrigin reports whether two http or https URIs have scheme, host and port
// in common (RFC 6454 §5).
func SameOrigin(a, b string) bool {
	oa, ob := origin(a), origin(b)
	return oa != "" && oa == ob
}

// origin is the scheme and host of uri, "" when it is no http or https URI.
func origin(uri string) string {
	if _, rest := plainURI(uri); rest > 0 {
		return uri[:rest]
	}
	u := cleanURI(uri)
	_, rest := authority(u)
	return u[:rest]
}

// cleanURI returns an absolute http or https URI with scheme and host in their
// one form, and the rest unchanged; "" for everything else. What it returns is
// parsed by net/url, has a host and no user information, is valid UTF-8 and has
// neither spaces nor control characters. A fragment is kept: ids have them.
func cleanURI(s string) string {
	if _, rest := plainURI(s); rest > 0 {
		return s
	}
	s = strings.TrimSpace(s)
	if len(s) > maxURI || strings.ContainsFunc(s, badInURI) || !utf8.ValidString(s) {
		return ""
	}
	from, to := authority(s)
	if to == 0 {
		return ""
	}
	scheme := "https://"
	if from == len("http://") {
		scheme = "http://"
	}
	host := cleanHost(s[from:to], scheme)
	if host == "" {
		return ""
	}
	s = scheme + host + s[to:]
	if u, err := url.Parse(s); err != nil || u.Host != host || len(s) > maxURI {
		return ""
	}
	return s
}

// authority finds where the authority of s begins and ends; to is 0 when s is
// neither http nor https.
func authority(s string) (from, to int) {
	switch {
	case len(s) > 8 && strings.EqualFold(s[:8], "https://"):
		from = 8
	case len(s) > 7 && strings.EqualFold(s[:7], "http://"):
		from = 7
	default:
		return 0, 0
	}
	if i := strings.IndexAny(s[from:], "/?#"); i >= 0 {
		return from, from + i
	}
	return from, len(s)
}

// badInURI finds what no URI holds, and what browsers and Go read differently
// (the backslash).
func badInURI(r rune) bool {
	switch r {
	case ' ', '"', '<', '>', '\\', 0x7f, utf8.RuneError:
		return true
	}
	return r < ' '
}

// hostNames maps names as browsers do (UTS #46, not transitional).
var hostNames = idna.Lookup

// cleanHost returns an authority in its one form, "" when it is none that a
// server can have: user information, percent-encoding, an empty label.
func cleanHost(authority, scheme string) string {
	if strings.ContainsAny(authority, "@%") {
		return ""
	}
	host, port := authority, ""
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		host, port = authority[:i], authority[i+1:]
	}
	if strings.HasPrefix(host, "[") {
		addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil || !addr.Is6() || host[len(host)-1] != ']' {
			return ""
		}
		host = "[" + addr.String() + "]"
	} else if host = cleanName(host); host == "" {
		return ""
	}
	if port == "" {
		return host
	}
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || n == 0:
		return ""
	case n == 443 && scheme == "https://", n == 80 && scheme == "http://":
		return host
	}
	return host + ":" + strconv.FormatUint(n, 10)
}

// cleanName returns a host name in its one form, or "".
func cleanName(name string) string {
	name = strings.ToLower(name)
	if !isASCII(name) || strings.Contains(name, "xn--") {
		mapped, err := hostNames.ToASCII(name)
		if err != nil {
			return ""
		}
		name = strings.ToLower(mapped)
	}
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > 253 || name[0] == '.' || strings.Contains(name, "..") || name[len(name)-1] == '.' {
		return ""
	}
	for i := range len(name) {
		if !hostByte(name[i]) {
			return ""
		}
	}
	return name
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// hostByte reports whether c may stand in a host name. The underscore is not a
// letter of host names (RFC 952), but of some that exist.
func hostByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}

// plainURI finds the authority of a URI that is already in its one form, as
// nearly all are; to is 0 when that takes more than a look at each byte.
// FuzzHost holds it to what cleanURI makes of the same URI.
func plainURI(s string) (from, to int) {
	switch {
	case len(s) > maxURI:
		return 0, 0
	case strings.HasPrefix(s, "https://"):
		from = 8
	case strings.HasPrefix(s, "http://"):
		from = 7
	default:
		return 0, 0
	}
	i := from
	for i < len(s) && hostByte(s[i]) {
		if s[i] == '.' && (i == from || s[i-1] == '.') || s[i] == 'x' && strings.HasPrefix(s[i:], "xn--") {
			return 0, 0
		}
		i++
	}
	if i == from || i-from > 253 || s[i-1] == '.' {
		return 0, 0
	}
	if i < len(s) && s[i] == ':' {
		if i = plainPort(s, i+1, from); i == 0 {
			return 0, 0
		}
	}
	to = i
	if i < len(s) && s[i] != '/' && s[i] != '?' && s[i] != '#' {
		return 0, 0
	}
	for ; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '%' && !hexPair(s[i+1:]) {
			return 0, 0
		}
	}
	return from, to
}

// plainPort finds the end of a port at i that is written as cleanHost writes
// it, or 0.
func plainPort(s string, i, from int) int {
	end := i
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	port := s[i:end]
	tooLarge := len(port) > 5 || len(port) == 5 && port > "65535"
	if port == "" || port[0] == '0' || tooLarge || port == "80" && from == 7 || port == "443" && from == 8 {
		return 0
	}
	return end
}

func hexPair(s string) bool {
	return len(s) >= 2 && isHex(s[0]) && isHex(s[1])
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// sameSite reports whether the hosts of two URIs are one, or one lies below the
// other.
func sameSite(a, b string) bool {
	ha, errA := Host(a)
	hb, errB := Host(b)
	return errA == nil && errB == nil &&
		(ha == hb || strings.HasSuffix(ha, "."+hb) || strings.HasSuffix(hb, "."+ha))
}
