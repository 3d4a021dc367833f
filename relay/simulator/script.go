package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"tributary/relay/simulator/model"
)

// Step is one request, or several of the same activity, that a server makes.
type Step struct {
	Server   int // which, by its number in the script
	Activity Activity
	Copies   int   // further requests with the same bytes, each signed anew
	Replays  int   // the very same request again
	Spoil    Spoil // what is wrong with the request

	before func(*site) // what changes at the server when it is sent; may be nil
}

// Spoil is what is wrong with a request.
type Spoil string

// What can be wrong. Of the activity itself model.Event.Forged tells.
const (
	Sound     Spoil = ""
	Stale     Spoil = "stale"    // the date is two days old
	BadDigest Spoil = "digest"   // the digest is of something else
	Tampered  Spoil = "tampered" // the body was changed on the way
	Unsigned  Spoil = "unsigned" // there is no signature
	Stranger  Spoil = "stranger" // the signature is by another key than it says
)

var spoils = []Spoil{Stale, BadDigest, Tampered, Unsigned, Stranger}

// Habits are how often things happen, in proportion to each other.
type Habits struct {
	Post     int
	Edit     int
	Delete   int
	Boost    int // a person's Announce
	Bring    int // a server's Announce of what another wrote and did not send
	Change   int // of what an account agrees to
	Leave    int // an account ends
	Like     int
	Disorder int // an Update or a Delete before its Create
	Repeat   int // the same once more, and its replay
}

// DefaultHabits are about those of people.
func DefaultHabits() Habits {
	return Habits{Post: 700, Edit: 80, Delete: 60, Boost: 40, Bring: 40, Change: 20, Leave: 3, Like: 20, Disorder: 18, Repeat: 19}
}

// script decides what happens next in a number of servers: a function of its seed and of
// nothing else. It is not safe for concurrent use.
type script struct {
	rng    *rand.Rand
	habits Habits
	cast   []*cast
	recent []mention // newest public posts of everybody, for replies and boosts
	with   func(i int, do func(*site))

	silentAt int // servers from this number on send nothing
}

// cast is what the script knows of a server.
type cast struct {
	names  []string // of who is still there
	nature Nature
	silent bool   // it sends nothing itself: others bring its posts
	posts  []told // newest that may still be edited
}

type told struct{ uri, author string }

type mention struct {
	uri, author string
	server      int
	settled     bool // never edited or deleted
}

// steady is how many of a server's accounts neither leave nor change their minds: what
// others bring of a server is theirs, so that it does not matter when it is fetched.
const steady = 2

// bounds of what the script remembers.
const (
	recentMost = 256
	postsMost  = 32
)

// next is what happens next: at least one step, in this order.
func (s *script) next() []Step {
	for {
		i := s.rng.IntN(len(s.cast))
		if s.cast[i].silent {
			continue
		}
		var steps []Step
		s.with(i, func(at *site) { steps = s.turn(i, at) })
		if len(steps) > 0 {
			return steps
		}
	}
}

// turn is a server's turn.
func (s *script) turn(i int, at *site) []Step {
	c := s.cast[i]
	if at.software.name == "activityrelay" {
		return s.bring(i, at)
	}
	if c.nature == Lying && s.rng.IntN(3) > 0 {
		return s.lie(i, at)
	}
	steps := s.habit()(i, at)
	if c.nature == Flooding {
		for n := range steps {
			steps[n].Copies += 3
			steps[n].Replays += 2
		}
	}
	return steps
}

// habit is what the server does with its turn.
func (s *script) habit() func(int, *site) []Step {
	h := s.habits
	does := []struct {
		weight int
		do     func(int, *site) []Step
	}{
		{h.Post, s.post},
		{h.Edit, s.revise},
		{h.Delete, s.withdraw},
		{h.Boost, s.boost},
		{h.Bring, s.bring},
		{h.Change, s.reconsider},
		{h.Leave, s.depart},
		{h.Like, s.like},
		{h.Disorder, s.outOfOrder},
		{h.Repeat, s.repeat},
	}
	all := 0
	for _, d := range does {
		all += d.weight
	}
	n := s.rng.IntN(all)
	for _, d := range does {
		if n -= d.weight; n < 0 {
			return d.do
		}
	}
	return s.post
}

// repeat is a post that comes more than once.
func (s *script) repeat(i int, at *site) []Step {
	steps := s.post(i, at)
	for n := range steps {
		steps[n].Copies, steps[n].Replays = s.rng.IntN(3), 1+s.rng.IntN(2)
	}
	return steps
}

