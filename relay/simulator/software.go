package simulator

import (
	"fmt"
	"slices"
	"strconv"
)

// software is how one server software writes its documents and speaks to relays. What is
// here was read in the sources and in documents that such servers served; it is not meant
// to be complete, but to differ where they differ.
type software struct {
	name, version string

	actor    func(name string, id uint64) string        // path of an account's id
	instance string                                     // path of the actor that stands for the server
	inbox    func(actor, name string) string            // path of an account's inbox
	object   func(actor, name string, id uint64) string // path of a post's id
	activity func(base, actor, object, verb string, id uint64) string
	page     func(base, name, object string) string // URL of a post's page
	shared   string                                 // path of the shared inbox, "" when there is none

	key       string // what follows the actor's id in a key's
	keyApart  bool   // the key has a document of its own
	pem       pemKind
	signedGet bool // unsigned requests for actors and posts get 401

	context string     // JSON-LD context of posts and activities
	kind    string     // type of a post
	words   wordsForm  // where the text is
	lang    langForm   // where its language is
	date    string     // layout
	public  string     // how it writes as:Public
	scalar  bool       // a single recipient is no array
	signs   bool       // LD signatures
	named   bool       // a Delete names the object instead of a Tombstone
	edits   bool       // it can edit posts
	updated bool       // and then writes when
	flags   []flag     // of consent that its profiles have
	subs    subscribes // to a relay
}

type pemKind uint8

const (
	pemSPKI  pemKind = iota // BEGIN PUBLIC KEY
	pemPKCS1                // BEGIN RSA PUBLIC KEY
	pemBare                 // SPKI without a line feed at its end
	pemCRLF                 // SPKI with line ends of DOS
)

type wordsForm uint8

const (
	wordsTwice    wordsForm = iota // content, and contentMap with the same
	wordsPlain                     // content alone
	wordsMap                       // contentMap alone
	wordsMarkdown                  // content, whose mediaType is text/markdown
	wordsTitled                    // name and content
)

type langForm uint8

const (
	langNone    langForm = iota // or in contentMap
	langObject                  // {"identifier": …, "name": …}
	langContext                 // @language of the context
)

// flag is a member of a profile that says what its owner agrees to.
type flag uint8

const (
	flagDiscoverable flag = iota
	flagIndexable
	flagLocked   // manuallyApprovesFollowers
	flagMemorial //
	flagMisskey  // noindex and _misskey_…
)

// subscribes is how a software subscribes to a relay.
type subscribes uint8

const (
	byInbox subscribes = iota // Follow of as:Public at the relay's inbox (Mastodon's way)
	byActor                   // Follow of the relay's actor (LitePub's)
	never                     // it has no relays: others bring its posts
)

// Dates as servers write them.
const (
	dateSeconds = "2006-01-02T15:04:05Z"
	dateMillis  = "2006-01-02T15:04:05.000Z"
	dateMicros  = "2006-01-02T15:04:05.000000Z"
)

const public = "https://www.w3.org/ns/activitystreams#Public"

func users(name string, _ uint64) string         { return "/users/" + name }
func under(actor, _ string) string               { return actor + "/inbox" }
func statuses(actor, _ string, id uint64) string { return actor + "/statuses/" + snowflake(id) }
func besides(base, _, object, verb string, id uint64) string {
	switch verb {
	case "Create", "Announce":
		return base + object + "/activity"
	case "Update":
		return base + object + "#updates/" + strconv.FormatUint(id, 10)
	}
	return base + object + "#" + lower(verb)
}

func apart(folder string, name func(uint64) string) func(base, actor, object, verb string, id uint64) string {
	return func(base, _, _, verb string, id uint64) string { return base + folder + lower(verb) + "/" + name(id) }
}

func lower(s string) string { return string(s[0]|0x20) + s[1:] }

// softwares by their NodeInfo names.
var softwares = map[string]*software{}

func init() {
	for _, w := range []*software{
		mastodon(), misskey("misskey", "2026.6.0"), misskey("sharkey", "2026.2.1"), iceshrimp(), pleroma("pleroma", "2.9.1"),
		pleroma("akkoma", "3.15.2"), gotosocial(), friendica(), nodebb(), hollo(), lemmy(), peertube(), activityRelay(),
	} {
		softwares[w.name] = w
	}
}

// DefaultMix is roughly what the fediverse runs on, with small softwares rounded up.
func DefaultMix() []Part {
	return []Part{
		{"mastodon", 40},
		{"misskey", 10},
		{"sharkey", 5},
		{"iceshrimp.net", 4},
		{"pleroma", 5},
		{"akkoma", 5},
		{"gotosocial", 8},
		{"friendica", 5},
		{"nodebb", 3},
		{"hollo", 4},
		{"lemmy", 4},
		{"peertube", 4},
		{"activityrelay", 3},
	}
}

