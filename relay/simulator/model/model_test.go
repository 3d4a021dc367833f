package model

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The people and servers of these tests.
const (
	alice = "http://a.example/users/alice"
	post1 = "http://a.example/posts/1"
)

var everything = Consent{Discoverable: true, Indexable: true}

// relay is a model with three members.
func relay() *Model {
	m := New()
	for _, host := range []string{"a.example", "b.example", "c.example"} {
		m.Subscribe(host)
	}
	return m
}

// version n of alice's post.
func at(n int) Post {
	return Post{
		URI: post1, Author: alice, Version: time.Unix(int64(1000+n), 0), Mark: fmt.Sprint("v", n), Rare: "numbat", Tags: []string{"cats"},
	}
}

func does(kind Kind, p Post, c Consent) Event {
	e := Event{Kind: kind, Giver: "a.example", Actor: alice, Object: post1, Post: p, Consent: c, LDSigned: true}
	if kind == Profile || kind == Leave {
		e.Object = alice
	}
	e.Body = fmt.Appendf(nil, "%s %s %v", kind, p.Mark, c)
	return e
}

// took tells the model of events that were answered 202.
func took(t *testing.T, m *Model, events ...Event) {
	t.Helper()
	for _, e := range events {
		if wrong := m.Answered(e, 202); wrong != "" {
			t.Error(wrong)
		}
	}
}

func raw(e Event) Delivered { return Delivered{Type: string(e.Kind), Object: e.Object, Body: e.Body} }

// inbox checks how many things b lacks, and how many it should not have got.
func inbox(t *testing.T, m *Model, host string, missing, wrong int, got ...Delivered) {
	t.Helper()
	lacks, bad := m.Inbox(host, got)
	if len(lacks) != missing || len(bad) != wrong {
		t.Errorf("%s lacks %q, wrong %q; want %d and %d", host, lacks, bad, missing, wrong)
	}
}

func shown(m *Model) string {
	var marks []string
	for _, s := range m.Timeline("") {
		marks = append(marks, s.Mark)
	}
	return strings.Join(marks, " ")
}

func TestPostsLife(t *testing.T) {
	m := relay()
	created, edited, deleted := does(Create, at(1), everything), does(Update, at(2), everything), does(Delete, at(2), everything)
	took(t, m, created, created, edited)
	if shown(m) != "v2" || len(m.Found("numbat")) != 1 || len(m.Timeline("Cats")) != 1 {
		t.Errorf("shown: %q, found %v", shown(m), m.Found("numbat"))
	}
	inbox(t, m, "a.example", 0, 0)
	inbox(t, m, "a.example", 0, 1, raw(created))
	inbox(t, m, "b.example", 2, 0)
	inbox(t, m, "b.example", 0, 0, raw(created), raw(edited))
	inbox(t, m, "b.example", 0, 1, raw(edited), raw(created))
	inbox(t, m, "b.example", 0, 1, raw(created), raw(created), raw(edited))
	inbox(t, m, "b.example", 0, 0, Delivered{Type: "Announce", Object: post1}, raw(edited))
	took(t, m, deleted, created)
	if shown(m) != "" {
		t.Errorf("shown after the Delete: %q", shown(m))
	}
	inbox(t, m, "b.example", 0, 0, raw(deleted))
	inbox(t, m, "b.example", 1, 0, raw(created), raw(edited))
	inbox(t, m, "b.example", 0, 1, raw(deleted), raw(created))
}

func TestOutOfOrder(t *testing.T) {
	m := relay()
	took(t, m, does(Update, at(2), everything), does(Create, at(1), everything))
	if shown(m) != "v2" {
		t.Errorf("the Create overtook: %q", shown(m))
	}
	m = relay()
	took(t, m, does(Delete, at(1), everything))
	took(t, m, does(Create, at(1), everything))
	if shown(m) != "" {
		t.Errorf("created after its Delete: %q", shown(m))
	}
	inbox(t, m, "b.example", 1, 1, raw(does(Create, at(1), everything)))
}

func TestTiers(t *testing.T) {
	for name, c := range map[string]struct {
		post        func(*Post)
		consent     Consent
		live, found int
		passed      int // to b
	}{
		"all":          {func(*Post) {}, everything, 1, 1, 1},
		"live":         {func(*Post) {}, Consent{Discoverable: true}, 1, 0, 1},
		"indexable":    {func(*Post) {}, Consent{Indexable: true}, 0, 0, 1},
		"locked":       {func(*Post) {}, Consent{Discoverable: true, Indexable: true, Locked: true}, 0, 0, 1},
		"declines":     {func(*Post) {}, Consent{Discoverable: true, Indexable: true, Declines: true}, 0, 0, 1},
		"unlisted":     {func(p *Post) { p.Audience = Unlisted }, everything, 0, 0, 1},
		"declines too": {func(p *Post) { p.Declines = true }, everything, 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m, p := relay(), at(1)
			c.post(&p)
			took(t, m, does(Create, p, c.consent))
			if len(m.Timeline("")) != c.live || len(m.Found("numbat")) != c.found {
				t.Errorf("timeline %v, found %v", m.Timeline(""), m.Found("numbat"))
			}
			inbox(t, m, "b.example", c.passed, 0)
		})
	}
	private := at(1)
	private.Audience = Followers
	m := relay()
	if m.Answered(does(Create, private, everything), 202) == "" {
		t.Error("a post to followers may be taken")
	}
	if wrong := m.Answered(does(Create, private, everything), 403); wrong != "" {
		t.Error(wrong)
	}
}

