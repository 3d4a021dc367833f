package migrate

import "fmt"

// Bounds of what is read.
const (
	fileBytesMax = 64 << 20 // of a file that is no database
	entriesMax   = 100_000  // of members, and of domains, in all files together
	textBytesMax = 2048     // of a URI or a name
)

// The relays whose files are read.
const (
	ActivityRelayGo     = "Activity-Relay"
	AodeRelay           = "aoderelay"
	ActivityRelayPython = "ActivityRelay"
)

// Export is what a relay keeps of itself, as it wrote it: nothing is checked yet.
type Export struct {
	Software string   // ActivityRelayGo …
	Host     string   // its own; "" if the files do not say
	Key      string   // private, PEM; "" if the files have none
	Members  []Member // its subscribers
	Blocked  []Domain
	Limited  []string // domains that get posts, and whose own are taken and not passed on
	Allowed  []string // domains

	BannedSoftware []string // names by NodeInfo
}

// Member is a subscriber of the other relay. Actor or Inbox may be missing.
type Member struct {
	Domain   string
	Actor    string // URI
	Inbox    string // shared or its own
	Follow   string // id of its Follow, "" if it was not kept
	Software string // lower case, "" if it was not kept
	Announce bool   // it followed the relay's actor (LitePub), not Public
	Pending  bool   // it waits for approval
}

// Domain is one that the other relay blocked.
type Domain struct {
	Name, Reason, Note string
}

func (e *Export) add(part Export) error {
	switch {
	case e.Software == "":
		e.Software = part.Software
	case part.Software != e.Software:
		return fmt.Errorf("%w: %s and %s", ErrMixed, e.Software, part.Software)
	}
	for _, s := range []struct{ have, come *string }{{&e.Host, &part.Host}, {&e.Key, &part.Key}} {
		if *s.have == "" {
			*s.have = *s.come
		}
	}
	e.Members = append(e.Members, part.Members...)
	e.Blocked = append(e.Blocked, part.Blocked...)
	e.Limited = append(e.Limited, part.Limited...)
	e.Allowed = append(e.Allowed, part.Allowed...)
	e.BannedSoftware = append(e.BannedSoftware, part.BannedSoftware...)
	if n := max(len(e.Members), len(e.Blocked), len(e.Limited), len(e.Allowed)); n > entriesMax {
		return fmt.Errorf("%w: more than %d entries", ErrLarge, entriesMax)
	}
	return nil
}

// subject names a member to people.
func (m Member) subject() string {
	for _, s := range []string{m.Actor, m.Inbox, m.Domain} {
		if s != "" {
			return bounded(s)
		}
	}
	return "a member without a name"
}
