package relay

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// badInput is a request that must be refused.
type badInput struct {
	name    string
	message *message
	status  int
	verdict string // label of the counter
	says    string // part of the sentence that the sender is told
	request func(*http.Request)
}

// Each bad input has the right status, a sentence and a counter, and the relay
// goes on: the last request of the test is a good one.
func TestBadInput(t *testing.T) {
	e := newEnv(t, nil)
	home, away, dead := newPeer(t), newPeer(t), newPeer(t)
	server := home.account("server", map[string]any{"type": "Application"})
	alice, mallory := home.account("alice", nil), home.account("mallory", nil)
	stranger, silent := away.account("stranger", nil), dead.account("silent", nil)
	e.subscribe(server)
	if got := alice.message(t, alice.create(1)).send(t, e.inboxURL()); got.Status != 202 {
		t.Fatalf("good Create: %+v", got)
	}
	e.ingest.CatchUp()
	dead.Close()

	cases := badRequests(t, alice)
	cases = append(cases, badSignatures(t, alice)...)
	cases = append(cases, badKeys(t, away, alice, silent)...)
	cases = append(cases, badActivities(t, e, server, alice, mallory, stranger)...)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { e.refuses(t, c) })
	}

	if _, ok := e.Subscriptions().Actor(server.URI); !ok {
		t.Error("the subscription did not survive")
	}
	if got := alice.message(t, alice.create(2)).send(t, e.inboxURL()); got.Status != 202 {
		t.Errorf("good Create at the end: %+v", got)
	}
}

func (e *env) refuses(t *testing.T, c badInput) {
	r, err := c.message.request(t.Context(), e.inboxURL())
	if err != nil {
		t.Fatal(err)
	}
	if c.request != nil {
		c.request(r)
	}
	status := strconv.Itoa(c.status)
	before := e.count(status, c.verdict)
	got := sendRequest(t, r)
	if got.Status != c.status || got.Error == "" || !strings.Contains(got.Error, c.says) {
		t.Errorf("answer %d %q, want %d with %q", got.Status, got.Error, c.status, c.says)
	}
	if (got.Header.Get("Retry-After") != "") != (c.status == 503) {
		t.Errorf("Retry-After %q with %d", got.Header.Get("Retry-After"), got.Status)
	}
	if after := e.count(status, c.verdict); after != before+1 {
		t.Errorf("counter of %s %s went from %v to %v", status, c.verdict, before, after)
	}
}

