//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tributary/relay/simulator"
)

// Two Fedify servers subscribe; what one posts arrives at the other, signed, and
// on the firehose: before and after everything was killed.
func TestFedify(t *testing.T) {
	program := newProgram(t, "")
	program.startReady()
	author := startPeer(t,
		peerActor{Name: "alice", Discoverable: true, Indexable: true},
		peerActor{Name: "bob"})
	subscriber := startPeer(t)
	f := &fedify{T: t, program: program, author: author, subscriber: subscriber, stream: read(t, program.firehose())}

	f.refusesWithoutGrant()
	f.subscribe(author)
	f.subscribe(subscriber)
	f.carriesAPost()
	f.carriesAnAnnounce()
	f.keepsConsent()
	f.survives("broker", func() { program.killBroker() })
	f.survives("serve", func() { program.kill(); program.startReady() })
	f.survives("both", func() { program.killBroker(); program.kill(); program.startReady() })
	f.survives("the author's server", func() { author.kill(); author.start() })
	f.leaves()

	if _, err := f.stream.all(); err != nil {
		t.Errorf("the firehose: %v", err)
	}
	if err := program.stop(); err != nil {
		t.Error(err)
	}
}

type fedify struct {
	*testing.T
	program            *program
	author, subscriber *peer
	stream             *reader
}

func (f *fedify) step(name string) { f.Helper(); f.Logf("step: %s", name) }

// A server that never subscribed has no grant.
func (f *fedify) refusesWithoutGrant() {
	f.step("no grant")
	answer := f.author.order("/post", map[string]any{"actor": "alice", "content": "<p>too early</p>", "inbox": f.program.inbox()})
	if answer.Status != http.StatusForbidden {
		f.Errorf("a post without a grant was answered %d %q, want 403", answer.Status, answer.Body)
	}
}

// Follow → Accept, which embeds the Follow and is signed by the relay's actor.
func (f *fedify) subscribe(p *peer) {
	f.Helper()
	f.step("subscribe " + p.origin)
	follow := p.ordered("/follow", map[string]any{"inbox": f.program.inbox()})
	accept := p.await("an Accept", func(r receipt) bool { return r.Type == "Accept" && r.Object == follow.Activity })
	f.signedByRelay(accept)
	if !accept.Accepted {
		f.Errorf("Fedify did not take the Accept: %+v", accept)
	}
	var wire struct {
		Object struct{ ID, Type, Actor string }
	}
	if err := json.Unmarshal([]byte(accept.Raw), &wire); err != nil || wire.Object.Type != "Follow" || wire.Object.Actor != p.actor("instance") {
		f.Errorf("the Accept does not embed the Follow (%v): %s", err, accept.Raw)
	}
	if state, actor := p.relayState(f.program.inbox()); state != "accepted" || actor != f.program.actor() {
		f.Errorf("the subscription is %q by %q, want accepted by %s", state, actor, f.program.actor())
	}
}

// signedByRelay checks that Fedify found the HTTP signature to be the relay's.
func (f *fedify) signedByRelay(r receipt) {
	f.Helper()
	if !r.HTTP.Verified || r.HTTP.Owner != f.program.actor() {
		f.Errorf("%s %s is not signed by the relay: %+v, signature %s", r.Type, r.ID, r.HTTP, r.Signature)
	}
	if r.Status != http.StatusAccepted {
		f.Errorf("Fedify answered %s %s with %d", r.Type, r.ID, r.Status)
	}
}

// forwarded waits for an activity at the subscriber: raw, so that the author's own
// signatures still hold.
func (f *fedify) forwarded(kind string, of sent) receipt {
	f.Helper()
	r := f.subscriber.await(kind+" of "+of.Object, about(kind, of.Object))
	f.signedByRelay(r)
	if r.ID != of.Activity || !r.LD.Verified || !r.Proof.Verified || !r.Accepted {
		f.Errorf("%s did not arrive as it was sent: accepted %v, LD signature %+v, proof %+v", of.Activity, r.Accepted, r.LD, r.Proof)
	}
	return r
}

