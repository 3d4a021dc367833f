package delivery

import (
	"cmp"
	"slices"

	"tributary/ingest"
)

// Receiver is an inbox that wants the posts.
type Receiver struct {
	Inbox   string // absolute URL; several receivers may share one, and so a lane
	Actor   string // URI of the actor of ours that it follows; "" is Deps.Actor
	Topic   Topic  // the part that this actor brings
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

// part is what one of a lane's receivers gets, and as whom we send it.
type part struct {
	actor  string // of ours
	keyID  string // of its key; "" is the signer's own, and then the actor the relay's
	topic  Topic
	style  Style
	filter Filter
	all    bool // neither topic nor filter keeps anything back
}

func newPart(r Receiver, keyID string) part {
	return part{
		actor: r.Actor, keyID: keyID, topic: r.Topic, style: r.Style, filter: r.Filter, all: r.Topic.Whole() && r.Filter.Empty(),
	}
}

// sortParts sorts the parts of a lane by who brings a record that several take: the relay's
// actor goes before those of topics, and raw bytes before Announces, for which a server
// fetches every post; else it is who subscribed first.
func sortParts(parts []part) {
	rank := func(p part) int {
		if p.topic.Whole() {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.style, b.style))
	})
}

// takes reports whether the receiver wants a record, but for Filter.PerMinute. The topic
// and the receiver's own filter must both want it; edits and deletions the topic alone.
func (p *part) takes(entry *ingest.Entry) bool {
	if p.all {
		return true
	}
	language := func() string { return string(entry.Encoded(ingest.FormLanguage, languageOf)) }
	return p.topic.takes(entry.Record, language) && (!isPost(entry.Record) || p.filter.wants(entry.Record, language))
}
