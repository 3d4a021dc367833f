package simulator

import (
	"testing"

	"tributary/ingest/ap"
)

// What servers write is what the product's parser takes it for.
func TestDocumentsAreWhatTheyMean(t *testing.T) {
	s := newServerOf(t, newWorld(t, 1))
	created, err := s.Create(Post{Author: "alice", Tags: []string{"Cats"}, Language: "de"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := ap.ParseActivity(created.Body)
	if err != nil {
		t.Fatal(err)
	}
	if a.Type != "Create" || a.ID != created.ID || a.Actor != s.Actor("alice") || !a.LDSigned || a.Object == nil || a.Object.Post == nil {
		t.Fatalf("create is %+v", a)
	}
	if p := a.Object.Post; p.URI != created.Object || p.Visibility != ap.Public || p.Language != "de" ||
		len(p.Tags) != 1 || p.Tags[0] != "cats" || p.Published.IsZero() || p.Text == "" {
		t.Errorf("post is %+v", p)
	}

	quiet, err := s.Create(Post{Author: "alice", Unlisted: true, Unsigned: true})
	if err != nil {
		t.Fatal(err)
	}
	if a, err = ap.ParseActivity(quiet.Body); err != nil || a.LDSigned || a.Object.Post.Visibility != ap.Unlisted {
		t.Errorf("unlisted, unsigned post is %+v, %v", a, err)
	}

	deleted, err := s.Erase(created.Object)
	if err != nil {
		t.Fatal(err)
	}
	if a, err = ap.ParseActivity(deleted.Body); err != nil || a.Type != "Delete" || a.ObjectID != created.Object {
		t.Errorf("delete is %+v, %v", a, err)
	}

	follow := s.subscribe("http://relay.example/inbox", public)
	if a, err = ap.ParseActivity(follow.Body); err != nil || a.Type != "Follow" || a.ObjectID != public {
		t.Errorf("follow is %+v, %v", a, err)
	}

	actor, err := ap.ParseActor(s.site.accounts["bob"].document(Honest))
	if err != nil {
		t.Fatal(err)
	}
	if actor.URI != s.Actor("bob") || actor.SharedInbox != s.Inbox() || actor.Discoverable || !actor.Indexable || len(actor.Keys) != 1 {
		t.Errorf("actor is %+v", actor)
	}
}
