package ap

import "fmt"

// ParseActivity reads what came to an inbox: an activity, or a bare object,
// which stands in the result as its own Object. An activity's id may be absent
// (ActivityPub §3 allows it for transient ones), its actor may not. raw is not
// kept.
//
// Errors: ErrTooLarge, ErrTooDeep, ErrTooMany, ErrNotJSON, ErrNotObject,
// ErrNoType, ErrNoActor, ErrNoID (of a bare object).
func ParseActivity(raw []byte) (*Activity, error) {
	d, top, err := openObject(raw)
	if err != nil {
		return nil, err
	}
	defer d.close()
	typ, class := d.classify(top)
	var a *Activity
	switch {
	case typ == "":
		return nil, fmt.Errorf("ap: parse activity: %w", ErrNoType)
	case class == classActivity:
		if a = d.activity(top, typ, 1); a.Actor == "" {
			return nil, fmt.Errorf("ap: parse activity: %w", ErrNoActor)
		}
	default:
		o := d.object(top, nil, 1)
		if o.ID == "" {
			return nil, fmt.Errorf("ap: parse activity: %w", ErrNoID)
		}
		a = d.bare(top, o)
	}
	a.LDSigned = d.signed(top, a.Actor)
	a.HasProof = d.proved(top, a.Actor)
	return a, nil
}

// ParseObject reads a document that was fetched: a post, an actor, an activity,
// a tombstone, or something else of which only id and type are read. raw is not
// kept.
//
// Errors: ErrTooLarge, ErrTooDeep, ErrTooMany, ErrNotJSON, ErrNotObject,
// ErrNoType, ErrNoID.
func ParseObject(raw []byte) (*Object, error) {
	d, top, err := openObject(raw)
	if err != nil {
		return nil, err
	}
	defer d.close()
	o := d.object(top, nil, 0)
	if o == nil {
		return nil, fmt.Errorf("ap: parse object: %w", ErrNoType)
	}
	if o.ID == "" {
		return nil, fmt.Errorf("ap: parse object: %w", ErrNoID)
	}
	return o, nil
}

// ParseActor reads an actor document. An actor without an inbox is one too
// (GoToSocial serves such stubs to whoever does not sign). raw is not kept.
//
// Errors: those of ParseObject, ErrTombstone for an actor that is gone, and
// ErrNotActor.
func ParseActor(raw []byte) (*Actor, error) {
	o, err := ParseObject(raw)
	switch {
	case err != nil:
		return nil, err
	case o.Type == "Tombstone":
		return nil, fmt.Errorf("ap: parse actor %s: %w", o.ID, ErrTombstone)
	case o.Actor == nil:
		return nil, fmt.Errorf("ap: parse actor %s: %w: it is a %s", o.ID, ErrNotActor, o.Type)
	}
	return o.Actor, nil
}

// openObject opens raw and finds the object that it is: JSON-LD also writes an
// array of one.
func openObject(raw []byte) (*document, ref, error) {
	d, err := open(raw)
	if err != nil {
		return nil, 0, err
	}
	top := root
	if n := &d.nodes[root]; n.kind == kindArray && n.next > uint32(root)+1 && d.nodes[root+1].next == n.next {
		top = root + 1
	}
	if !d.isObject(top) {
		d.close()
		return nil, 0, fmt.Errorf("ap: parse: %w", ErrNotObject)
	}
	return d, top, nil
}

// classify is typeOf, but what has a type that we do not know is read as what
// it looks like.
func (d *document) classify(obj ref) (string, class) {
	typ, c := d.typeOf(obj)
	if c != classOther || vocabulary[typ].name != "" {
		return typ, c
	}
	switch {
	case d.get(obj, "actor") != 0 && d.get(obj, "object") != 0:
		return typ, classActivity
	case d.get(obj, "inbox") != 0:
		return typ, classActor
	}
	return typ, classOther
}

// activity reads an activity; level is 1 for the document itself, one more for
// what an activity holds.
func (d *document) activity(obj ref, typ string, level int) *Activity {
	a := &Activity{
		ID:        d.id(obj),
		Type:      typ,
		Actor:     d.uri(d.first(obj, "actor", "attributedTo")),
		To:        d.uris(d.get(obj, "to"), maxAudience),
		Cc:        d.uris(d.get(obj, "cc"), maxAudience),
		Target:    d.uri(d.get(obj, "target")),
		Published: d.date(d.get(obj, "published")),
	}
	for inner := range d.items(d.get(obj, "object")) {
		a.ObjectID = d.uri1(inner)
		if d.isObject(inner) {
			a.Object = d.object(inner, a, level+1)
		}
		break // Flag names several: the first stands for it
	}
	return a
}

// bare makes an activity of a document that is an object.
func (d *document) bare(top ref, o *Object) *Activity {
	a := &Activity{
		ID:        o.ID,
		Type:      o.Type,
		Actor:     o.AttributedTo,
		ObjectID:  o.ID,
		Object:    o,
		To:        d.uris(d.get(top, "to"), maxAudience),
		Cc:        d.uris(d.get(top, "cc"), maxAudience),
		Published: d.date(d.get(top, "published")),
	}
	if o.Actor != nil {
		a.Actor = o.ID
	}
	return a
}

// object reads an object of any kind, or nil when it has no type: then it is no
// more than a reference. parent is the activity around it, nil if there is none.
func (d *document) object(obj ref, parent *Activity, level int) *Object {
	typ, class := d.classify(obj)
	if typ == "" {
		return nil
	}
	o := &Object{ID: d.id(obj), Type: typ, AttributedTo: d.author(obj, parent)}
	switch {
	case class == classActivity && level <= maxActivities:
		o.Activity = d.activity(obj, typ, level)
	case o.ID == "":
		// Nothing to know a post or an actor by.
	case class == classPost:
		o.Post = d.post(obj, o, parent)
	case class == classActor:
		o.Actor = d.actor(obj, o)
	}
	return o
}

// author returns whom obj is attributed to: of several (PeerTube names an
// account and its channel, Lemmy a person and a group) the person, else the
// activity's actor if it is among them, else the first.
func (d *document) author(obj ref, parent *Activity) string {
	var first, actor string
	for v := range d.items(d.get(obj, "attributedTo")) {
		u := d.uri1(v)
		if u == "" {
			continue
		}
		if typ, _ := d.typeOf(v); typ == "Person" {
			return u
		}
		if parent != nil && u == parent.Actor {
			actor = u
		}
		if first == "" {
			first = u
		}
	}
	if actor != "" {
		return actor
	}
	return first
}

// signed reports whether obj bears an LD signature that may be actor's.
//
// A document in which @graph, @included or @reverse occur counts as unsigned:
// what a signature over it covers and what a reader sees can differ
// (CVE-2026-46349).
func (d *document) signed(obj ref, actor string) bool {
	if d.graph {
		return false
	}
	for sig := range d.items(d.get(obj, "signature")) {
		if typ, _ := d.typeOf(sig); typ != "RsaSignature2017" {
			continue
		}
		if d.text(d.get(sig, "signatureValue"), 1) != "" && SameOrigin(d.uri(d.get(sig, "creator")), actor) {
			return true
		}
	}
	return false
}

// proved reports whether obj bears an object integrity proof that may be actor's.
func (d *document) proved(obj ref, actor string) bool {
	proof := d.get(obj, "proof")
	return d.isObject(proof) && SameOrigin(d.uri(d.get(proof, "verificationMethod")), actor)
}
