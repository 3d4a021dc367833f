package simulator

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"tributary/ingest/signature"
	"tributary/relay/simulator/model"
)

// Instance is the account that stands for the whole server and follows relays.
const Instance = "instance"

// signers bounds the RSA operations that one account does at once.
const signers = 2

// Account is somebody on a server. A software that has no word for a flag leaves it out.
type Account struct {
	Name         string // user name; letters and digits
	Type         string // ActivityStreams type; Person when empty
	Display      string // Name when empty
	Bio          string // HTML
	Discoverable bool   // consent flags, written into the document as they are
	Indexable    bool
	Locked       bool // approves followers by hand
	Memorial     bool
	Decline      Decline
	Language     string // that it writes in; any when empty
}

// Decline is a way to ask not to be shown or indexed.
type Decline string

// The ways; DeclineSearch declines search alone.
const (
	DeclineBio    Decline = "bio"          // #nobot in the biography, as Mastodon links it
	DeclineField  Decline = "field"        // #noindex in a row of the profile
	DeclineTag    Decline = "tag"          // a Hashtag of the profile
	DeclineFlag   Decline = "flag"         // Misskey's noindex
	DeclineSignin Decline = "signin"       // Misskey's _misskey_requireSigninToViewContents
	DeclineRobots Decline = "robots"       // FEP-5e53
	DeclineLabel  Decline = "label"        // Bluesky's label, as bridges write it
	DeclineSearch Decline = "searchableBy" // FEP-268d: followers alone
)

// Declines are all the ways.
func Declines() []Decline {
	return []Decline{DeclineBio, DeclineField, DeclineTag, DeclineFlag, DeclineSignin, DeclineRobots, DeclineLabel, DeclineSearch}
}

// account is never changed once it is in Server.accounts: it is read without the lock.
type account struct {
	Account
	site   *site
	id     uint64
	path   string
	uri    string
	key    *rsa.PrivateKey
	signer *signature.Signer
	gone   bool
}

func (a *account) keyID() string { return a.uri + a.site.software.key }

// move lets somebody move in, or changes who has the name, for everybody to see.
func (s *site) move(a Account) { s.publish(s.rewrite(a)) }

// publish makes an account's document what the server serves.
func (s *site) publish(a *account) { s.paths[a.path] = a }

// rewrite gives the account its URI and a key of the pool, or changes the one that has its
// name, which keeps both. What it writes from now on says so; its document does not yet.
func (s *site) rewrite(a Account) *account {
	if a.Type == "" {
		a.Type = "Person"
	}
	if a.Display == "" {
		a.Display = a.Name
	}
	made := &account{Account: a, site: s}
	if old := s.accounts[a.Name]; old != nil {
		made.id, made.path, made.uri, made.key, made.signer = old.id, old.path, old.uri, old.key, old.signer
	} else {
		made.id = uint64(len(s.accounts))
		made.path = s.software.actor(a.Name, made.id)
		if a.Name == Instance {
			made.path = s.software.instance
		}
		made.uri = s.base + made.path
		if len(s.keys) > 0 {
			made.key = s.keys[len(s.accounts)%len(s.keys)]
			made.signer = signature.NewSigner(made.keyID(), made.key, signers)
		}
	}
	s.accounts[a.Name] = made
	return made
}

// change replaces an account by a copy that alter changes.
func (s *site) change(name string, alter func(*account)) error {
	a, err := s.account(name)
	if err != nil {
		return err
	}
	changed := *a
	alter(&changed)
	s.accounts[name] = &changed
	s.publish(&changed)
	return nil
}

// rotate gives an account another key under the same key id.
func (s *site) rotate(a *account) {
	a.key = s.keys[(slices.Index(s.keys, a.key)+1)%len(s.keys)]
	a.signer = signature.NewSigner(a.keyID(), a.key, signers)
}

func (a *account) inbox() string {
	if a.path == "/" {
		return a.site.base + "/inbox" // Lemmy's instance
	}
	return a.site.base + a.site.software.inbox(a.path, a.Name)
}

func (a *account) followers() string {
	switch a.site.software.name {
	case "friendica":
		return a.site.base + "/followers/" + a.Name
	case "lemmy":
		return "" // people have none there
	}
	return a.uri + "/followers"
}

func (a *account) page() string {
	switch a.site.software.name {
	case "friendica", "lemmy", "peertube":
		return a.uri
	}
	return a.site.base + "/@" + a.Name
}

// has reports whether the software's profiles have a flag.
func (a *account) has(f flag) bool { return slices.Contains(a.site.software.flags, f) }

// Consent is what the account's document says, in the model's words.
func (a *account) consent() model.Consent {
	return model.Consent{
		Discoverable: a.Discoverable && a.has(flagDiscoverable),
		Indexable:    a.Indexable && a.has(flagIndexable) && a.Decline != DeclineSearch,
		Locked:       a.Locked && a.has(flagLocked),
		Memorial:     a.Memorial && a.has(flagMemorial),
		Declines:     a.Decline != "" && a.Decline != DeclineSearch,
	}
}

