package model

// profile is an actor's Update of itself. An author who agrees to less than before
// withdraws what was shown; one who agrees to more says so of later posts.
func (m *Model) profile(e Event) {
	a := m.author(e.Actor)
	if a.gone || a.profile == string(e.Body) {
		return
	}
	a.profile = string(e.Body)
	m.cap(e.Actor, e.Consent.Tier())
	a.tier = e.Consent.Tier()
	m.owe(&owed{object: e.Actor, author: e.Actor, givers: []string{e.Giver}, raw: e.Body, kind: Profile})
}

// cap lowers the tier of all that an author wrote.
func (m *Model) cap(author string, tier Tier) {
	for _, o := range m.objects {
		if o.author == author {
			o.tier = min(o.tier, tier)
		}
	}
}

// leave is an actor's Delete of itself, with all that it wrote.
func (m *Model) leave(e Event) {
	a, known := m.authors[e.Actor]
	if known && a.gone {
		return
	}
	wrote := false
	for _, o := range m.objects {
		if o.author == e.Actor {
			wrote = true
			o.deleted, o.tier = true, Nowhere
		}
	}
	a = m.author(e.Actor)
	a.gone, a.left = true, m.told
	// Its key is gone: of somebody who never sent anything it cannot be proved. And members
	// need not hear through us of who is no member any more.
	m.owe(&owed{object: e.Actor, author: e.Actor, givers: []string{e.Giver}, raw: e.Body, kind: Leave, maybe: !wrote && a.profile == "" || !m.member(e.Giver, m.told)})
}
