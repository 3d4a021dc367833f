package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/ingesttest"
)

// person is an actor of a test server with the consent given.
func person(host, name string, discoverable, indexable bool) *ap.Actor {
	uri := "https://" + host + "/users/" + name
	return &ap.Actor{
		Author: ap.Author{URI: uri, Type: "Person", Username: name, Discoverable: discoverable, Indexable: indexable},
		Inbox:  uri + "/inbox", Fetched: time.Now(),
	}
}

type doc = map[string]any

func note(author *ap.Actor, n int, more doc) doc {
	d := doc{
		"id": fmt.Sprintf("%s/notes/%d", author.URI, n), "type": "Note", "attributedTo": author.URI,
		"to": ap.PublicURI, "content": fmt.Sprintf("<p>note %d</p>", n), "published": "2026-03-01T12:00:00Z",
	}
	for k, v := range more {
		d[k] = v
	}
	return d
}

func activity(kind string, actor *ap.Actor, object any) doc {
	return doc{
		"@context": "https://www.w3.org/ns/activitystreams", "id": actor.URI + "/activities/1", "type": kind,
		"actor": actor.URI, "object": object, "to": ap.PublicURI,
	}
}

// arrive admits a document that signer's server delivered.
func arrive(t testing.TB, env *ingesttest.Env, signer *ap.Actor, grant ingest.Grant, d doc) (ingest.Outcome, error) {
	t.Helper()
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	act, err := ap.ParseActivity(raw)
	if err != nil {
		t.Fatal(err)
	}
	host, err := ap.Host(signer.URI)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return env.Admission.Admit(ctx, ingest.Arrival{Raw: raw, Activity: act, Signer: signer, Giver: host, Grant: grant})
}

func mustArrive(t testing.TB, env *ingesttest.Env, signer *ap.Actor, want ingest.Outcome, d doc) {
	t.Helper()
	got, err := arrive(t, env, signer, ingest.GrantSubscriber, d)
	if err != nil || got != want {
		t.Fatalf("%s %v: %q, %v; want %q", d["type"], d["object"], got, err, want)
	}
	if got == ingest.OutcomeAccepted {
		env.CatchUp()
	}
}

func TestAdmissionOfAPostsLife(t *testing.T) {
	env := ingesttest.New(t)
	alice := person("a.example", "alice", true, true)
	first := note(alice, 1, nil)
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Create", alice, first))
	mustArrive(t, env, alice, ingest.OutcomeRepeat, activity("Create", alice, first))
	edited := note(alice, 1, doc{"content": "<p>edited</p>", "updated": "2026-03-01T13:00:00Z"})
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Update", alice, edited))
	mustArrive(t, env, alice, ingest.OutcomeRepeat, activity("Update", alice, edited))
	mustArrive(t, env, alice, ingest.OutcomeRepeat, activity("Create", alice, first))
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Delete", alice, first["id"]))
	mustArrive(t, env, alice, ingest.OutcomeRepeat, activity("Delete", alice, first["id"]))
	mustArrive(t, env, alice, ingest.OutcomeRepeat, activity("Create", alice, first))

	all, _ := readAll(t, env.Tail, ingest.ViewLane, 0)
	if len(all) != 1 || all[0].Kind != ingest.KindDelete {
		t.Fatalf("left of it: %+v", all)
	}
}

func TestAdmissionRefuses(t *testing.T) {
	env := ingesttest.New(t)
	alice, mallory := person("a.example", "alice", true, true), person("a.example", "mallory", true, true)
	eve := person("e.example", "eve", true, true)
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Create", alice, note(alice, 1, nil)))
	mine := note(alice, 1, nil)["id"]
	for _, c := range []struct {
		name   string
		signer *ap.Actor
		grant  ingest.Grant
		doc    doc
		status int
		reason string
	}{
		{"no grant", alice, ingest.GrantNone, activity("Create", alice, note(alice, 2, nil)), 403, "no_grant"},
		{"not public", alice, ingest.GrantSubscriber, activity("Create", alice, note(alice, 3, doc{"to": alice.URI + "/followers"})), 403, "not_public"},
		{"another's object", mallory, ingest.GrantSubscriber, activity("Delete", mallory, mine), 403, "not_owner"},
		{"object of another origin", eve, ingest.GrantSubscriber, activity("Delete", eve, "https://a.example/users/alice/notes/9"), 403, "not_owner"},
		{"forged actor without a grant", eve, ingest.GrantNone, activity("Delete", alice, mine), 403, "forged_actor"},
		{"forged Announce", eve, ingest.GrantSubscriber, activity("Announce", alice, mine), 403, "forged_actor"},
		{"no object", alice, ingest.GrantSubscriber, activity("Delete", alice, nil), 422, "no_object"},
		{
			"update of another's post", mallory, ingest.GrantSubscriber,
			activity("Update", mallory, note(mallory, 1, doc{"id": mine, "updated": "2026-03-02T00:00:00Z"})), 403, "not_owner",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			outcome, err := arrive(t, env, c.signer, c.grant, c.doc)
			var refusal *ingest.Refusal
			if !errors.As(err, &refusal) || refusal.Status != c.status || refusal.Reason != c.reason {
				t.Errorf("got %q, %v; want %d %s", outcome, err, c.status, c.reason)
			}
		})
	}
}

