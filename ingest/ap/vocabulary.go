package ap

import "bytes"

// class is what a type says about how a document is read.
type class uint8

const (
	classOther    class = iota // a tombstone, a collection, a key, what we do not know
	classActivity              // has an actor and an object
	classPost
	classActor
)

// term is a type that is read.
type term struct {
	name  string // the key again: a type in a document costs no allocation
	class class
}

var vocabulary = newVocabulary(map[class][]string{
	classActivity: {
		"Accept", "Add", "Announce", "Arrive", "Block", "Create", "Delete", "Dislike", "Flag", "Follow",
		"Ignore", "Invite", "Join", "Leave", "Like", "Listen", "Move", "Offer", "Read", "Reject", "Remove",
		"TentativeAccept", "TentativeReject", "Travel", "Undo", "Update", "View", // ActivityStreams
		"EmojiReact",   // LitePub
		"Lock",         // Lemmy
		"QuoteRequest", // FEP-044f
	},
	classPost:  {"Note", "Article", "Page", "Question", "Video", "Audio", "Image", "Event"},
	classActor: {"Person", "Service", "Application", "Group", "Organization"},
	classOther: {
		"Tombstone", "Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage",
		"Hashtag", "Mention", "Emoji", "Link", "Document", "PropertyValue", "RsaSignature2017",
	},
})

func newVocabulary(classes map[class][]string) map[string]term {
	v := make(map[string]term)
	for c, names := range classes {
		for _, name := range names {
			v[name] = term{name: name, class: c}
		}
	}
	return v
}

// typeOf returns the type of obj without a prefix ("Note" of "as:Note" and of
// the full URI) and its class. Of several types the first that we know counts,
// else the first.
func (d *document) typeOf(obj ref) (string, class) {
	var name string
	for v := range d.items(d.get(obj, "type")) {
		n := &d.nodes[v]
		if n.kind != kindString {
			continue
		}
		b := d.raw[n.start:n.end]
		if n.escaped { // PHP writes "https:\/\/…#Note"
			b = unescape(nil, b, maxURI)
		}
		b = b[bytes.LastIndexAny(b, ":/#")+1:]
		if e, ok := vocabulary[string(b)]; ok {
			return e.name, e.class
		}
		if name == "" && typeName(b) {
			name = string(b)
		}
	}
	return name, classOther
}

// typeName reports whether b looks like a type's name.
func typeName(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(b) > 0 && len(b) <= maxType
}