// document is the actor as the server's software writes it.
func (a *account) document(lie Lie) []byte {
	d := &document{}
	d.open()
	a.head(d, lie)
	a.members(d)
	a.publicKey(d, lie)
	d.close()
	return d.b
}

func (a *account) head(d *document, lie Lie) {
	id := a.uri
	if lie == WrongID {
		id = victim + a.path
	}
	d.raw("@context", a.site.software.context)
	d.str("id", id)
	d.str("type", a.Type)
}

// members are the profile without its key, as it also stands in an Update.
func (a *account) members(d *document) {
	w, base := a.site.software, a.site.base
	d.str("preferredUsername", a.Name)
	d.str("name", a.Display)
	d.str("summary", a.bio())
	d.str("url", a.page())
	d.str("inbox", a.inbox())
	d.str("outbox", a.uri+"/outbox")
	if followers := a.followers(); followers != "" {
		d.str("followers", followers)
		d.str("following", strings.Replace(followers, "followers", "following", 1))
	}
	if w.shared != "" {
		d.object("endpoints", func() { d.str("sharedInbox", base+w.shared) })
		if w.kind == "Note" && w.words == wordsPlain && w.signs { // Misskey and its forks say it twice
			d.str("sharedInbox", base+w.shared)
		}
	}
	d.raw("published", `"2024-01-01T00:00:00Z"`)
	a.agreement(d)
	d.list("tag", func() {
		if a.Decline == DeclineTag {
			d.open()
			d.str("type", "Hashtag")
			d.str("name", "#NoIndex")
			d.str("href", base+"/tags/noindex")
			d.close()
		}
	})
	d.list("attachment", func() { a.fields(d) })
}

// agreement are the flags that the software knows, and what others' bridges added.
func (a *account) agreement(d *document) {
	if a.has(flagLocked) {
		d.flag("manuallyApprovesFollowers", a.Locked)
	}
	if a.has(flagDiscoverable) {
		d.flag("discoverable", a.Discoverable)
	}
	if a.has(flagIndexable) {
		d.flag("indexable", a.Indexable)
	}
	if a.has(flagMemorial) {
		d.flag("memorial", a.Memorial)
	}
	if a.has(flagMisskey) {
		d.flag("isCat", a.id%7 == 0)
	}
	switch a.Decline {
	case DeclineFlag:
		d.flag("noindex", true)
	case DeclineSignin:
		d.flag("_misskey_requireSigninToViewContents", true)
	case DeclineRobots:
		d.strings("xRobotsTag", "noindex", "noai")
	case DeclineLabel:
		d.raw("labels", `{"type":"SelfLabels","values":[{"val":"!no-unauthenticated"}]}`)
	case DeclineSearch:
		d.strings("searchableBy", a.uri+"/followers")
	}
}

func (a *account) bio() string {
	bio := a.Bio
	if bio == "" {
		bio = "<p>" + a.Display + "</p>"
	}
	if a.Decline == DeclineBio {
		bio += `<p><a href="` + a.site.base + `/tags/nobot" class="mention hashtag" rel="tag">#<span>NoBot</span></a></p>`
	}
	return bio
}

func (a *account) fields(d *document) {
	row := func(name, value string) {
		d.open()
		d.str("type", "PropertyValue")
		d.str("name", name)
		d.str("value", value)
		d.close()
	}
	row("site", `<a href="`+a.page()+`" rel="me">`+a.page()+`</a>`)
	if a.Decline == DeclineField {
		row("please", "#noindex")
	}
}

// publicKey is the key, in the form of the software.
func (a *account) publicKey(d *document, lie Lie) {
	if a.key == nil {
		return
	}
	id, owner := a.keyID(), a.uri
	if lie == ForeignKey {
		id, owner = victim+a.path+"#main-key", victim+a.path
	}
	d.object("publicKey", func() {
		d.str("id", id)
		if a.site.software.words == wordsPlain && a.site.software.signs {
			d.str("type", "Key") // Misskey
		}
		d.str("owner", owner)
		d.str("publicKeyPem", a.site.software.pem.text(&a.key.PublicKey))
	})
	if a.site.software.name == "hollo" { // FEP-521a, beside the RSA key
		d.raw("assertionMethod", fmt.Sprintf(`[{"id":%q,"type":"Multikey","controller":%q,`+
			`"publicKeyMultibase":"z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"}]`, a.uri+"#multikey-2", a.uri))
	}
}

// keyDocument is the key where it has a document of its own (GoToSocial): a stub of the
// actor, for everybody.
func (a *account) keyDocument() []byte {
	d := &document{}
	d.open()
	a.head(d, Honest)
	d.str("preferredUsername", a.Name)
	a.publicKey(d, Honest)
	d.close()
	return d.b
}

func (k pemKind) text(key *rsa.PublicKey) string {
	text := signature.MarshalPublic(key)
	switch k {
	case pemPKCS1:
		return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(key)}))
	case pemBare:
		return strings.TrimSpace(text)
	case pemCRLF:
		return strings.ReplaceAll(text, "\n", "\r\n")
	}
	return text
}
