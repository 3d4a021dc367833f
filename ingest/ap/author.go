package ap

import "time"

// Author is the snapshot of an actor that a record carries: what a reader needs
// to show a post and to know what its author agreed to. It holds no key and no
// inbox (Actor does).
type Author struct {
	URI          string    `cbor:"1,keyasint"`
	Type         string    `cbor:"2,keyasint,omitempty"` // Person, Service, Application, Group, Organization
	Username     string    `cbor:"3,keyasint,omitempty"` // preferredUsername
	Name         string    `cbor:"4,keyasint,omitempty"` // plain text
	Note         string    `cbor:"5,keyasint,omitempty"` // sanitised HTML
	URL          string    `cbor:"6,keyasint,omitempty"` // page for people; URI when absent
	Avatar       string    `cbor:"7,keyasint,omitempty"`
	Header       string    `cbor:"8,keyasint,omitempty"`
	Created      time.Time `cbor:"9,keyasint,omitzero"`
	Bot          bool      `cbor:"10,keyasint,omitempty"` // type Service or Application
	Locked       bool      `cbor:"11,keyasint,omitempty"` // manuallyApprovesFollowers
	Discoverable bool      `cbor:"12,keyasint,omitempty"` // absent counts as false
	Indexable    bool      `cbor:"13,keyasint,omitempty"` // FEP-5feb, absent counts as false
	Memorial     bool      `cbor:"14,keyasint,omitempty"`
	Suspended    bool      `cbor:"15,keyasint,omitempty"`
	OptOut       bool      `cbor:"16,keyasint,omitempty"` // #nobot, #noindex … in bio or fields, Misskey noindex and the like: no stream, no search
	Fields       []Field   `cbor:"17,keyasint,omitempty"`
	Emojis       []Emoji   `cbor:"18,keyasint,omitempty"`
	MovedTo      string    `cbor:"19,keyasint,omitempty"`
}

// Field is a row of an actor's profile.
type Field struct {
	Name  string `cbor:"1,keyasint"`           // plain text
	Value string `cbor:"2,keyasint,omitempty"` // sanitised HTML
}
