package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest/ingesttest"
	"tributary/ingest/signature"
	"tributary/ingest/testseed"
	"tributary/relay/delivery"
	"tributary/relay/simulator"
)

// deliver starts the lanes and the outbox of an env, until the function that it returns
// is called.
func (e *env) deliver(subs delivery.Subscribers) (engine *delivery.Engine, stop func()) {
	e.t.Helper()
	key, err := LoadKey(e.t.Context(), e.ingest.DB, e.community.Actor())
	if err != nil {
		e.t.Fatal(err)
	}
	engine, err = delivery.New(delivery.Config{}, delivery.Deps{
		Tail: e.ingest.Tail, DB: e.ingest.DB, Signer: signature.NewSigner(e.community.KeyID(), key, 2), Client: e.remote,
		Subscribers: subs, Actor: e.community.Actor(), KeyID: e.community.KeyOf, Log: ingesttest.Logger(e.t), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(context.Background()) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := engine.Close(context.Background()); err != nil {
			e.t.Error(err)
		}
		if err := <-ended; err != nil {
			e.t.Error(err)
		}
	}
	e.t.Cleanup(stop)
	return engine, stop
}

// TestTopicsEndToEnd: servers follow the relay, topics, or both, in the styles of their
// softwares. Each verifies what it gets with the key that it fetches by its id. It gets
// each post of its part once, by an actor that it follows, and the Delete of one; an Undo of one
// topic leaves the others; all of it holds after a restart.
func TestTopicsEndToEnd(t *testing.T) {
	var running atomic.Pointer[delivery.Engine]
	e := newEnv(t, func(_ *Config, d *Deps) {
		d.Enqueue = delivery.Enqueue
		d.Wake = func() {
			if engine := running.Load(); engine != nil {
				engine.Wake()
			}
		}
	})
	world, err := simulator.New(testseed.Of(t), ingesttest.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	start := func(software string) *simulator.Server {
		t.Helper()
		s, err := world.Server(simulator.Config{Software: software, Accounts: []simulator.Account{{Name: "alice", Discoverable: true, Indexable: true}}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, two := start("mastodon"), start("mastodon") // that publish
	engine, stop := e.deliver(e.Subscriptions())
	running.Store(engine)
	visitors := []*visitor{
		{server: start("mastodon"), follows: []string{"", "tag/cats", "language/de", "instance/" + one.Host()}},
		{server: start("mastodon"), follows: []string{"tag/cats", "language/de"}},
		{server: start("misskey"), follows: []string{"instance/" + one.Host()}},
		{server: start("pleroma"), follows: []string{"tag/cats", "tag/dogs"}},
		{server: start("gotosocial"), follows: []string{"language/de"}},
		{server: start("hollo"), follows: []string{"tag/dogs"}},
	}
	for _, s := range []*simulator.Server{one, two} {
		v := &visitor{server: s, follows: []string{""}}
		v.subscribe(e)
	}
	for _, v := range visitors {
		v.subscribe(e)
	}
	var posts []wrote
	post := func(s *simulator.Server, language string, tags ...string) {
		t.Helper()
		a, got, err := s.Post(t.Context(), e.inboxURL(), simulator.Post{Author: "alice", Language: language, Tags: tags})
		if err != nil || !got.OK() {
			t.Fatalf("%d %s, %v", got.Status, got.Body, err)
		}
		topics := []string{"", "instance/" + s.Host(), "language/" + language}
		for _, tag := range tags {
			topics = append(topics, "tag/"+tag)
		}
		posts = append(posts, wrote{a.Object, topics})
	}
	post(one, "de", "cats")
	post(two, "en", "dogs")
	post(two, "de")
	post(one, "fr")
	gone := posts[1]
	if _, got, err := two.Delete(t.Context(), e.inboxURL(), gone.object); err != nil || !got.OK() {
		t.Fatalf("%d, %v", got.Status, err)
	}
	for _, v := range visitors {
		v.check(e, posts, gone)
	}

	// One topic less, and a restart of everything that remembers.
	v := visitors[1]
	if _, got, err := v.server.Unfollow(t.Context(), e.inboxOf("tag/cats")); err != nil || !got.OK() {
		t.Fatalf("%d %s, %v", got.Status, got.Body, err)
	}
	v.follows, v.left = []string{"language/de"}, []string{"tag/cats"}
	stop()
	post(one, "en", "cats")
	post(one, "de", "cats")
	key, err := LoadKey(t.Context(), e.ingest.DB, e.community.Actor())
	if err != nil {
		t.Fatal(err)
	}
	again, err := New(t.Context(), e.community, Config{}, Deps{
		DB: e.ingest.DB, Key: key, Keys: e.remote, Admission: e.ingest.Admission, Next: func() uint64 { return 1 }, Enqueue: delivery.Enqueue, Wake: func() {},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.deliver(again.Subscriptions())
	for _, v := range visitors {
		v.check(e, posts, gone)
	}
	if slices.Contains(v.server.Received(), posts[4].object) {
		t.Error("a topic comes after its Undo")
	}
}

// wrote is a post, and the topics that it belongs to.
type wrote struct {
	object string
	topics []string
}

// A visitor is a simulated server with its subscriptions.
type visitor struct {
	server  *simulator.Server
	follows []string
	left    []string // that it followed
}

func (v *visitor) subscribe(e *env) {
	e.t.Helper()
	for _, topic := range v.follows {
		inbox := e.inboxOf(topic)
		if _, got, err := v.server.Subscribe(e.t.Context(), inbox, e.actorOf(topic)); err != nil || !got.OK() {
			e.t.Fatalf("%s of %q: %d %s, %v", v.server.Software(), topic, got.Status, got.Body, err)
		}
		ctx, cancel := context.WithTimeout(e.t.Context(), time.Minute)
		defer cancel()
		if state, err := v.server.AwaitFollow(ctx, inbox); err != nil || state != simulator.FollowAccepted {
			e.t.Fatalf("%s of %q: %v, %v", v.server.Software(), topic, state, err)
		}
	}
}

// check waits for what is to come, and looks at all that came.
func (v *visitor) check(e *env, posts []wrote, gone wrote) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), time.Minute)
	defer cancel()
	for _, p := range posts {
		if !v.wants(p.topics) {
			continue
		}
		if _, err := v.server.Await(ctx, func(d simulator.Delivery) bool { return d.Received() && d.Object == p.object }); err != nil {
			e.t.Fatalf("%s, which follows %q, has no %v", v.server.Software(), v.follows, p.topics)
		}
	}
	if v.wants(gone.topics) {
		if _, err := v.server.Await(ctx, func(d simulator.Delivery) bool { return d.Received() && d.Type == "Delete" && d.Object == gone.object }); err != nil {
			e.t.Fatalf("%s, which follows %q, has no Delete", v.server.Software(), v.follows)
		}
	}
	seen := map[string]int{}
	for _, d := range v.server.Deliveries() {
		if !d.Received() || !d.About() {
			continue
		}
		seen[d.Type+d.Object]++
		topic, ok := e.community.topicOf(strings.TrimSuffix(d.KeyID, "#main-key"))
		if !ok || !slices.Contains(append(v.left, v.follows...), topic.String()) || d.Type == "Announce" && d.Actor != e.community.TopicActor(topic) {
			e.t.Errorf("%s got %s by %s", v.server.Software(), d.Type, d.KeyID)
		}
		if d.Type == "Delete" {
			if !v.wants(gone.topics) { // ingest.Topics tells these apart
				e.t.Errorf("%s, which follows %q, got the Delete of a post of %q", v.server.Software(), v.follows, gone.topics)
			}
			continue
		}
		i := slices.IndexFunc(posts, func(p wrote) bool { return p.object == d.Object })
		if i < 0 || !slices.Contains(posts[i].topics, topic.String()) {
			e.t.Errorf("%s, which follows %q, got %s as %q", v.server.Software(), v.follows, d.Object, topic)
		}
		if seen["Create"+d.Object]+seen["Announce"+d.Object] > 1 {
			e.t.Errorf("%s got %s twice", v.server.Software(), d.Object)
		}
	}
}

func (v *visitor) wants(topics []string) bool {
	return slices.ContainsFunc(v.follows, func(topic string) bool { return slices.Contains(topics, topic) })
}

// Under RFC 9421 the key's id is signed, so that it must be the one that is sent. Nothing
// here knows draft-cavage.
func TestTopicsByMessageSignatures(t *testing.T) {
	e := newEnv(t, func(_ *Config, d *Deps) { d.Enqueue = delivery.Enqueue })
	home := newPeer(t)
	accepted := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			home.ServeHTTP(w, r)
			return
		}
		var doc map[string]any
		sig, err := signature.Parse(r)
		if err != nil || len(r.Header["Signature-Input"]) == 0 || json.NewDecoder(r.Body).Decode(&doc) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		accepted <- fmt.Sprint(doc["type"], " ", sig.KeyID)
	}))
	t.Cleanup(server.Close)
	home.Server.URL = server.URL // it is both
	follower := home.account("server", map[string]any{"type": "Application"})
	if got := follower.message(t, follower.follow(1)).send(t, e.inboxOf("tag/cats")); got.Status != 202 {
		t.Fatalf("%+v", got)
	}
	e.deliver(e.Subscriptions())
	select {
	case got := <-accepted:
		if want := "Accept " + e.actorOf("tag/cats") + "#main-key"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	case <-time.After(time.Minute):
		t.Fatal("no answer")
	}
}