// Softwares are the names of all that can be simulated, sorted.
func Softwares() []string {
	var names []string
	for name := range softwares {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func mastodon() *software {
	return &software{
		name: "mastodon", version: "4.5.0", instance: "/actor", shared: "/inbox", key: "#main-key",
		actor: users, inbox: under, object: statuses, activity: besides,
		page:    func(base, name, object string) string { return base + "/@" + name + "/" + tail(object) },
		context: contextMastodon, kind: "Note", words: wordsTwice, date: dateSeconds, public: public,
		signs: true, edits: true, updated: true,
		flags: []flag{flagDiscoverable, flagIndexable, flagLocked, flagMemorial},
	}
}

func misskey(name, version string) *software {
	w := &software{
		name: name, version: version, instance: "/users/relayactor0", shared: "/inbox", key: "#main-key",
		actor:  func(name string, id uint64) string { return "/users/" + aid(id) },
		inbox:  under,
		object: func(_, _ string, id uint64) string { return "/notes/" + aid(id) },
		activity: func(base, actor, object, verb string, id uint64) string {
			if verb == "Create" || verb == "Announce" {
				return base + object + "/activity"
			}
			return base + "/" + aid(id) + "x"
		},
		page:    func(base, _, object string) string { return base + object },
		context: contextMisskey, kind: "Note", words: wordsPlain, date: dateMillis, public: public, signs: true,
		flags: []flag{flagDiscoverable, flagLocked, flagMisskey},
	}
	if name == "sharkey" { // a fork that edits, and asks for FEP-5feb
		w.edits, w.updated, w.flags = true, true, append(w.flags, flagIndexable)
	}
	return w
}

func iceshrimp() *software {
	w := misskey("iceshrimp.net", "2026.1")
	w.actor = func(name string, id uint64) string { return "/users/" + ulid(id) }
	w.instance = "/users/01RELAY0000000000000000000"
	w.object = func(_, _ string, id uint64) string { return "/notes/" + ulid(id) }
	w.pem, w.edits, w.updated, w.signs, w.words = pemBare, true, true, true, wordsTwice
	w.flags = []flag{flagDiscoverable, flagLocked}
	return w
}

func pleroma(name, version string) *software {
	w := &software{
		name: name, version: version, instance: "/relay", shared: "/inbox", key: "#main-key",
		actor: users, inbox: under,
		object:   func(_, _ string, id uint64) string { return "/objects/" + uuid(id) },
		activity: func(base, _, _, _ string, id uint64) string { return base + "/activities/" + uuid(id) },
		page:     func(base, _, object string) string { return base + "/notice/" + tail(object) },
		context:  contextLitePub, kind: "Note", words: wordsPlain, lang: langContext, date: dateMicros, public: public,
		named: true, edits: true, updated: true, subs: byActor,
		flags: []flag{flagDiscoverable, flagLocked},
	}
	if name == "akkoma" {
		w.words, w.lang, w.signedGet = wordsTwice, langNone, true
		w.flags = append(w.flags, flagIndexable)
	}
	return w
}

func gotosocial() *software {
	return &software{
		name: "gotosocial", version: "0.20.2", instance: "/users/instance.actor", key: "/main-key", keyApart: true, signedGet: true,
		actor: users, inbox: under,
		object: func(actor, _ string, id uint64) string { return actor + "/statuses/" + ulid(id) },
		activity: func(base, actor, object, verb string, id uint64) string {
			if verb == "Update" {
				return base + object + "/activity#Update/" + ulid(id)
			}
			return base + object + "/activity#" + verb
		},
		page:    func(base, name, object string) string { return base + "/@" + name + "/statuses/" + tail(object) },
		context: contextGoToSocial, kind: "Note", words: wordsTwice, date: dateSeconds, public: public, scalar: true,
		named: true, edits: true, updated: true, subs: byActor,
		flags: []flag{flagDiscoverable, flagIndexable, flagLocked},
	}
}

func friendica() *software {
	return &software{
		name: "friendica", version: "2026.05", instance: "/friendica", shared: "/inbox", key: "#main-key", pem: pemCRLF,
		actor:    func(name string, _ uint64) string { return "/profile/" + name },
		inbox:    func(actor, name string) string { return "/inbox/" + name },
		object:   func(_, _ string, id uint64) string { return "/objects/" + uuid(id) },
		activity: func(base, _, object, verb string, _ uint64) string { return base + object + "/" + verb },
		page:     func(base, _, object string) string { return base + "/display/" + tail(object) },
		context:  contextFriendica, kind: "Note", words: wordsTwice, date: dateSeconds, public: public,
		signs: true, edits: true, updated: true, subs: byActor,
		flags: []flag{flagDiscoverable, flagLocked},
	}
}

func nodebb() *software {
	return &software{
		name: "nodebb", version: "4.9.0", instance: "/actor", shared: "/inbox", key: "#key",
		actor:  func(_ string, id uint64) string { return "/uid/" + strconv.FormatUint(id&0xffff, 10) },
		inbox:  under,
		object: func(_, _ string, id uint64) string { return "/post/" + strconv.FormatUint(id, 10) },
		activity: func(base, _, object, verb string, id uint64) string {
			return base + object + "#activity/" + lower(verb) + "/" + strconv.FormatUint(id, 10)
		},
		page:    func(base, _, object string) string { return base + object },
		context: contextPlain, kind: "Article", words: wordsTitled, date: dateMillis, public: public,
		edits: true, updated: true, subs: byActor,
	}
}

func hollo() *software {
	return &software{
		name: "hollo", version: "0.7.0", instance: "/actor", shared: "/inbox", key: "#main-key",
		actor:  func(name string, _ uint64) string { return "/@" + name },
		inbox:  under,
		object: func(actor, _ string, id uint64) string { return actor + "/" + uuid(id) },
		activity: func(base, _, object, verb string, id uint64) string {
			if verb == "Update" {
				return base + object + "#update-" + strconv.FormatUint(id, 10)
			}
			return base + object + "#" + lower(verb)
		},
		page:    func(base, _, object string) string { return base + object },
		context: contextFedify, kind: "Note", words: wordsMap, date: dateSeconds, public: "as:Public", scalar: true,
		signs: true, edits: true, updated: true,
		flags: []flag{flagDiscoverable, flagIndexable, flagLocked},
	}
}

func lemmy() *software {
	return &software{
		name: "lemmy", version: "0.19.14", instance: "/", shared: "/inbox", key: "#main-key",
		actor:    func(name string, _ uint64) string { return "/u/" + name },
		inbox:    under,
		object:   func(_, _ string, id uint64) string { return "/post/" + strconv.FormatUint(id, 10) },
		activity: apart("/activities/", uuid),
		page:     func(base, _, object string) string { return base + object },
		context:  contextLemmy, kind: "Page", words: wordsTitled, lang: langObject, date: dateMicros, public: public,
		named: true, edits: true, updated: true, subs: never,
	}
}

func peertube() *software {
	return &software{
		name: "peertube", version: "8.0.1", instance: "/accounts/peertube", shared: "/inbox", key: "#main-key", pem: pemBare,
		actor:  func(name string, _ uint64) string { return "/accounts/" + name },
		inbox:  under,
		object: func(_, _ string, id uint64) string { return "/videos/watch/" + uuid(id) },
		activity: func(base, _, object, verb string, id uint64) string {
			return base + object + "/" + lower(verb) + "/" + strconv.FormatUint(id, 10)
		},
		page:    func(base, _, object string) string { return base + object },
		context: contextPlain, kind: "Video", words: wordsMarkdown, lang: langObject, date: dateMillis, public: public,
		signs: true, named: true, edits: true, updated: true, subs: never,
	}
}

// activityRelay is another relay: it has no people, and announces what others wrote.
func activityRelay() *software {
	w := mastodon()
	w.name, w.version, w.pem, w.signs, w.context = "activityrelay", "2.0.11", pemPKCS1, false, contextPlain
	w.flags = nil
	return w
}

// snowflake, aid, ulid and uuid are ids as softwares make them.
func snowflake(id uint64) string { return strconv.FormatUint(115_500_000_000_000_000+id, 10) }

func aid(id uint64) string { return "a" + pad(strconv.FormatUint(id, 36), 9) }

func ulid(id uint64) string {
	const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	text := []byte("01K00000000000000000000000")
	for i, n := 25, mix(id); i > 13; i, n = i-1, n>>5 {
		text[i] = letters[n&31]
	}
	for i := 12; i > 2 && id > 0; i, id = i-1, id>>5 {
		text[i] = letters[id&31]
	}
	return string(text)
}

func uuid(id uint64) string {
	a, b := mix(id), mix(id+1<<63)
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", uint32(a), uint16(a>>32), uint16(a>>48)&0xfff, uint16(b>>48)&0x3fff|0x8000, b&0xffff_ffff_ffff)
}

// mix spreads a number over 64 bits (splitmix64).
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

func pad(s string, width int) string {
	const zeros = "0000000000000000"
	return zeros[:max(width-len(s), 0)] + s
}

// tail is what follows the last slash.
func tail(s string) string {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '/' {
			return s[i+1:]
		}
	}
	return s
}