// frame waits for a frame about a post and checks what all frames hold.
func (f *fedify) frame(kind, object, actor string) frame {
	f.Helper()
	got := f.stream.await(f.T, kind+" of "+object, func(got frame) bool { return got.URI == object && got.Kind == kind })
	if got.Seq == 0 || got.Time.IsZero() || got.ID == "" || got.Actor != actor || got.Domain != hostOf(actor) {
		f.Errorf("%s frame %+v lacks something", kind, got)
	}
	return got
}

func hostOf(uri string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(uri, "http://"), "/")
	return host
}

// status is the part of a Mastodon Status that is checked.
type status struct {
	ID       string
	URI      string
	Content  string
	Language string
	Account  struct{ Acct, URL, URI string }
	Tags     []struct{ Name string }
}

func (f *fedify) post(of frame) status {
	f.Helper()
	var post status
	if err := json.Unmarshal(of.Post, &post); err != nil {
		f.Errorf("post of frame %d: %v in %s", of.Seq, err, of.Post)
	}
	if post.ID != of.ID || post.URI != of.URI {
		f.Errorf("post of frame %d is %s %s, want %s %s", of.Seq, post.ID, post.URI, of.ID, of.URI)
	}
	return post
}

// write posts as an author's account.
func (f *fedify) write(actor, content string) sent {
	f.Helper()
	return f.author.ordered("/post", map[string]any{
		"actor": actor, "content": content, "tags": []string{"Cats"}, "language": "en", "inbox": f.program.inbox(),
	})
}

// Create, Update, Delete.
func (f *fedify) carriesAPost() {
	f.step("post, edit, delete")
	alice := f.author.actor("alice")
	created := f.write("alice", "<p>purring #Cats</p>")
	f.forwarded("Create", created)
	first := f.frame("create", created.Object, alice)
	if first.Language != "en" || !slices.Equal(first.Tags, []string{"cats"}) {
		f.Errorf("frame says language %q, tags %q", first.Language, first.Tags)
	}
	if post := f.post(first); !strings.Contains(post.Content, "purring") || post.Language != "en" || len(post.Tags) != 1 {
		f.Errorf("post is %+v", post)
	}

	updated := f.author.ordered("/update", map[string]any{"object": created.Object, "content": "<p>sleeping</p>", "inbox": f.program.inbox()})
	f.forwarded("Update", updated)
	second := f.frame("update", created.Object, alice)
	if second.ID != first.ID || second.Seq <= first.Seq || !strings.Contains(f.post(second).Content, "sleeping") {
		f.Errorf("update frame %+v after %+v", second, first)
	}

	deleted := f.author.ordered("/delete", map[string]any{"object": created.Object, "inbox": f.program.inbox()})
	f.forwarded("Delete", deleted)
	third := f.frame("delete", created.Object, alice)
	if third.ID != first.ID || third.Seq <= second.Seq {
		f.Errorf("delete frame %+v after %+v", third, second)
	}
	for _, r := range f.author.receipts(0, 0) {
		if r.Object == created.Object {
			f.Errorf("%s of %s came back to its origin", r.Type, r.Object)
		}
	}
}

// A post that bears no LD signature goes out as an Announce, and Fedify finds the
// object at its origin. What a member server itself announces, as relays and LitePub
// servers do, is fetched by the relay first.
func (f *fedify) carriesAnAnnounce() {
	f.step("announce")
	world := newWorld(f.T, 1)
	carol := simulator.Account{Name: "carol", Discoverable: true, Indexable: true}
	member := simulated(f.T, world, simulator.Config{Accounts: []simulator.Account{carol}})
	stranger := simulated(f.T, world, simulator.Config{Accounts: []simulator.Account{carol}})
	if _, response, err := member.Follow(f.Context(), f.program.inbox()); err != nil || !response.OK() {
		f.Fatalf("follow: %d %q, %v", response.Status, response.Body, err)
	}
	if state, err := member.AwaitFollow(f.Context(), f.program.inbox()); err != nil || state != simulator.FollowAccepted {
		f.Fatalf("follow: %s, %v", state, err)
	}
	posted, response, err := member.Post(f.Context(), f.program.inbox(), simulator.Post{Author: "carol", Unsigned: true})
	if err != nil || response.Status != http.StatusAccepted {
		f.Fatalf("post: %d %q, %v", response.Status, response.Body, err)
	}
	f.announced(posted.Object, member.Actor("carol"))

	quiet, err := stranger.Create(simulator.Post{Author: "carol"})
	if err != nil {
		f.Fatal(err)
	}
	if _, response, err = member.Boost(f.Context(), f.program.inbox(), simulator.Instance, quiet.Object); err != nil || response.Status != http.StatusAccepted {
		f.Fatalf("boost: %d %q, %v", response.Status, response.Body, err)
	}
	f.announced(quiet.Object, stranger.Actor("carol"))
}

