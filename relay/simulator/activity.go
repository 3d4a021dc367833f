package simulator

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"tributary/relay/simulator/model"
)

// Activity is a signed-by-nobody-yet activity of an account: the same body can be
// sent again, to any inbox, and is signed anew each time.
type Activity struct {
	ID     string
	Type   string
	Actor  string // account name
	Object string // URI of what it is about
	Body   []byte
	Means  model.Event
}

// create writes a post and returns the activity that tells of it.
func (s *site) create(p Post) (Activity, error) {
	written, err := s.write(p)
	if err != nil {
		return Activity{}, err
	}
	return s.tell("Create", written), nil
}

// edit changes a post and returns its Update; empty content is written from the seed.
func (s *site) edit(object, content string) (Activity, error) {
	p, err := s.find(object)
	if err != nil {
		return Activity{}, err
	}
	p.mark = s.mark(s.number())
	p.Content, p.updated = content, s.now()
	if content == "" {
		p.Content = s.content(p)
	}
	return s.tell("Update", p), nil
}

// erase deletes a post and returns its Delete.
func (s *site) erase(object string) (Activity, error) {
	p, err := s.find(object)
	if err != nil {
		return Activity{}, err
	}
	p.deleted = true
	return s.tell("Delete", p), nil
}

// announce is an account's boost of a post, of any server.
func (s *site) announce(name, object string) (Activity, error) {
	booster, err := s.account(name)
	if err != nil {
		return Activity{}, err
	}
	n := s.number()
	w := s.software
	path := w.object(booster.path, booster.Name, n)
	a := Activity{ID: w.activity(s.base, booster.path, path, "Announce", n), Type: "Announce", Actor: name, Object: object}
	a.Body = s.activity(a, booster, func(d *document) {
		d.time("published", s.now(), w.date)
		w.recipients(d, []string{w.public}, []string{booster.uri + "/followers"})
		d.str("object", object)
	})
	a.Means = model.Event{Kind: model.Boost, Giver: s.host(), Actor: booster.uri, Object: object, Body: a.Body}
	if booster.Type != "Person" {
		a.Means.Kind = model.Bring
	}
	return a, nil
}

// profile tells of an account as it is now.
func (s *site) profile(name string) (Activity, error) {
	a, err := s.account(name)
	if err != nil {
		return Activity{}, err
	}
	n := s.number()
	told := Activity{ID: fmt.Sprintf("%s#updates/%d", a.uri, n), Type: "Update", Actor: name, Object: a.uri}
	told.Body = s.activity(told, a, func(d *document) {
		s.software.recipients(d, []string{s.software.public}, nil)
		d.object("object", func() {
			d.str("id", a.uri)
			d.str("type", a.Type)
			a.members(d)
			a.publicKey(d, Honest)
		})
		s.sign(d, a, false)
	})
	told.Means = model.Event{
		Kind: model.Profile, Giver: s.host(), Actor: a.uri, Object: a.uri, Consent: a.consent(), LDSigned: s.software.signs, Body: told.Body,
	}
	return told, nil
}

// leave is the Delete of an account by itself; its document is still there until remove.
func (s *site) leave(name string) (Activity, error) {
	a, err := s.account(name)
	if err != nil {
		return Activity{}, err
	}
	told := Activity{ID: a.uri + "#delete", Type: "Delete", Actor: name, Object: a.uri}
	told.Body = s.activity(told, a, func(d *document) {
		s.software.recipients(d, []string{s.software.public}, nil)
		d.str("object", a.uri)
		s.sign(d, a, false)
	})
	told.Means = model.Event{Kind: model.Leave, Giver: s.host(), Actor: a.uri, Object: a.uri, LDSigned: s.software.signs, Body: told.Body}
	return told, nil
}

// tell wraps a post in an activity of its author.
func (s *site) tell(kind string, p *post) Activity {
	w := s.software
	a := Activity{ID: w.activity(s.base, p.author.path, p.path, kind, s.number()), Type: kind, Actor: p.author.Name, Object: p.uri}
	a.Body = s.activityIn(w.contextIn(p.Language), a, p.author, func(d *document) {
		to, cc := p.audience()
		if kind == "Delete" && w.named {
			w.recipients(d, to, cc)
			d.str("object", p.uri)
			s.sign(d, p.author, p.Unsigned)
			return
		}
		if kind != "Delete" {
			d.time("published", p.published, w.date)
		}
		w.recipients(d, to, cc)
		if w.name == "friendica" {
			d.raw("instrument", `{"type":"Service","name":"Friendica"}`)
		}
		d.object("object", func() {
			if kind == "Delete" {
				tombstone(d, p.uri)
			} else {
				p.members(d, p.uri)
			}
		})
		s.sign(d, p.author, p.Unsigned)
	})
	a.Means = model.Event{
		Kind: model.Kind(kind), Giver: s.host(), Actor: p.author.uri, Object: p.uri, Post: p.meaning(),
		Consent: s.accounts[p.author.Name].consent(), LDSigned: w.signs && !p.Unsigned, Body: a.Body,
	}
	return a
}

