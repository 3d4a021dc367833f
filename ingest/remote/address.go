package remote

import "net/netip"

// forbidden4 is every block of the IANA IPv4 special-purpose registry that is not
// ordinary public unicast.
var forbidden4 = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // carrier NAT
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, cloud metadata
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // IETF protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, broadcast
)

// forbidden6 is what is not ordinary within 2000::/3. All else outside of it is
// forbidden as well: ::, ::1, unique local, link-local, site-local, multicast,
// discard, v4-compatible, and what was never given out.
var forbidden6 = prefixes(
	"2001::/23",     // IETF protocol assignments; Teredo, ORCHID, benchmarks
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4: reaches any IPv4 address through whoever relays
	"3fff::/20",     // documentation
)

var (
	global6    = netip.MustParsePrefix("2000::/3")
	nat64      = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

// forbidden reports whether addr must not be called. (CVE-2026-22245, -46348,
// -47389 and others are gaps in such lists: `::`, v4-mapped, NAT64.)
func forbidden(addr netip.Addr) bool {
	addr = addr.Unmap()
	switch {
	case !addr.IsValid(), addr.Zone() != "":
		return true
	case addr.Is4():
		return within(addr, forbidden4)
	case nat64.Contains(addr):
		return forbiddenNAT64(addr)
	case nat64Local.Contains(addr):
		// A local NAT64 may place the IPv4 address elsewhere; all those layouts
		// leave the last 24 bits zero, with which no host's address ends.
		b := addr.As16()
		return b[13] == 0 && b[14] == 0 && b[15] == 0 || forbiddenNAT64(addr)
	}
	return !global6.Contains(addr) || within(addr, forbidden6)
}

// forbiddenNAT64 looks at the IPv4 address in the last 32 bits (RFC 6052 §2.2, /96).
func forbiddenNAT64(addr netip.Addr) bool {
	b := addr.As16()
	return within(netip.AddrFrom4([4]byte(b[12:])), forbidden4)
}

func within(addr netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
