package simulator

import (
	"fmt"

	"tributary/relay/simulator/model"
)

// lie is something that a lying server does: a request that proves nothing, or one that
// proves who sent it and speaks of what is not the sender's.
func (s *script) lie(i int, at *site) []Step {
	if s.chance(40) {
		return s.spoil(i, at)
	}
	var victims []mention
	for _, of := range s.recent {
		if of.server != i {
			victims = append(victims, of)
		}
	}
	if len(victims) == 0 {
		return nil
	}
	of := victims[s.rng.IntN(len(victims))]
	switch s.rng.IntN(5) {
	case 0:
		return s.forge(i, at, of)
	case 1:
		if of.settled {
			return s.seize(i, at, of)
		}
		return s.kill(i, at, of.uri)
	case 2:
		return s.kill(i, at, of.uri)
	case 3:
		return s.kill(i, at, of.author)
	default:
		return s.plant(i, at, of)
	}
}

// spoil is a post in a request that must be refused.
func (s *script) spoil(i int, at *site) []Step {
	a, err := at.create(s.compose(i, at))
	a.Means.Invalid = true
	steps := s.step(i, a, err)
	for n := range steps {
		steps[n].Spoil = spoils[s.rng.IntN(len(spoils))]
	}
	return steps
}

// forge is a post in a victim's name, of the victim's server, that was never written there.
func (s *script) forge(i int, at *site, of mention) []Step {
	a, err := at.create(Post{Author: s.person(i, at)})
	if err != nil {
		return nil
	}
	from, object := a.Means.Actor, of.uri+"999"
	a = ofAnother(ofAnother(a, a.Object, object), from, of.author)
	a.Object, a.Means.Object, a.Means.Actor, a.Means.Forged, a.Means.LDSigned = object, object, of.author, true, false
	a.Means.Post = model.Post{Mark: a.Means.Post.Mark}
	a.Means.Body = a.Body
	return s.step(i, a, nil)
}

// seize is an edit of a victim's post in the liar's own name.
func (s *script) seize(i int, at *site, of mention) []Step {
	a, err := at.create(Post{Author: s.person(i, at)})
	if err != nil {
		return nil
	}
	a = ofAnother(a, a.Object, of.uri)
	a = ofAnother(a, `"type":"Create"`, `"type":"Update"`)
	a.Type, a.Object, a.Means.Kind, a.Means.Object, a.Means.Forged = "Update", of.uri, model.Update, of.uri, true
	a.Means.Post = model.Post{Mark: a.Means.Post.Mark}
	a.Means.Body = a.Body
	return s.step(i, a, nil)
}

// kill is a Delete of what is a victim's.
func (s *script) kill(i int, at *site, uri string) []Step {
	by := at.accounts[s.person(i, at)]
	a := Activity{ID: fmt.Sprintf("%s#delete-%d", by.uri, at.number()), Type: "Delete", Actor: by.Name, Object: uri}
	a.Body = at.activity(a, by, func(d *document) {
		d.strings("to", public)
		d.str("object", uri)
	})
	a.Means = model.Event{Kind: model.Delete, Giver: at.host(), Actor: by.uri, Object: uri, Forged: true, Body: a.Body}
	return s.step(i, a, nil)
}

// plant is a post of the liar's own that claims an id on the victim's server.
func (s *script) plant(i int, at *site, of mention) []Step {
	a, err := at.create(Post{Author: s.person(i, at)})
	if err != nil {
		return nil
	}
	object := of.uri + "777"
	a = ofAnother(a, a.Object, object)
	a.Object, a.Means.Object, a.Means.Forged = object, object, true
	a.Means.Post = model.Post{Mark: a.Means.Post.Mark}
	a.Means.Body = a.Body
	return s.step(i, a, nil)
}