func TestTiers(t *testing.T) {
	for _, c := range []struct {
		name  string
		actor *ap.Actor
		more  doc
		want  ingest.Tier
	}{
		{"discoverable and indexable", person("a.example", "a", true, true), nil, ingest.TierSearch},
		{"discoverable", person("a.example", "b", true, false), nil, ingest.TierLive},
		{"neither", person("a.example", "c", false, false), nil, ingest.TierStats},
		{"indexable alone", person("a.example", "d", false, true), nil, ingest.TierStats},
		{"unlisted", person("a.example", "e", true, true), doc{"to": "https://a.example/followers", "cc": ap.PublicURI}, ingest.TierRelay},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := ingesttest.New(t)
			mustArrive(t, env, c.actor, ingest.OutcomeAccepted, activity("Create", c.actor, note(c.actor, 1, c.more)))
			lane, _ := readAll(t, env.Tail, ingest.ViewLane, 0)
			if len(lane) != 1 || lane[0].Tier != c.want {
				t.Errorf("lane shows %+v, want tier %d", lane, c.want)
			}
			stream, _ := readAll(t, env.Tail, ingest.ViewStream, 0)
			if (len(stream) == 1) != (c.want >= ingest.TierLive) {
				t.Errorf("stream shows %+v at tier %d", stream, c.want)
			}
		})
	}
}

// TestTwoNodesAdmitAtOnce: two nodes over one log, one of them with an old
// snapshot of the author, admit the same post. Every reader sees it once, and
// the same.
func TestTwoNodesAdmitAtOnce(t *testing.T) {
	b := ingesttest.NewBroker(t, "")
	one, two := ingesttest.NewOn(t, b, t.TempDir()), ingesttest.NewOn(t, b, t.TempDir())
	fresh, old := person("a.example", "alice", false, false), person("a.example", "alice", true, true)
	for i := range 20 {
		var both sync.WaitGroup
		d := activity("Create", fresh, note(fresh, i, nil))
		both.Go(func() { _, _ = arrive(t, one, fresh, ingest.GrantSubscriber, d) })
		both.Go(func() { _, _ = arrive(t, two, old, ingest.GrantSubscriber, d) })
		both.Wait()
	}
	one.CatchUp()
	two.CatchUp()
	for _, v := range []ingest.View{ingest.ViewLane, ingest.ViewStream} {
		a, _ := readAll(t, one.Tail, v, 0)
		b, _ := readAll(t, two.Tail, v, 0)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("view %d: the nodes show\n%v\n%v", v, a, b)
		}
		checkOnce(t, a)
		if v == ingest.ViewLane && len(a) != 20 {
			t.Errorf("%d posts, want 20", len(a))
		}
	}
}

func TestOptOutHidesWhatWasShown(t *testing.T) {
	env := ingesttest.New(t)
	alice := person("a.example", "alice", true, true)
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Create", alice, note(alice, 1, nil)))
	if shown, _ := readAll(t, env.Tail, ingest.ViewStream, 0); len(shown) != 1 {
		t.Fatalf("shown before: %+v", shown)
	}
	alice.Discoverable, alice.Fetched = false, time.Now().Add(time.Second)
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Create", alice, note(alice, 2, nil)))
	for _, when := range []string{"hot", "cold"} {
		shown, _ := readAll(t, env.Tail, ingest.ViewStream, 0)
		if len(shown) != 1 || shown[0].Kind != ingest.KindWithdraw || shown[0].Object != alice.URI {
			t.Errorf("%s: shown after the opt-out: %+v", when, shown)
		}
		if lane, _ := readAll(t, env.Tail, ingest.ViewLane, 0); len(lane) != 2 {
			t.Errorf("%s: lanes show %+v", when, lane)
		}
		env.Stop()
		env.Start()
	}
}

