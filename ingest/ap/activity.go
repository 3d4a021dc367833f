package ap

import "time"

// Activity is a document of the network read tolerantly: an activity, or a bare
// object (then Type is the object's, Object is the document itself, and Actor is
// whom it is attributed to: for an actor itself, "" when it names nobody).
type Activity struct {
	ID        string    // "" when it has none: transient activities need none
	Type      string    // without prefix: Create, Update, Delete, Follow, Undo, Announce …
	Actor     string    // URI
	ObjectID  string    // id of the object, embedded or not
	Object    *Object   // nil when the object is only a URI
	To, Cc    []string  // Public in its three spellings is written as the full URI
	Target    string    // Move: new actor
	Published time.Time //
	LDSigned  bool      // has a signature of type RsaSignature2017 whose creator belongs to Actor's origin
	HasProof  bool      // has an object integrity proof (FEP-8b32) whose key belongs to Actor's origin
}

// Object is an embedded object, of any kind: at most one of Post, Actor and
// Activity is set, none for a Tombstone or what we do not know.
type Object struct {
	ID           string
	Type         string
	AttributedTo string // first author's URI
	Post         *Post
	Actor        *Actor
	Activity     *Activity // Undo{Follow}, Accept{Follow}, Announce{Create} …
}

// Actor is an actor document as we need it to talk to its server. Author is
// the part that is shown.
type Actor struct {
	Author
	Inbox       string
	SharedInbox string // "" when the actor has no endpoints
	Outbox      string
	Followers   string
	Keys        []Key // of requests and LD signatures
	Assertions  []Key // of object integrity proofs (assertionMethod)
	AlsoKnownAs []string
	Fetched     time.Time // when its server gave it to us; zero when it came embedded
}

// Key is a public key as its document says: PEM of a publicKey, Multibase of a
// Multikey (FEP-521a).
type Key struct {
	ID        string
	Owner     string
	PEM       string
	Multibase string
}