// activity is the envelope of every activity.
func (s *site) activity(a Activity, by *account, rest func(*document)) []byte {
	return s.activityIn(s.software.context, a, by, rest)
}

func (s *site) activityIn(context string, a Activity, by *account, rest func(*document)) []byte {
	d := &document{b: make([]byte, 0, 4096)}
	d.open()
	d.raw("@context", context)
	d.str("id", a.ID)
	d.str("type", a.Type)
	d.str("actor", by.uri)
	rest(d)
	d.close()
	return d.b
}

// sign adds what has the shape of RsaSignature2017 and signs nothing (see doc.go).
func (s *site) sign(d *document, a *account, unsigned bool) {
	if !s.software.signs || unsigned {
		return
	}
	d.object("signature", func() {
		d.raw("type", `"RsaSignature2017"`)
		d.str("creator", a.keyID())
		d.time("created", s.now(), dateSeconds)
		d.raw("signatureValue", emptySignature)
	})
}

var emptySignature = `"` + base64.StdEncoding.EncodeToString(make([]byte, 256)) + `"`

// FollowState is what became of a Follow.
type FollowState string

// The states of a Follow.
const (
	FollowNone     FollowState = ""
	FollowPending  FollowState = "pending"
	FollowAccepted FollowState = "accepted"
	FollowRejected FollowState = "rejected"
)

// follow is a subscription to the relay with that inbox.
type follow struct {
	id     string
	object string
	state  FollowState
}

// subscribe is the Follow by which a server subscribes to a relay. Of the public collection,
// without an audience, it is Mastodon's; of the relay's actor LitePub's.
func (s *site) subscribe(object string) (Activity, *follow) {
	n := s.number()
	id := fmt.Sprintf("%s/follows/%d", s.base, n)
	switch s.software.name {
	case "misskey", "sharkey", "iceshrimp.net":
		id = fmt.Sprintf("%s/activities/follow-relay/%d", s.base, n)
	}
	f := &follow{id: id, object: object, state: FollowPending}
	return s.instanceSays("Follow", id, object, func(d *document) {
		if object != public {
			d.strings("to", object)
			d.raw("state", `"pending"`)
		}
		d.str("object", object)
	}), f
}

// unsubscribe takes the Follow back.
func (s *site) unsubscribe(f *follow) Activity {
	return s.instanceSays("Undo", f.id+"/undo", f.id, func(d *document) {
		d.object("object", func() {
			d.str("id", f.id)
			d.raw("type", `"Follow"`)
			d.str("actor", s.accounts[Instance].uri)
			d.str("object", f.object)
		})
	})
}

// accept answers a Follow, as LitePub servers answer the relay's.
func (s *site) accept(followID, follower string) Activity {
	return s.instanceSays("Accept", fmt.Sprintf("%s/accepts/%d", s.base, s.number()), followID, func(d *document) {
		d.strings("to", follower)
		d.object("object", func() {
			d.str("id", followID)
			d.raw("type", `"Follow"`)
			d.str("actor", follower)
			d.str("object", s.accounts[Instance].uri)
		})
	})
}

// instanceSays makes an activity of the instance actor.
func (s *site) instanceSays(kind, id, about string, rest func(*document)) Activity {
	a := Activity{ID: id, Type: kind, Actor: Instance, Object: about}
	a.Body = s.activity(a, s.accounts[Instance], rest)
	a.Means = model.Event{Kind: model.Noise, Giver: s.host(), Actor: s.accounts[Instance].uri, Object: about, Body: a.Body}
	return a
}

// like is noise: a relay has nothing to do for it.
func (s *site) like(name, object string) (Activity, error) {
	a, err := s.account(name)
	if err != nil {
		return Activity{}, err
	}
	told := Activity{ID: fmt.Sprintf("%s#likes/%d", a.uri, s.number()), Type: "Like", Actor: name, Object: object}
	told.Body = s.activity(told, a, func(d *document) { d.str("object", object) })
	told.Means = model.Event{Kind: model.Noise, Giver: s.host(), Actor: a.uri, Object: object, Body: told.Body}
	return told, nil
}

// ofAnother claims that an account elsewhere did what an activity says: a forgery.
func ofAnother(a Activity, from, to string) Activity {
	a.Body = []byte(strings.ReplaceAll(string(a.Body), from, to))
	return a
}

// clock is the time that servers with a network have.
func clock() time.Time { return time.Now().UTC() }
