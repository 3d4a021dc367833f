package delivery

import "tributary/ingest"

// Receiver is an inbox that wants the posts.
type Receiver struct {
	Inbox   string // absolute URL; several receivers may share one, and so a lane
	Style   Style
	Filter  Filter
	Signing Signing
	Paused  bool // it is not served, and its position waits
}

// Style is how a server takes posts from a relay.
type Style uint8

const (
	// StyleForward is Mastodon's: a post goes as its raw bytes where they prove
	// themselves, else as an Announce.
	StyleForward Style = iota
	// StyleAnnounce is LitePub's, of servers that follow the relay's actor: a post
	// goes as an Announce. Pleroma and Akkoma verify no LD signature and refuse raw
	// bytes of somebody else's.
	StyleAnnounce
)

// form is the wire form of a record for this style.
func (s Style) form() ingest.Form {
	if s == StyleAnnounce {
		return ingest.FormAnnounce
	}
	return ingest.FormDelivery
}

// merge is what one lane does for two receivers of the same inbox. Forwarding
// wins: whoever subscribed in Mastodon's style takes Announces too, but then
// fetches every post.
func (s Style) merge(other Style) Style { return min(s, other) }