func TestOptOut(t *testing.T) {
	m := relay()
	took(t, m, does(Create, at(1), everything), does(Profile, Post{}, Consent{}))
	if shown(m) != "" {
		t.Error("shown after the opt-out")
	}
	took(t, m, does(Profile, Post{}, everything))
	if shown(m) != "" {
		t.Error("who agrees again does not bring back what was withdrawn")
	}
	took(t, m, does(Update, at(2), everything))
	if shown(m) != "v2" {
		t.Errorf("an edit after that is not shown: %q", shown(m))
	}
	took(t, m, does(Leave, Post{}, Consent{}))
	if shown(m) != "" {
		t.Error("shown after its author left")
	}
}

func TestStream(t *testing.T) {
	m := relay()
	took(t, m, does(Create, at(1), everything), does(Update, at(2), everything))
	create, update := Frame{Kind: "create", URI: post1, Actor: alice, Mark: "v1"}, Frame{Kind: "update", URI: post1, Actor: alice, Mark: "v2"}
	remove := Frame{Kind: "delete", Scope: "object", URI: post1, Actor: alice}
	for _, c := range []struct {
		frames         []Frame
		missing, wrong int
	}{
		{nil, 1, 0},
		{[]Frame{create}, 1, 0},
		{[]Frame{create, update}, 0, 0},
		{[]Frame{update}, 0, 1},
		{[]Frame{create, create, update}, 0, 1},
		{[]Frame{create, update, remove}, 1, 0},
		{[]Frame{create, update, {Kind: "create", URI: "http://a.example/posts/2"}}, 0, 1},
	} {
		missing, wrong := m.Stream(c.frames, false)
		if len(missing) != c.missing || len(wrong) != c.wrong {
			t.Errorf("%v: missing %q, wrong %q; want %d and %d", c.frames, missing, wrong, c.missing, c.wrong)
		}
	}
	took(t, m, does(Leave, Post{}, Consent{}))
	if missing, _ := m.Stream([]Frame{create, update}, false); len(missing) != 1 {
		t.Errorf("its author left, and nobody misses that: %q", missing)
	}
	if _, wrong := m.Stream([]Frame{create, update, {Kind: "delete", Scope: "actor", URI: alice, Actor: alice}}, true); len(wrong) == 0 {
		t.Error("a replay may show what is deleted")
	}
}

func TestBring(t *testing.T) {
	m := relay()
	brought := does(Bring, at(1), everything)
	brought.Giver, brought.Actor = "b.example", "http://b.example/actor"
	took(t, m, brought)
	announce := Delivered{Type: "Announce", Object: post1}
	inbox(t, m, "c.example", 0, 0, announce)
	inbox(t, m, "b.example", 0, 1, announce)
	inbox(t, m, "a.example", 0, 1, announce)
	again := brought
	again.Giver = "c.example"
	took(t, m, again) // which of them was first nobody can tell
	inbox(t, m, "b.example", 0, 0, announce)
	inbox(t, m, "c.example", 0, 0)
}

func TestMembers(t *testing.T) {
	m := relay()
	created, edited := does(Create, at(1), everything), does(Update, at(2), everything)
	took(t, m, created)
	m.Unsubscribe("b.example")
	m.Subscribe("late.example")
	took(t, m, edited)
	inbox(t, m, "b.example", 0, 0, raw(created))
	inbox(t, m, "b.example", 0, 1, raw(created), raw(edited))
	inbox(t, m, "late.example", 1, 0)
	inbox(t, m, "late.example", 0, 1, raw(created), raw(edited))
	m.Unsubscribe("a.example")
	if m.Answered(does(Update, at(3), everything), 202) == "" {
		t.Error("who left may still give posts")
	}
	took(t, m, does(Delete, at(2), everything))
}

func TestAnswers(t *testing.T) {
	stranger, invalid, forged := does(Create, at(1), everything), does(Create, at(1), everything), does(Create, at(1), everything)
	stranger.Giver, invalid.Invalid, forged.Forged = "z.example", true, true
	for _, c := range []struct {
		e     Event
		right []int
	}{
		{stranger, []int{403}},
		{invalid, []int{401}},
		{forged, []int{202, 403}},
		{does(Create, at(1), everything), []int{202}},
	} {
		for _, status := range []int{202, 401, 403} {
			class := slices.ContainsFunc(c.right, func(right int) bool { return right/100 == status/100 })
			if wrong := relay().Answered(c.e, status); (wrong == "") != class {
				t.Errorf("%+v answered %d: %q", c.e, status, wrong)
			}
		}
	}
}
