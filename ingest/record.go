package ingest

import (
	"time"

	"tributary/ingest/ap"
)

// Kind says what a record does. A reader skips and counts kinds it does not know.
type Kind uint8

// The kinds. The numbers are the wire format.
const (
	KindCreate    Kind = 1 // a post is new
	KindUpdate    Kind = 2 // a post or an actor was edited
	KindDelete    Kind = 3 // a post or an actor is gone: Object names it
	KindUpgrade   Kind = 4 // a better copy of a known post: PrevTier and PrevGrant say what was known
	KindWithdraw  Kind = 5 // Scope and Object are withdrawn down to Tier: an opt-out, an operator's block
	KindEpoch     Kind = 6 // from this record on, seq = Base + offset
	KindHeartbeat Kind = 7 // nothing; keeps the partition from being empty
)

// Tier is how far a post may travel (FEDERATION.md, Consent). Each includes those before it.
type Tier uint8

// The tiers.
const (
	TierNone   Tier = 0 // nowhere
	TierRelay  Tier = 1 // between servers whose admins chose it
	TierStats  Tier = 2 // counted, never shown
	TierLive   Tier = 3 // shown as it happens
	TierSearch Tier = 4 // text search, SQL, export, history
)

// Grant says why we may pass a post on.
type Grant uint8

// The grants.
const (
	GrantNone       Grant = 0
	GrantSubscriber Grant = 1 // its server subscribed to us
	GrantRelay      Grant = 2 // a relay that we joined gave it
	GrantHosted     Grant = 3 // written by an account hosted here
	GrantStream     Grant = 4 // read from a public stream
	GrantFASP       Grant = 5 // announced by data sharing
	GrantFollowed   Grant = 6 // its author is followed from here
	GrantLimited    Grant = 7 // its server subscribed, and the operator limits it: its own posts only, not passed on
)

// Relayable reports whether lanes may carry a post that has the grant.
func (g Grant) Relayable() bool { return g >= GrantSubscriber && g <= GrantHosted }

// String is its name in metrics and lists.
func (g Grant) String() string {
	names := [...]string{"none", "subscriber", "relay", "hosted", "stream", "fasp", "followed", "limited"}
	if int(g) < len(names) {
		return names[g]
	}
	return "unknown"
}

// Verification says how we know that a record's author wrote it.
type Verification uint8

// The verifications.
const (
	VerifiedNone  Verification = 0
	VerifiedHTTP  Verification = 1 // the author's own HTTP signature
	VerifiedLD    Verification = 2 // an LD signature
	VerifiedFetch Verification = 3 // fetched from its origin
	VerifiedProof Verification = 4 // an object integrity proof (FEP-8b32)
)

// Scope is what a withdrawal covers.
type Scope uint8

// The scopes.
const (
	ScopeObject Scope = 1 // key: object URI
	ScopeActor  Scope = 2 // key: actor URI
	ScopeDomain Scope = 3 // key: lower-case host
)

// Record is one entry of the log: what every cursor reads. The cbor keys are the
// wire format; a number is never reused (see Codec in doc.go).
type Record struct {
	Kind      Kind         `cbor:"1,keyasint"`
	Object    string       `cbor:"2,keyasint,omitempty"`  // object URI; actor URI for an actor; key of a withdrawal
	ID        uint64       `cbor:"3,keyasint,omitempty"`  // snowflake; 0 until known. Readers of Tail always see it set for posts
	Actor     string       `cbor:"4,keyasint,omitempty"`  // owner's URI
	Domain    string       `cbor:"5,keyasint,omitempty"`  // origin host (with port if any), lower case
	Author    *ap.Author   `cbor:"6,keyasint,omitempty"`  // snapshot when the record was admitted
	Version   int64        `cbor:"7,keyasint,omitempty"`  // updated, else published, ms since 1970, never later than the arrival
	Content   uint64       `cbor:"8,keyasint,omitempty"`  // first 64 bits of SHA-256 over Post: tells edits within one second apart
	Tier      Tier         `cbor:"9,keyasint,omitempty"`  //
	PrevTier  Tier         `cbor:"10,keyasint,omitempty"` // highest tier before this record
	Grant     Grant        `cbor:"11,keyasint,omitempty"`
	PrevGrant Grant        `cbor:"12,keyasint,omitempty"`
	Giver     string       `cbor:"13,keyasint,omitempty"` // host that gave it to us; never sent back there
	Verified  Verification `cbor:"14,keyasint,omitempty"`
	Activity  string       `cbor:"15,keyasint,omitempty"` // type of the activity in Raw: Create, Update, Delete …; "" when Raw is a fetched object
	LDSigned  bool         `cbor:"16,keyasint,omitempty"` // Raw bears an LD signature of its author
	Raw       []byte       `cbor:"17,keyasint,omitempty"` // exactly as received
	Post      *ap.Post     `cbor:"18,keyasint,omitempty"`
	Scope     Scope        `cbor:"19,keyasint,omitempty"` // of a withdrawal
	Base      uint64       `cbor:"20,keyasint,omitempty"` // of an epoch
	Reason    string       `cbor:"21,keyasint,omitempty"` // of a withdrawal or an epoch, for people
	AuthorAt  int64        `cbor:"22,keyasint,omitempty"` // when Author was fetched, ms since 1970: an older snapshot cannot undo a withdrawal
	Owner     []byte       `cbor:"23,keyasint,omitempty"` // hash of the owner's URI, where only that is known (a Delete that the origin's 410 stands for)

	PrevTopics Topics `cbor:"24,keyasint,omitempty"` // what the post may have had before this record

	Seq    uint64    `cbor:"-"` // base + offset; set by the reader
	Offset int64     `cbor:"-"` // in the partition; set by the reader
	Time   time.Time `cbor:"-"` // when it was appended (ms); set by the reader
}

// owner is the hash of the owner's URI.
func (r *Record) owner() Hash {
	if len(r.Owner) == len(Hash{}) {
		return Hash(r.Owner)
	}
	return HashOf(r.Actor)
}