func (s *script) step(i int, a Activity, err error) []Step {
	if err != nil {
		return nil // of somebody who has left
	}
	return []Step{{Server: i, Activity: a}}
}

func (s *script) post(i int, at *site) []Step {
	p := s.compose(i, at)
	a, err := at.create(p)
	if err == nil {
		s.wrote(i, a, p, false)
	}
	return s.step(i, a, err)
}

// wrote remembers a post.
func (s *script) wrote(i int, a Activity, p Post, settled bool) {
	c := s.cast[i]
	if !settled {
		c.posts = append(c.posts, told{uri: a.Object, author: p.Author})
		if len(c.posts) > 2*postsMost {
			c.posts = append(c.posts[:0], c.posts[postsMost:]...)
		}
	}
	if p.Audience == model.Public {
		s.recent = append(s.recent, mention{uri: a.Object, author: a.Means.Actor, server: i, settled: settled})
		if len(s.recent) > 2*recentMost {
			s.recent = append(s.recent[:0], s.recent[recentMost:]...)
		}
	}
}

// compose decides what a post is like.
func (s *script) compose(i int, at *site) Post {
	return s.composeBy(i, at, s.cast[i].names[s.rng.IntN(len(s.cast[i].names))])
}

func (s *script) composeBy(i int, at *site, name string) Post {
	w := writings[s.rng.IntN(len(writings))]
	if own := at.accounts[name].Language; own != "" {
		w = writingOf(own)
	}
	p := Post{Author: name, Language: w.tag, Unsigned: s.chance(10), Declines: s.chance(2)}
	if w == emoji {
		p.Language = "en"
	}
	switch n := s.rng.IntN(100); {
	case n < 12:
		p.Audience = model.Unlisted
	case n < 15:
		p.Audience = model.Followers
	case n < 17:
		p.Audience = model.Direct
	}
	if s.chance(35) {
		p.Tags = append(p.Tags, w.tags[s.rng.IntN(len(w.tags))])
	}
	if s.chance(10) {
		p.Tags = append(p.Tags, "fediverse")
	}
	if s.chance(25) && w != emoji { // which nobody searches for
		p.Rare = w.rare[s.rng.IntN(len(w.rare))]
	}
	s.adorn(&p, w)
	if at.software.followersOnly() && p.Audience != model.Public {
		p.Audience = model.Public
	}
	return p
}

// followersOnly reports that the software has public posts alone.
func (w *software) followersOnly() bool { return w.name == "lemmy" }

// adorn adds what is more than text.
func (s *script) adorn(p *Post, w *writing) {
	if len(s.recent) > 0 && s.chance(25) {
		to := s.recent[s.rng.IntN(len(s.recent))]
		p.InReplyTo, p.Mentions = to.uri, []string{to.author}
	}
	if s.chance(15) {
		p.Links = []string{"https://www.example/" + w.tag}
	}
	if s.chance(20) {
		p.Images = 1 + s.rng.IntN(3)
	}
	if s.chance(8) {
		p.Warning = w.words[s.rng.IntN(len(w.words))]
	}
	if s.chance(4) {
		p.Options = []string{w.words[0], w.words[1], w.words[2]}
	}
	if s.chance(5) {
		p.Age = time.Duration(1+s.rng.IntN(60*24)) * time.Hour
	}
}

func (s *script) chance(percent int) bool { return s.rng.IntN(100) < percent }

// revise edits a post.
func (s *script) revise(i int, at *site) []Step {
	c := s.cast[i]
	if len(c.posts) == 0 || !at.software.edits {
		return nil
	}
	p := c.posts[s.rng.IntN(len(c.posts))]
	if s.chance(6) { // it becomes narrower, or wider again
		if stored := at.posts[p.uri]; stored != nil && !at.software.followersOnly() {
			stored.Audience = []model.Audience{model.Unlisted, model.Followers, model.Public}[s.rng.IntN(3)]
		}
	}
	a, err := at.edit(p.uri, "")
	return s.step(i, a, err)
}

// withdraw deletes a post.
func (s *script) withdraw(i int, at *site) []Step {
	c := s.cast[i]
	if len(c.posts) == 0 {
		return nil
	}
	n := s.rng.IntN(len(c.posts))
	p := c.posts[n]
	c.posts = append(c.posts[:n], c.posts[n+1:]...)
	a, err := at.erase(p.uri)
	return s.step(i, a, err)
}

// boost is a person's Announce, of which a relay makes nothing.
func (s *script) boost(i int, at *site) []Step {
	if len(s.recent) == 0 {
		return nil
	}
	a, err := at.announce(s.person(i, at), s.recent[s.rng.IntN(len(s.recent))].uri)
	return s.step(i, a, err)
}

