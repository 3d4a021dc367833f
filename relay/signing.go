package relay

import (
	"strconv"
	"strings"

	"tributary/ingest/remote"
	"tributary/relay/delivery"
)

// release is the first of a software that does something.
type release struct{ major, minor int }

// takesShared are softwares that take a POST whose signature does not name their host
// (signature.Shared), by NodeInfo names. A name proves nothing, and needs not: who
// refuses gets a signature of its own at once (relay/delivery).
var takesShared = map[string]release{
	// app/lib/signed_request.rb: a POST needs date and digest signed, host is for GET. Before
	// that host was demanded.
	"mastodon": {3, 5},
	// Forks of it that count their versions in their own way.
	"hometown": {}, "kmyblue": {}, "ecko": {}, "chuckya": {},

	"gotosocial": {},

	// Fedify 2.3 wants (request-target), date and digest.
	"hollo": {}, "hackerspub": {}, "botkit": {}, "ghost": {},
}

// takesAnywhere are those of them that have an inbox path of their own each, and want
// no path signed: go-fed/httpsig checks what is listed, whatever that is.
var takesAnywhere = map[string]bool{"gotosocial": true}

// wantsHost are those that are known to refuse it. All others are not known.
var wantsHost = map[string]bool{
	// ActivityPubServerService demands (request-target), host and date.
	"misskey": true, "sharkey": true, "cherrypick": true, "foundkey": true, "firefish": true, "calckey": true, "catodon": true, "iceshrimp": true,
	"iceshrimp.net": true,
	"tributary":     true, // our own inbox
}

// Signing says which signatures the subscriber takes, by what its server runs.
func (s Subscriber) Signing() delivery.Signing { return signingOf(s.Software) }

// signingOf says which signatures a server takes, by what it runs.
func signingOf(s remote.Software) delivery.Signing {
	first, known := takesShared[s.Name]
	name := strings.TrimSpace(s.Name + " " + s.Version)
	switch {
	case s.Name == "":
		return delivery.Signing{Why: "its software is not known"}
	case known && first.reached(s.Version):
		return delivery.Signing{Shared: true, Anywhere: takesAnywhere[s.Name], Why: name}
	case known, wantsHost[s.Name]:
		return delivery.Signing{Why: name + " wants its host signed"}
	}
	return delivery.Signing{Why: "not known what " + name + " takes"}
}

// reached reports whether a version is of the release or a later one. One that cannot be
// read is not, unless any will do.
func (r release) reached(version string) bool {
	if r == (release{}) {
		return true
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	second, _, _ := strings.Cut(rest, ".")
	major, err := strconv.Atoi(first)
	if err != nil {
		return false
	}
	minor, err := strconv.Atoi(digits(second))
	return major > r.major || err == nil && major == r.major && minor >= r.minor
}

// digits are those that a text begins with.
func digits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}