// An author who opts out, or leaves, right after the first post: the state database has not
// seen that yet. Each of them must be taken off the streams.
func TestOptOutRightAfterThePost(t *testing.T) {
	env := ingesttest.New(t)
	const authors = 20
	for n := range authors {
		alice := person("a.example", fmt.Sprintf("alice%d", n), true, true)
		for _, d := range []doc{
			activity("Create", alice, note(alice, 1, nil)),
			activity("Update", alice, doc{"id": alice.URI, "type": "Person", "discoverable": n%2 == 0, "indexable": true, "inbox": alice.Inbox}),
			activity("Delete", alice, alice.URI),
		} {
			if n%2 == 1 && d["type"] == "Delete" {
				continue // the opt-out alone
			}
			if _, err := arrive(t, env, alice, ingest.GrantSubscriber, d); err != nil {
				t.Fatal(err)
			}
		}
	}
	env.CatchUp()
	for _, when := range []string{"hot", "cold"} {
		shown, _ := readAll(t, env.Tail, ingest.ViewStream, 0)
		if len(shown) != authors {
			t.Errorf("%s: the streams show %d records, want what takes away the posts of %d authors", when, len(shown), authors)
		}
		for _, s := range shown {
			if s.Kind != ingest.KindWithdraw && s.Kind != ingest.KindDelete {
				t.Errorf("%s: shown after its author had gone: %+v", when, s)
			}
		}
		env.Stop()
		env.Start()
	}
}

func TestFetchQueue(t *testing.T) {
	env := ingesttest.New(t)
	relay, alice := person("r.example", "relay", false, false), person("a.example", "alice", true, true)
	relay.Type = "Application"
	publish := func(n int) string {
		d := note(alice, n, doc{"@context": "https://www.w3.org/ns/activitystreams"})
		raw, _ := json.Marshal(d)
		env.Origin.SetObject(d["id"].(string), raw)
		return d["id"].(string)
	}
	env.Origin.SetActor(alice)
	uri := publish(1)
	mustArrive(t, env, relay, ingest.OutcomeQueued, activity("Announce", relay, uri))
	// A forwarded copy proves nothing: what counts is what the origin says.
	forged := activity("Create", alice, note(alice, 2, doc{"content": "<p>forged</p>"}))
	second := publish(2)
	mustArrive(t, env, relay, ingest.OutcomeQueued, forged)
	waitFor(t, env, func(all []seen) bool { return len(all) == 2 })
	mustArrive(t, env, relay, ingest.OutcomeRepeat, activity("Announce", relay, uri))

	// A forwarded Delete is believed when the origin says 410.
	env.Origin.SetGone(second)
	mustArrive(t, env, relay, ingest.OutcomeQueued, activity("Delete", alice, second))
	waitFor(t, env, func(all []seen) bool { return len(all) == 2 && all[1].Kind == ingest.KindDelete })
}

// TestAnnouncedActivities: of an activity that a group announces (FEP-1b12) counts the post, as its
// origin gives it; votes are nothing.
func TestAnnouncedActivities(t *testing.T) {
	env := ingesttest.New(t)
	group, alice := person("g.example", "group", false, false), person("a.example", "alice", true, true)
	group.Type = "Group"
	serve := func(change doc) string {
		d := note(alice, 1, doc{"@context": "https://www.w3.org/ns/activitystreams"})
		maps.Copy(d, change)
		raw, _ := json.Marshal(d)
		env.Origin.SetObject(d["id"].(string), raw)
		return d["id"].(string)
	}
	env.Origin.SetActor(alice)
	uri := serve(nil)
	announced := func(kind string, object any) doc {
		inner := activity(kind, alice, object)
		inner["id"] = alice.URI + "/activities/" + kind
		return activity("Announce", group, inner)
	}
	// after waits for a record of the post that is newer than one.
	after := func(before uint64) (newest seen) {
		waitFor(t, env, func(all []seen) bool {
			for _, r := range all {
				newest = r
			}
			return newest.Seq > before && newest.Object == uri
		})
		return newest
	}
	create := announced("Create", note(alice, 1, doc{"content": "<p>not alice's words</p>"}))
	mustArrive(t, env, group, ingest.OutcomeIgnored, announced("Like", uri))
	mustArrive(t, env, group, ingest.OutcomeQueued, create)
	made := after(0)
	mustArrive(t, env, group, ingest.OutcomeRepeat, create)
	serve(doc{"content": "<p>edited</p>", "updated": time.Now().UTC().Format(time.RFC3339)})
	mustArrive(t, env, group, ingest.OutcomeQueued, announced("Update", note(alice, 1, nil)))
	edited := after(made.Seq)
	env.Origin.SetGone(uri)
	mustArrive(t, env, group, ingest.OutcomeQueued, announced("Delete", uri))
	if gone := after(edited.Seq); made.Kind != ingest.KindCreate || gone.Kind != ingest.KindDelete {
		t.Errorf("made %+v, edited %+v, gone %+v", made, edited, gone)
	}
}

