package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tributary/ingest/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newWorld(t *testing.T, seed uint64) *World {
	t.Helper()
	w, err := New(seed, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func newServerOf(t *testing.T, w *World) *Server {
	t.Helper()
	s, err := w.Server(Config{Accounts: []Account{{Name: "alice", Discoverable: true}, {Name: "bob", Indexable: true}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pair is a sender and a receiver.
func pair(t *testing.T) (from, to *Server) {
	t.Helper()
	w := newWorld(t, 1)
	return newServerOf(t, w), newServerOf(t, w)
}

func TestPostUpdateDelete(t *testing.T) {
	from, to := pair(t)
	ctx := t.Context()
	created, response, err := from.Post(ctx, to.Inbox(), Post{Author: "alice", Tags: []string{"Cats"}})
	if err != nil || response.Status != http.StatusAccepted {
		t.Fatalf("create: %d %q, %v", response.Status, response.Body, err)
	}
	if _, response, err = from.Update(ctx, to.Inbox(), created.Object, "<p>edited</p>"); err != nil || !response.OK() {
		t.Fatalf("update: %d, %v", response.Status, err)
	}
	if _, response, err = from.Delete(ctx, to.Inbox(), created.Object); err != nil || !response.OK() {
		t.Fatalf("delete: %d, %v", response.Status, err)
	}
	if got, want := to.Received(), []string{created.Object, created.Object, created.Object}; !slices.Equal(got, want) {
		t.Fatalf("received %v, want %v", got, want)
	}
	var types []string
	for _, d := range to.Deliveries() {
		types = append(types, d.Type)
		if d.KeyID != from.Actor("alice")+"#main-key" || !d.LDSigned {
			t.Errorf("%s: key %q, LD signed %v", d.Type, d.KeyID, d.LDSigned)
		}
	}
	if want := []string{"Create", "Update", "Delete"}; !slices.Equal(types, want) {
		t.Fatalf("types %v, want %v", types, want)
	}
}

func TestInboxVerifies(t *testing.T) {
	from, to := pair(t)
	body := []byte(`{"id":"x","type":"Create","object":{"id":"y"}}`)
	for name, spoil := range map[string]func(*http.Request){
		"body":      func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 2 },
		"signature": func(r *http.Request) { r.Header.Set("Date", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)) },
		"missing":   func(r *http.Request) { r.Header.Del("Signature") },
	} {
		t.Run(name, func(t *testing.T) {
			r, err := from.Signed(t.Context(), to.Inbox(), "alice", body)
			if err != nil {
				t.Fatal(err)
			}
			spoil(r)
			response, err := from.Do(r)
			if err != nil || response.Status != http.StatusUnauthorized {
				t.Fatalf("%d %q, %v; want 401", response.Status, response.Body, err)
			}
		})
	}
	if got := to.Received(); len(got) != 0 {
		t.Fatalf("received %v", got)
	}
}

func TestRotatedKeyIsFetchedAnew(t *testing.T) {
	from, to := pair(t)
	for range 2 {
		if _, response, err := from.Post(t.Context(), to.Inbox(), Post{Author: "alice"}); err != nil || !response.OK() {
			t.Fatalf("%d %q, %v", response.Status, response.Body, err)
		}
		if err := from.Rotate("alice"); err != nil {
			t.Fatal(err)
		}
	}
}

// A server that remembers little is still waited for.
func TestRemember(t *testing.T) {
	w := newWorld(t, 1)
	from := newServerOf(t, w)
	to, err := w.Server(Config{Remember: 2})
	if err != nil {
		t.Fatal(err)
	}
	var last Activity
	for range 12 {
		if last, _, err = from.Post(t.Context(), to.Inbox(), Post{Author: "alice"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(to.Deliveries()); n > 4 {
		t.Errorf("%d deliveries are kept", n)
	}
	if _, err := to.Await(t.Context(), func(d Delivery) bool { return d.Object == last.Object }); err != nil {
		t.Fatal(err)
	}
}

func TestDownAndUp(t *testing.T) {
	from, to := pair(t)
	host := to.Host()
	to.Down()
	if _, _, err := from.Post(t.Context(), to.Inbox(), Post{Author: "alice"}); err == nil {
		t.Fatal("a server that is down took a post")
	}
	if err := to.Up(); err != nil {
		t.Fatal(err)
	}
	if to.Host() != host {
		t.Fatalf("came back as %s, was %s", to.Host(), host)
	}
	if _, response, err := from.Post(t.Context(), to.Inbox(), Post{Author: "alice"}); err != nil || !response.OK() {
		t.Fatalf("%d, %v", response.Status, err)
	}
}

func TestKeyOfDeadServerIsNoVerdict(t *testing.T) {
	from, to := pair(t)
	from.Behave(Behaviour{Documents: HangUp()})
	_, response, err := from.Post(t.Context(), to.Inbox(), Post{Author: "alice"})
	if err != nil || response.Status != http.StatusServiceUnavailable {
		t.Fatalf("%d, %v; want 503", response.Status, err)
	}
}

func TestStatus(t *testing.T) {
	from, to := pair(t)
	to.Behave(Behaviour{Inbox: Status(http.StatusTooManyRequests, 1500*time.Millisecond)})
	_, response, err := from.Post(t.Context(), to.Inbox(), Post{Author: "alice"})
	if err != nil || response.Status != http.StatusTooManyRequests || response.RetryAfter != 2*time.Second {
		t.Fatalf("%d, retry after %s, %v", response.Status, response.RetryAfter, err)
	}
	if len(to.Received()) != 0 {
		t.Fatal("a refused post counts as received")
	}
}

func TestDeliverRetries(t *testing.T) {
	from, to := pair(t)
	to.Behave(Behaviour{Inbox: Status(http.StatusServiceUnavailable, 0)})
	a, err := from.Create(Post{Author: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		response, tries, err := from.Deliver(t.Context(), to.Inbox(), a, Retry{First: time.Millisecond, Most: 4 * time.Millisecond})
		if err == nil && (!response.OK() || tries < 4) {
			err = errors.New("gave up, or did not try again")
		}
		done <- err
	}()
	tries := 0
	if _, err := to.Await(t.Context(), func(Delivery) bool { tries++; return tries == 3 }); err != nil {
		t.Fatal(err)
	}
	to.Behave(Behaviour{})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := to.Received(); !slices.Equal(got, []string{a.Object}) {
		t.Fatalf("received %v", got)
	}
}

func TestDeliverGivesUpWhenJudged(t *testing.T) {
	from, to := pair(t)
	to.Behave(Behaviour{Inbox: Status(http.StatusUnprocessableEntity, 0)})
	a, err := from.Create(Post{Author: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	response, tries, err := from.Deliver(t.Context(), to.Inbox(), a, Retry{First: time.Millisecond, Most: time.Millisecond})
	if err != nil || tries != 1 || response.Status != http.StatusUnprocessableEntity {
		t.Fatalf("%d after %d tries, %v", response.Status, tries, err)
	}
}

func TestHold(t *testing.T) {
	from, to := pair(t)
	to.Behave(Behaviour{Inbox: Hold()})
	leaving, leave := context.WithCancel(t.Context())
	lost := make(chan error, 1)
	go func() {
		_, _, err := from.Post(leaving, to.Inbox(), Post{Author: "alice"})
		lost <- err
	}()
	kept := make(chan error, 1)
	go func() {
		_, response, err := from.Post(t.Context(), to.Inbox(), Post{Author: "bob"})
		if err == nil && !response.OK() {
			err = errors.New("refused")
		}
		kept <- err
	}()
	leave()
	if err := <-lost; err == nil {
		t.Fatal("a held request was answered")
	}
	to.Behave(Behaviour{})
	if err := <-kept; err != nil {
		t.Fatal(err)
	}
	if got := to.Received(); len(got) != 1 || !strings.HasPrefix(got[0], from.Actor("bob")) {
		t.Fatalf("received %v", got)
	}
}

func TestCloseEndsHeldRequests(t *testing.T) {
	from, to := pair(t)
	to.Behave(Behaviour{Inbox: Hold()})
	done := make(chan error, 1)
	go func() {
		_, _, err := from.Post(t.Context(), to.Inbox(), Post{Author: "alice"})
		done <- err
	}()
	to.Close()
	if err := <-done; err == nil {
		t.Fatal("answered")
	}
}

func TestSlowEndlessHangUp(t *testing.T) {
	from, to := pair(t)
	to.Behave(Behaviour{Inbox: Slow(time.Millisecond)})
	if _, response, err := from.Post(t.Context(), to.Inbox(), Post{Author: "alice"}); err != nil || !response.OK() || len(response.Body) == 0 {
		t.Fatalf("slow: %d, %v", response.Status, err)
	}
	to.Behave(Behaviour{Inbox: Endless()})
	if _, response, err := from.Post(t.Context(), to.Inbox(), Post{Author: "alice"}); err != nil || len(response.Body) != maxAnswerBytes {
		t.Fatalf("endless: %d bytes, %v", len(response.Body), err)
	}
	to.Behave(Behaviour{Inbox: HangUp()})
	if _, _, err := from.Post(t.Context(), to.Inbox(), Post{Author: "alice"}); err == nil {
		t.Fatal("hang-up: answered")
	}
	if _, err := to.Await(t.Context(), func(d Delivery) bool { return d.Status == 0 }); err != nil {
		t.Fatal(err)
	}
}

func TestFollow(t *testing.T) {
	relay, server := pair(t)
	follow, response, err := server.Follow(t.Context(), relay.Inbox())
	if err != nil || !response.OK() || server.Following(relay.Inbox()) != FollowPending {
		t.Fatalf("%d, %s, %v", response.Status, server.Following(relay.Inbox()), err)
	}
	var wire struct{ Type, Actor, Object string }
	if err := json.Unmarshal(follow.Body, &wire); err != nil {
		t.Fatal(err)
	}
	if wire.Type != "Follow" || wire.Actor != server.Actor(Instance) || wire.Object != public {
		t.Fatalf("follow is %+v", wire)
	}
	accept, err := json.Marshal(map[string]any{"id": "x", "type": "Accept", "object": json.RawMessage(follow.Body)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := relay.SendRaw(t.Context(), server.Inbox(), Instance, accept); err != nil {
		t.Fatal(err)
	}
	state, err := server.AwaitFollow(t.Context(), relay.Inbox())
	if err != nil || state != FollowAccepted {
		t.Fatalf("%s, %v", state, err)
	}
	if _, response, err = server.Unfollow(t.Context(), relay.Inbox()); err != nil || !response.OK() {
		t.Fatalf("undo: %d, %v", response.Status, err)
	}
}

func TestBoostNamesTheObject(t *testing.T) {
	from, to := pair(t)
	quiet, err := to.Create(Post{Author: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	boost, response, err := from.Boost(t.Context(), to.Inbox(), "alice", quiet.Object)
	if err != nil || !response.OK() || boost.Object != quiet.Object {
		t.Fatalf("%+v, %d, %v", boost, response.Status, err)
	}
	if got := to.Received(); !slices.Equal(got, []string{quiet.Object}) {
		t.Fatalf("received %v", got)
	}
}

func TestDocuments(t *testing.T) {
	w := newWorld(t, 1)
	s := newServerOf(t, w)
	post, err := s.Create(Post{Author: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	erased, err := s.Create(Post{Author: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Erase(erased.Object); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove("bob"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url    string
		status int
		want   string
	}{
		{s.Actor("alice"), 200, `"discoverable":true`},
		{s.Actor("alice"), 200, `"indexable":false`},
		{s.Actor("alice"), 200, `BEGIN PUBLIC KEY`},
		{s.Actor(Instance), 200, `"type":"Application"`},
		{s.Actor("bob"), 410, ``},
		{s.Actor("nobody"), 404, ``},
		{post.Object, 200, `"attributedTo":"` + s.Actor("alice") + `"`},
		{erased.Object, 410, `"type":"Tombstone"`},
		{s.URL("/users/alice/statuses/999"), 404, ``},
		{s.URL("/.well-known/webfinger?resource=acct:alice@" + s.Host()), 200, `"href":"` + s.Actor("alice") + `"`},
		{s.URL("/.well-known/webfinger?resource=" + s.Actor("alice")), 200, `"subject":"acct:alice@` + s.Host() + `"`},
		{s.URL("/.well-known/webfinger?resource=acct:nobody@" + s.Host()), 404, ``},
		{s.URL("/.well-known/webfinger"), 400, ``},
		{s.URL("/.well-known/nodeinfo"), 200, s.URL("/nodeinfo/2.0")},
		{s.URL("/nodeinfo/2.0"), 200, `"name":"mastodon"`},
	} {
		status, body := get(t, c.url)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s; want %d with %s", c.url, status, body, c.status, c.want)
		}
	}
	s.Behave(Behaviour{Lie: WrongID})
	for _, url := range []string{s.Actor("alice"), post.Object} {
		if _, body := get(t, url); !strings.Contains(body, `"id":"`+victim) {
			t.Errorf("%s does not lie: %s", url, body)
		}
	}
	s.Behave(Behaviour{Lie: ForeignKey})
	if _, body := get(t, s.Actor("alice")); !strings.Contains(body, `"owner":"`+victim) {
		t.Errorf("key is not foreign: %s", body)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestAddKeepsTheKey(t *testing.T) {
	s := newServerOf(t, newWorld(t, 1))
	_, before := get(t, s.Actor("alice"))
	s.Add(Account{Name: "alice"})
	_, after := get(t, s.Actor("alice"))
	if !strings.Contains(after, `"discoverable":false`) {
		t.Errorf("flag unchanged: %s", after)
	}
	if keyOf(t, before) != keyOf(t, after) {
		t.Error("the key changed")
	}
}

func keyOf(t *testing.T, document string) string {
	t.Helper()
	var actor struct {
		PublicKey struct {
			PublicKeyPem string `json:"publicKeyPem"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal([]byte(document), &actor); err != nil {
		t.Fatal(err)
	}
	if _, err := signature.ParsePublicKey(actor.PublicKey.PublicKeyPem); err != nil {
		t.Fatal(err)
	}
	return actor.PublicKey.PublicKeyPem
}

func TestSeedDecidesWhatIsWritten(t *testing.T) {
	write := func(seed uint64) string {
		s := newServerOf(t, newWorld(t, seed))
		var all bytes.Buffer
		for range 3 {
			if _, err := s.Create(Post{Author: "alice", Tags: []string{"x"}}); err != nil {
				t.Fatal(err)
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, p := range s.site.order {
			all.WriteString(strings.ReplaceAll(p.Content, s.addr, "host"))
		}
		return all.String()
	}
	if once, again := write(7), write(7); once != again {
		t.Error("one seed, two texts")
	}
	if write(7) == write(8) {
		t.Error("two seeds, one text")
	}
}