// person is somebody on a server who is no group and no bot.
func (s *script) person(i int, at *site) string {
	for _, name := range s.cast[i].names {
		if at.accounts[name].Type == "Person" {
			return name
		}
	}
	return s.cast[i].names[0]
}

// bring is a server's Announce of a post that its origin never sent: another's, or, where
// nobody can be found, one that everybody knows.
func (s *script) bring(i int, at *site) []Step {
	other := s.rng.IntN(len(s.cast))
	if other == i || s.cast[other].nature == Dead || s.chance(20) {
		return s.bringKnown(i, at)
	}
	var object Activity
	var p Post
	var err error
	s.with(other, func(there *site) {
		p = s.composeBy(other, there, s.cast[other].names[s.rng.IntN(steady)])
		object, err = there.create(p)
	})
	if err != nil {
		return nil
	}
	s.wrote(other, object, p, true)
	a, err := at.announce(Instance, object.Object)
	a.Means.Post, a.Means.Consent = object.Means.Post, object.Means.Consent
	return s.step(i, a, err)
}

// bringKnown is an Announce of what was brought before, or sent.
func (s *script) bringKnown(i int, at *site) []Step {
	for range 8 {
		if len(s.recent) == 0 {
			return nil
		}
		known := s.recent[s.rng.IntN(len(s.recent))]
		if !known.settled || known.server == i {
			continue
		}
		var means model.Event
		s.with(known.server, func(there *site) {
			if p := there.posts[known.uri]; p != nil {
				means.Post, means.Consent = p.meaning(), there.accounts[p.Author].consent()
			}
		})
		a, err := at.announce(Instance, known.uri)
		a.Means.Post, a.Means.Consent = means.Post, means.Consent
		return s.step(i, a, err)
	}
	return nil
}

// reconsider changes what an account agrees to, and says so.
func (s *script) reconsider(i int, at *site) []Step {
	if len(s.cast[i].names) <= steady {
		return nil
	}
	name := s.cast[i].names[steady+s.rng.IntN(len(s.cast[i].names)-steady)]
	changed := at.accounts[name].Account
	switch s.rng.IntN(4) {
	case 0:
		changed.Discoverable = !changed.Discoverable
	case 1:
		changed.Indexable = !changed.Indexable
	case 2:
		changed.Locked = !changed.Locked
	default:
		if changed.Decline == "" {
			ways := Declines()
			changed.Decline = ways[s.rng.IntN(len(ways))]
		} else {
			changed.Decline = ""
		}
	}
	changed.Display = at.mark(at.number())
	made := at.rewrite(changed)
	a, err := at.profile(name)
	return s.told(i, a, err, func(at *site) { at.publish(made) })
}

// told is a step before which the server's documents change.
func (s *script) told(i int, a Activity, err error, before func(*site)) []Step {
	steps := s.step(i, a, err)
	for n := range steps {
		steps[n].before = before
	}
	return steps
}

// depart is the end of an account. Somebody else moves in.
func (s *script) depart(i int, at *site) []Step {
	c := s.cast[i]
	if len(c.names) <= steady {
		return nil
	}
	n := steady + s.rng.IntN(len(c.names)-steady)
	name := c.names[n]
	c.posts = slices.DeleteFunc(c.posts, func(p told) bool { return p.author == name })
	newcomer := at.accounts[name].Account
	newcomer.Name, newcomer.Display = fmt.Sprintf("user%d", len(at.accounts)), ""
	at.move(newcomer)
	c.names[n] = newcomer.Name
	a, err := at.leave(name)
	left := *at.accounts[name]
	left.gone = true
	return s.told(i, a, err, func(at *site) { at.publish(&left) })
}

func (s *script) like(i int, at *site) []Step {
	if len(s.recent) == 0 {
		return nil
	}
	a, err := at.like(s.cast[i].names[0], s.recent[s.rng.IntN(len(s.recent))].uri)
	return s.step(i, a, err)
}

// outOfOrder lets an Update or a Delete overtake its Create.
func (s *script) outOfOrder(i int, at *site) []Step {
	p := s.compose(i, at)
	written, err := at.create(p)
	if err != nil {
		return nil
	}
	var after Activity
	if at.software.edits && s.chance(50) {
		after, err = at.edit(written.Object, "")
	} else {
		after, err = at.erase(written.Object)
	}
	return append(s.step(i, after, err), s.step(i, written, nil)...)
}
