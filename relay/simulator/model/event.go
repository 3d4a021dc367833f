package model

import "time"

// Tier is how far a post may travel.
type Tier uint8

// The tiers; each includes those before it.
const (
	Nowhere Tier = iota // neither passed on nor shown
	Relay               // passed on to subscribed servers
	Stats               // counted
	Live                // shown as it happens, and in timelines
	Search              // found
)

// Audience is whom a post is addressed to.
type Audience uint8

// The audiences.
const (
	Public    Audience = iota // as:Public in to
	Unlisted                  // as:Public in cc
	Followers                 // a followers collection alone
	Direct                    // people alone
)

// Consent is what an actor's document says that its owner agrees to. The zero value
// agrees to nothing, as does an actor that says nothing.
type Consent struct {
	Discoverable bool
	Indexable    bool
	Locked       bool // approves followers by hand
	Memorial     bool
	Declines     bool // an opt-out tag or flag, of whatever software
}

// Tier is the highest that the author's posts may have.
func (c Consent) Tier() Tier {
	switch {
	case c.Declines:
		return Relay
	case !c.Discoverable || c.Locked || c.Memorial:
		return Stats
	case !c.Indexable:
		return Live
	}
	return Search
}

// Post is a version of a post.
type Post struct {
	URI      string
	Author   string // actor's URI
	Audience Audience
	Declines bool      // the post itself asks not to be indexed
	Version  time.Time // when it was edited, else written, as it says
	Mark     string    // a word that only this version has
	Rare     string    // a word to search for, "" when there is none
	Tags     []string  // without '#', in lower case
}

// Kind is what an activity does.
type Kind string

// The kinds.
const (
	Create  Kind = "Create"
	Update  Kind = "Update"  // of a post
	Delete  Kind = "Delete"  // of a post
	Boost   Kind = "Boost"   // by a person: nothing for a relay
	Bring   Kind = "Bring"   // an Announce by a server or a group: the object's origin is asked
	Profile Kind = "Profile" // an actor's Update of itself
	Leave   Kind = "Leave"   // an actor's Delete of itself
	Noise   Kind = "Noise"   // a Like and others
)

// Event is an activity, in the model's words.
type Event struct {
	Kind     Kind
	Giver    string  // host of who sent it
	Actor    string  // URI of who did it, or in whose name
	Object   string  // URI of what it is about
	Post     Post    // Create and Update, and Bring: what the origin serves
	Consent  Consent // of the post's author, or of the profile
	LDSigned bool    // it bears an LD signature of its actor
	Body     []byte  // as sent
	Forged   bool    // who signed the request is not the actor
	Invalid  bool    // the signature cannot be valid: stale, tampered, none
}