// TestDeleteOvertakesFetch: the object is fetched after its Delete came.
func TestDeleteOvertakesFetch(t *testing.T) {
	env := ingesttest.New(t)
	relay, alice := person("r.example", "relay", false, false), person("a.example", "alice", true, true)
	relay.Type = "Application"
	d := note(alice, 1, nil)
	uri := d["id"].(string)
	mustArrive(t, env, relay, ingest.OutcomeQueued, activity("Announce", relay, uri)) // its origin does not answer yet
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Delete", alice, uri))
	raw, _ := json.Marshal(d)
	env.Origin.SetObject(uri, raw)
	env.Origin.SetActor(alice)
	mustArrive(t, env, relay, ingest.OutcomeRepeat, activity("Announce", relay, uri))
	mustArrive(t, env, alice, ingest.OutcomeRepeat, activity("Create", alice, d))
	all, _ := readAll(t, env.Tail, ingest.ViewLane, 0)
	if len(all) != 1 || all[0].Kind != ingest.KindDelete {
		t.Errorf("lane shows %+v, want the delete alone", all)
	}
}

func waitFor(t *testing.T, env *ingesttest.Env, ok func([]seen) bool) {
	t.Helper()
	var all []seen
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if all, _ = readAll(t, env.Tail, ingest.ViewStream, 0); ok(all) {
			return
		}
	}
	t.Fatalf("stream shows %+v", all)
}

func TestActorDelete(t *testing.T) {
	env := ingesttest.New(t)
	alice := person("a.example", "alice", true, true)
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Create", alice, note(alice, 1, nil)))
	if known, err := env.Admission.KnowsActor(context.Background(), alice.URI); !known || err != nil {
		t.Fatalf("knows alice: %v, %v", known, err)
	}
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Delete", alice, alice.URI))
	mustArrive(t, env, alice, ingest.OutcomeRepeat, activity("Create", alice, note(alice, 2, nil)))
	for _, when := range []string{"hot", "cold"} {
		shown, _ := readAll(t, env.Tail, ingest.ViewStream, 0)
		if len(shown) != 1 || shown[0].Kind != ingest.KindDelete || shown[0].Object != alice.URI {
			t.Errorf("%s: %+v, want the actor's delete alone", when, shown)
		}
		env.Stop()
		env.Start()
	}
	if known, _ := env.Admission.KnowsActor(context.Background(), alice.URI); known {
		t.Error("a deleted actor is still known")
	}
}

// TestStrangersDeleteBindsNobody: somebody of alice's server deletes what we do
// not know as an object (her actor, a post not here yet). Her own word counts.
func TestStrangersDeleteBindsNobody(t *testing.T) {
	env := ingesttest.New(t)
	alice, mallory := person("a.example", "alice", true, true), person("a.example", "mallory", true, true)
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Create", alice, note(alice, 1, nil)))
	_, err := arrive(t, env, mallory, ingest.GrantSubscriber, activity("Delete", mallory, alice.URI))
	var refusal *ingest.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != "not_owner" {
		t.Errorf("a stranger deletes alice: %v", err)
	}
	second := note(alice, 2, nil)
	mustArrive(t, env, mallory, ingest.OutcomeAccepted, activity("Delete", mallory, second["id"]))
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Create", alice, second))
	third := note(alice, 3, nil)
	mustArrive(t, env, mallory, ingest.OutcomeAccepted, activity("Delete", mallory, third["id"]))
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Delete", alice, third["id"]))
	mustArrive(t, env, alice, ingest.OutcomeRepeat, activity("Create", alice, third))
	mustArrive(t, env, alice, ingest.OutcomeAccepted, activity("Delete", alice, alice.URI))
	shown, _ := readAll(t, env.Tail, ingest.ViewStream, 0)
	if len(shown) != 1 || shown[0].Object != alice.URI {
		t.Errorf("shown after alice left: %+v", shown)
	}
}

func TestBlockedServersAreNotFetched(t *testing.T) {
	env := ingesttest.New(t)
	env.Stop()
	env.Blocked = func(uri string) bool { return strings.Contains(uri, "bad.example") }
	env.Start()
	relay := person("r.example", "relay", false, false)
	relay.Type = "Application"
	_, err := arrive(t, env, relay, ingest.GrantSubscriber, activity("Announce", relay, "https://bad.example/notes/1"))
	var refusal *ingest.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != "blocked" {
		t.Errorf("got %v", err)
	}
}