func (f *fedify) announced(object, author string) {
	f.Helper()
	r := f.subscriber.await("an Announce of "+object, about("Announce", object))
	f.signedByRelay(r)
	if !r.Accepted || r.Actor != f.program.actor() || r.Fetched == nil || !r.Fetched.OK || r.Fetched.Author != author {
		f.Errorf("Announce of %s by %s, fetched %+v", object, r.Actor, r.Fetched)
	}
	f.frame("create", object, author)
}

// What bob writes reaches subscribers and never the firehose (I4).
func (f *fedify) keepsConsent() {
	f.step("consent")
	hidden := f.write("bob", "<p>between servers only</p>")
	f.forwarded("Create", hidden)
	edited := f.author.ordered("/update", map[string]any{"object": hidden.Object, "content": "<p>still</p>", "inbox": f.program.inbox()})
	f.forwarded("Update", edited)
	shown := f.write("alice", "<p>for everybody</p>")
	f.frame("create", shown.Object, f.author.actor("alice"))
	frames, _ := f.stream.all() // whatever of bob's had come, had come before
	for _, got := range frames {
		if got.URI == hidden.Object || got.Actor == f.author.actor("bob") {
			f.Errorf("a post without consent is on the firehose: %+v", got)
		}
	}
}

// After a kill the relay goes on with the same actor, key and subscriptions.
func (f *fedify) survives(what string, kill func()) {
	f.step("kill " + what)
	before := f.write("alice", "<p>before the kill</p>")
	kill()
	if err := f.program.ready(); err != nil {
		f.Fatal(err)
	}
	after := f.writeUntilTaken("alice", "<p>after the kill</p>")
	for _, written := range []sent{before, after} {
		f.subscriber.await("Create of "+written.Object, about("Create", written.Object))
		f.frame("create", written.Object, f.author.actor("alice"))
	}
}

// writeUntilTaken repeats a post that is answered 503, as servers do while the broker is away.
func (f *fedify) writeUntilTaken(actor, content string) sent {
	f.Helper()
	for range 100 {
		answer := f.author.order("/post", map[string]any{"actor": actor, "content": content, "inbox": f.program.inbox()})
		if answer.Status == http.StatusAccepted {
			return answer
		}
		if answer.Status != http.StatusServiceUnavailable {
			f.Fatalf("answered %d %q", answer.Status, answer.Body)
		}
		pause(f.Context(), retryAfter)
	}
	f.Fatal("the relay takes no posts any more")
	return sent{}
}

// What is posted between Undo and the next Follow never arrives.
func (f *fedify) leaves() {
	f.step("leave")
	f.subscriber.ordered("/undo", map[string]any{"inbox": f.program.inbox()})
	missed := f.write("alice", "<p>nobody hears this</p>")
	f.frame("create", missed.Object, f.author.actor("alice"))
	f.subscribe(f.subscriber)
	heard := f.write("alice", "<p>again among us</p>")
	f.forwarded("Create", heard)
	for _, r := range f.subscriber.receipts(0, 0) {
		if r.Object == missed.Object {
			f.Errorf("%s of %s was sent to a server that had left", r.Type, r.Object)
		}
	}
}