func badRequests(t *testing.T, alice *account) []badInput {
	with := func(doc any, change func(*message)) *message {
		m := alice.message(t, doc)
		if change != nil {
			change(m)
		}
		return m
	}
	contentType := func(s string) *message { return with(alice.create(10), func(m *message) { m.ContentType = s }) }
	large := []byte(`{"type":"Create","actor":"` + alice.URI + `","x":"` + strings.Repeat("x", 256<<10) + `"}`)
	return []badInput{
		{
			name: "wrong method", message: with(alice.create(10), nil), status: 405, verdict: "method", says: "/inbox",
			request: func(r *http.Request) { r.Method = "GET"; r.Body = nil; r.ContentLength = 0 },
		},
		{name: "wrong content type", message: contentType("text/plain"), status: 415, verdict: "content_type", says: "application/activity+json"},
		{name: "plain JSON", message: contentType("application/json"), status: 415, verdict: "content_type"},
		{name: "JSON-LD without the profile", message: contentType("application/ld+json"), status: 415, verdict: "content_type"},
		{name: "no content type", message: with(alice.create(10), func(m *message) { m.Header = map[string]string{"Content-Type": ""} }), status: 415, verdict: "content_type"},
		{name: "oversized body", message: with(large, nil), status: 413, verdict: "too_large", says: "262144"},
		{
			name: "oversized body of unknown length", message: with(large, nil), status: 413, verdict: "too_large",
			request: func(r *http.Request) {
				r.ContentLength = -1
				r.Body = http.NoBody
				r.GetBody = nil
				r.Body = readCloser{bytes.NewReader(large)}
			},
		},
		{name: "empty body", message: with([]byte{}, nil), status: 400, verdict: "bad_document"},
		{name: "deep JSON", message: with([]byte(strings.Repeat(`{"object":`, 10_000)+"1"+strings.Repeat("}", 10_000)), nil), status: 400, verdict: "bad_document", says: "deeper"},
		{name: "deep array", message: with([]byte(strings.Repeat("[", 200_000)), nil), status: 400, verdict: "bad_document"},
		{name: "not JSON", message: with([]byte("hello"), nil), status: 400, verdict: "bad_document", says: "JSON"},
		{name: "not an object", message: with([]byte(`[1,2]`), nil), status: 400, verdict: "bad_document"},
		{name: "no type", message: with(map[string]any{"actor": alice.URI}, nil), status: 400, verdict: "bad_document"},
		{name: "no actor", message: with(map[string]any{"type": "Create", "object": alice.URI}, nil), status: 400, verdict: "bad_document"},
		{name: "another host", message: with(alice.create(10), func(m *message) { m.Host = "other-relay.example" }), status: 421, verdict: "wrong_host", says: "other-relay.example"},
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func badSignatures(t *testing.T, alice *account) []badInput {
	with := func(change func(*message)) *message {
		m := alice.message(t, alice.create(11))
		change(m)
		return m
	}
	without := func(name string) *message {
		return with(func(m *message) {
			for i, s := range m.Signed {
				if s == name {
					m.Signed = append(m.Signed[:i:i], m.Signed[i+1:]...)
					return
				}
			}
		})
	}
	header := func(name, value string) *message {
		return with(func(m *message) { m.Header = map[string]string{name: value} })
	}
	return []badInput{
		{name: "no signature", message: header("Signature", ""), status: 401, verdict: "missing", says: "not signed"},
		{name: "malformed signature", message: header("Signature", "keyId=,,,"), status: 401, verdict: "malformed"},
		{name: "signature by another key", message: with(func(m *message) { m.Key = keys()[1] }), status: 401, verdict: "invalid", says: "does not verify"},
		{name: "changed header", message: header("Content-Type", "application/activity+json; charset=utf-8"), status: 401, verdict: "invalid"},
		{name: "stale date", message: with(func(m *message) { m.Date = time.Now().Add(-13 * time.Hour) }), status: 401, verdict: "stale", says: "time window"},
		{name: "date of ten days ago", message: with(func(m *message) { m.Date = time.Now().Add(-240 * time.Hour) }), status: 401, verdict: "stale"},
		{name: "future date", message: with(func(m *message) { m.Date = time.Now().Add(2 * time.Hour) }), status: 401, verdict: "stale"},
		{name: "(request-target) unsigned", message: without("(request-target)"), status: 401, verdict: "coverage", says: "(request-target)"},
		{name: "host unsigned", message: without("host"), status: 401, verdict: "coverage", says: "host"},
		{name: "digest unsigned", message: without("digest"), status: 401, verdict: "coverage", says: "digest"},
		{name: "date unsigned", message: without("date"), status: 401, verdict: "coverage", says: "date"},
		{
			name: "digest of another body", message: with(func(m *message) {
				m.Body = append(m.Body, ' ')
				m.Digest = "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
			}),
			status: 401, verdict: "digest", says: "digest",
		},
	}
}

func badKeys(t *testing.T, away *peer, alice, silent *account) []badInput {
	as := func(keyID string) *message {
		m := alice.message(t, alice.create(12))
		m.KeyID = keyID
		return m
	}
	// A key on another host that says that it is alice's.
	away.serve("/stolen", map[string]any{"id": away.URL + "/stolen", "type": "Key", "owner": alice.URI, "publicKeyPem": keyDocument(alice)["publicKeyPem"]})
	// A whole copy of alice on another host.
	away.serve("/copy", alice.peer.docs[alice.path])
	// An actor that names a key of another host.
	away.account("thief", map[string]any{"publicKey": keyDocument(alice)})
	away.answer("/broken", http.StatusInternalServerError)
	away.answer("/forbidden", http.StatusForbidden)
	return []badInput{
		{name: "key of another host", message: as(away.URL + "/stolen"), status: 401, verdict: "key_mismatch"},
		{name: "copy of the actor on another host", message: as(away.URL + "/copy#main-key"), status: 401, verdict: "key_mismatch"},
		{name: "actor with the key of another host", message: as(away.URL + "/users/thief#main-key"), status: 401, verdict: "key_mismatch"},
		{name: "key id that the actor does not name", message: as(alice.URI + "#other-key"), status: 401, verdict: "key_mismatch"},
		{name: "no such key", message: as(away.URL + "/nobody#main-key"), status: 401, verdict: "key_not_found", says: "no such key"},
		{name: "key host answers 500", message: as(away.URL + "/broken#main-key"), status: 503, verdict: "key_host_unreachable"},
		{name: "key host answers 403", message: as(away.URL + "/forbidden#main-key"), status: 401, verdict: "key_refused"},
		{name: "key host down", message: silent.message(t, silent.create(1)), status: 503, verdict: "key_host_unreachable", says: silent.KeyID},
		{name: "key without a host", message: as("main-key"), status: 401, verdict: "key_unusable"},
	}
}

func badActivities(t *testing.T, e *env, server, alice, mallory, stranger *account) []badInput {
	post := func(a *account, doc map[string]any, changes ...any) *message {
		for i := 0; i < len(changes); i += 2 {
			doc[changes[i].(string)] = changes[i+1]
		}
		return a.message(t, doc)
	}
	private := alice.create(20)
	private["to"] = []string{alice.URI + "/followers"}
	private["object"].(map[string]any)["to"] = []string{alice.URI + "/followers"}
	followOf := server.follow(0)
	return []badInput{
		{name: "forged actor of a Follow", message: post(stranger, server.follow(1)), status: 403, verdict: "forged_actor", says: "cannot speak for"},
		{name: "forged actor of a Create, without a grant", message: post(stranger, alice.create(21)), status: 403, verdict: "no_grant"},
		{
			name: "forged actor of an Announce", message: post(mallory, map[string]any{"id": stranger.URI + "/a", "type": "Announce", "actor": stranger.URI, "object": alice.URI + "/notes/1"}),
			status: 403, verdict: "forged_actor",
		},
		{name: "forged actor of a Delete", message: post(stranger, map[string]any{"type": "Delete", "actor": alice.URI, "object": alice.URI + "/notes/1"}), status: 403, verdict: "forged_actor"},
		{name: "actor of this relay", message: post(alice, alice.create(22), "actor", e.community.Actor()), status: 403, verdict: "local_actor"},
		{name: "not public", message: alice.message(t, private), status: 403, verdict: "not_public", says: "public"},
		{name: "no grant", message: post(stranger, stranger.create(1)), status: 403, verdict: "no_grant", says: "subscribe"},
		{name: "delete of another's post", message: post(mallory, map[string]any{"type": "Delete", "actor": mallory.URI, "object": alice.URI + "/notes/1"}), status: 403, verdict: "not_owner"},
		{name: "delete of a post of another host", message: post(stranger, map[string]any{"type": "Delete", "actor": stranger.URI, "object": alice.URI + "/notes/1"}), status: 403, verdict: "not_owner"},
		{name: "unsubscribe of another server, in its name", message: post(stranger, server.undo(followOf)), status: 403, verdict: "forged_actor"},
		{name: "unsubscribe of another server, embedded", message: post(stranger, stranger.undo(followOf)), status: 403, verdict: "not_your_subscription"},
		{name: "unsubscribe of another server, by id", message: post(stranger, stranger.undo(followOf["id"])), status: 403, verdict: "not_your_subscription"},
		{name: "unsubscribe of the own server by a member", message: post(mallory, mallory.undo(followOf["id"])), status: 403, verdict: "not_your_subscription"},
		{name: "follow of the actor by a person", message: post(stranger, stranger.follow(2), "object", e.community.Actor()), status: 403, verdict: "follow_of_actor", says: "admin"},
		{name: "follow of somebody else", message: post(stranger, stranger.follow(3), "object", alice.URI), status: 422, verdict: "follow_of_other"},
		{name: "follow without an id", message: post(stranger, stranger.follow(4), "id", nil), status: 400, verdict: "follow_without_id"},
		{name: "update without an object", message: post(alice, alice.create(23), "type", "Update", "object", nil), status: 422, verdict: "no_object"},
	}
}
