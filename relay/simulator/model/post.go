package model

import "slices"

// nothingNew reports that an activity changes nothing, whatever it says: its author has
// left, or the post is deleted.
func (m *Model) nothingNew(e Event) bool {
	o := m.objects[e.Object]
	return m.author(e.Actor).gone || o != nil && o.deleted
}

// post is a Create or an Update. Which of them it is does not matter: an Update may come
// first, and a Create late.
func (m *Model) post(e Event) {
	if e.Forged {
		m.claim(e)
		return
	}
	if m.nothingNew(e) {
		return
	}
	tier := tierOf(e.Post, e.Consent)
	o := m.objects[e.Object]
	if o == nil {
		m.first(e, tier)
		return
	}
	if last := o.last(); !newer(e, last) {
		return
	}
	o.versions = append(o.versions, version{e.Post, tier})
	o.tier = tier
	if tier == Nowhere { // it never enters the log; what is there of it is withdrawn
		return
	}
	m.owe(&owed{object: e.Object, author: e.Actor, givers: []string{e.Giver}, raw: e.Body, kind: Update})
}

// newer reports whether an activity brings a version after the last one. A date has the
// precision of a second: two edits may share it, a post and its copy do.
func newer(e Event, last version) bool {
	if e.Post.Mark == last.Mark || e.Post.Version.Before(last.Version) {
		return false
	}
	return e.Kind == Update || e.Post.Version.After(last.Version)
}

// first is the first that was heard of a post.
func (m *Model) first(e Event, tier Tier) {
	if tier == Nowhere {
		return
	}
	m.objects[e.Object] = &object{
		uri: e.Object, author: e.Actor, versions: []version{{e.Post, tier}}, tier: tier, givers: []string{e.Giver},
	}
	create := &owed{object: e.Object, author: e.Actor, givers: []string{e.Giver}, kind: Create, announced: true}
	if e.LDSigned {
		create.raw = e.Body
	}
	m.owe(create)
}

// claim is what somebody says of a post that is not theirs: only what its origin serves
// counts. A post that the relay knows stays as it is; of others there is nothing.
func (m *Model) claim(e Event) {
	if o := m.objects[e.Object]; o != nil && !slices.Contains(o.givers, e.Giver) && o.brought {
		o.givers = append(o.givers, e.Giver)
	}
}

// bring is an Announce by a server: the post is fetched from its origin.
func (m *Model) bring(e Event) {
	tier := tierOf(e.Post, e.Consent)
	if o := m.objects[e.Object]; o != nil {
		m.claim(e) // either of both may have been first
		return
	}
	if tier == Nowhere || e.Post.URI == "" || m.author(e.Post.Author).gone {
		return
	}
	o := &object{
		uri: e.Object, author: e.Post.Author, versions: []version{{e.Post, tier}}, tier: tier, brought: true, givers: []string{e.Giver},
	}
	m.objects[e.Object] = o
	m.owe(&owed{object: e.Object, author: e.Post.Author, from: o, kind: Create, announced: true})
}

// delete is the Delete of a post by its owner.
func (m *Model) delete(e Event) {
	o := m.objects[e.Object]
	switch {
	case o == nil && !m.member(e.Giver, m.told):
		return // nothing of it was ever here
	case o == nil:
		o = &object{uri: e.Object, author: e.Actor}
		m.objects[e.Object] = o
	case o.deleted:
		return
	}
	o.deleted, o.tier = true, Nowhere
	m.owe(&owed{object: e.Object, author: e.Actor, givers: []string{e.Giver}, raw: e.Body, kind: Delete})
}
