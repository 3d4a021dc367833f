package model

import (
	"fmt"
	"math"
	"net/url"
	"slices"
)

// Model is what is true of a relay. The zero value is not usable; see New. It is not safe
// for concurrent use.
type Model struct {
	subscribers map[string][]membership // by host, oldest first
	objects     map[string]*object
	authors     map[string]*author
	owed        []*owed // what lanes carry, oldest first
	told        int     // events so far
	history     []line
}

// line is an event as Story tells it.
type line struct {
	about [2]string // object and actor
	text  string
}

// New returns the model of a relay to which nobody has subscribed.
func New() *Model {
	return &Model{subscribers: map[string][]membership{}, objects: map[string]*object{}, authors: map[string]*author{}}
}

// membership is a time, in events, in which a host was subscribed.
type membership struct{ from, to int }

// forever is the end of a membership that lasts.
const forever = math.MaxInt

// Subscribe makes a host a member: it may give posts, and gets what comes from now on.
func (m *Model) Subscribe(host string) {
	m.subscribers[host] = append(m.subscribers[host], membership{from: m.told, to: forever})
}

// Unsubscribe ends that, for both.
func (m *Model) Unsubscribe(host string) {
	if all := m.subscribers[host]; len(all) > 0 {
		all[len(all)-1].to = m.told
	}
}

// member reports whether a host was subscribed when an event was told.
func (m *Model) member(host string, at int) bool {
	return slices.ContainsFunc(m.subscribers[host], func(s membership) bool { return s.from < at && at <= s.to })
}

// object is a post that was taken, in all its versions.
type object struct {
	uri      string
	author   string
	versions []version // oldest first; the last one counts
	tier     Tier      // now; Nowhere when it was withdrawn
	deleted  bool
	brought  bool // it was fetched, and nobody knows when
	givers   []string
}

// version is what a post was for a while.
type version struct {
	Post
	tier Tier
}

func (o *object) last() version { return o.versions[len(o.versions)-1] }

// author is what is known of an actor.
type author struct {
	tier    Tier // that it agrees to
	gone    bool
	profile string // last one told
	left    int    // when, in events
}

func (m *Model) author(uri string) *author {
	if m.authors[uri] == nil {
		m.authors[uri] = &author{tier: Search}
	}
	return m.authors[uri]
}

// Answered tells of an activity and the HTTP status that it got. It returns what is wrong
// with that answer, "" when nothing is. What was not answered, or with 5xx, is to be told
// when it was sent again: it may or may not have been taken.
func (m *Model) Answered(e Event, status int) string {
	m.told++
	taken := status >= 200 && status < 300
	m.history = append(m.history, line{[2]string{e.Object, e.Actor}, fmt.Sprintf("%d: %s of %s by %s from %s %+v %+v: %d",
		m.told, e.Kind, e.Object, e.Actor, e.Giver, e.Post, e.Consent, status)})
	want, why := m.verdict(e)
	if !slices.Contains(want, status/100) {
		return fmt.Sprintf("%s %s by %s was answered %d: %s", e.Kind, e.Object, e.Actor, status, why)
	}
	if !taken || e.Invalid {
		return ""
	}
	switch e.Kind {
	case Create, Update:
		m.post(e)
	case Delete:
		if !e.Forged {
			m.delete(e)
		}
	case Bring:
		m.bring(e)
	case Profile:
		m.profile(e)
	case Leave:
		m.leave(e)
	case Boost, Noise:
	}
	return ""
}

// Story is all that was told of an object and of its author, for people who look for
// what went wrong.
func (m *Model) Story(uri string) []string {
	about := []string{uri}
	for _, l := range m.history {
		if l.about[0] == uri {
			about = append(about, l.about[1])
		}
	}
	var story []string
	for _, l := range m.history {
		if slices.Contains(about, l.about[0]) || slices.Contains(about, l.about[1]) && l.about[0] == l.about[1] {
			story = append(story, l.text)
		}
	}
	return story
}

// verdict is which classes of HTTP status an event may get, and why.
func (m *Model) verdict(e Event) (classes []int, why string) {
	const take, refuse = 2, 4
	granted := m.member(e.Giver, m.told)
	switch {
	case e.Invalid:
		return []int{refuse}, "its signature proves nothing"
	case e.Forged, // a Delete too: what is deleted already may be deleted by anybody
		e.Kind == Noise, e.Kind == Boost:
		return []int{take, refuse}, "it is nothing for a relay"
	case e.Kind == Delete, e.Kind == Leave:
		return []int{take}, "a Delete is taken from its owner"
	case !granted:
		return []int{refuse}, "its server did not subscribe"
	case (e.Kind == Create || e.Kind == Update) && m.nothingNew(e):
		return []int{take, refuse}, "it is not public, or over"
	case (e.Kind == Create || e.Kind == Update) && tierOf(e.Post, e.Consent) == Nowhere && m.objects[e.Object] == nil:
		return []int{refuse}, "it is not public"
	}
	return []int{take}, "there is nothing wrong with it"
}

// tierOf is how far a post may travel.
func tierOf(p Post, c Consent) Tier {
	switch {
	case p.Audience == Followers, p.Audience == Direct:
		return Nowhere
	case p.Audience == Unlisted, p.Declines:
		return Relay
	}
	return c.Tier()
}

// hostOf is the host and port of a URI.
func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return u.Host
}
