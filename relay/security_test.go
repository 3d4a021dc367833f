package relay

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/remote"
	"tributary/ingest/signature"
)

// Weaknesses that other relays and servers had, and the tests that hold ours against them.
// Those of "relays" were tried on Activity-Relay 2.0.11, or read in aode-relay, buzzrelay and
// @fedify/relay. What only servers with accounts have (e-mail links, OIDC, sessions that
// outlive a token, media processing, quotes) is not here.
//
// A test is a function of a file, and rows of its table by their names.
var weaknesses = []struct {
	origin, attack string
	file, test     string
	rows           []string
}{
	{"relays", "posts in a member's name", "relay/badinput_test.go", "TestBadInput", []string{"forged actor of a Create, without a grant", "forged actor of an Announce", "forged actor of a Delete", "forged actor of a Follow"}},
	{"relays", "posts in a member's name", "relay/security_test.go", "TestForgedPosts", []string{"by another account of its server", "by another member", "under an id of another server", "by the author of another server"}},
	{"relays", "posts in a member's name", "relay/inbox_test.go", "TestRelayedCopyIsFetched", nil},
	{"relays", "end of another's subscription", "relay/badinput_test.go", "TestBadInput", []string{"unsubscribe of another server, in its name", "unsubscribe of another server, embedded", "unsubscribe of another server, by id", "unsubscribe of the own server by a member"}},
	{"relays", "end of another's subscription by its Delete", "relay/inbox_test.go", "TestDeleteOfGoneActor", nil},
	{"relays", "a request of ten days ago", "relay/badinput_test.go", "TestBadInput", []string{"stale date", "date of ten days ago", "future date"}},
	{"relays", "a request of ten days ago", "relay/message_test.go", "TestMessageSignatureRefused", []string{"date of another day"}},
	{"relays", "a body that is not signed", "relay/badinput_test.go", "TestBadInput", []string{"digest unsigned", "digest of another body", "(request-target) unsigned", "host unsigned", "date unsigned"}},
	{"relays", "a body that is not signed", "relay/message_test.go", "TestMessageSignatureRefused", []string{"body of another", "body left out", "target left out"}},
	{"relays", "the same request again", "relay/inbox_test.go", "TestReplay", nil},
	{"relays", "the same request again", "relay/follow_test.go", "TestReplayedFollowAfterUndo", nil},
	{"relays", "the same activity in new requests", "relay/security_test.go", "TestSameActivityAgain", nil},
	{"relays", "an actor with few members crashes the handler", "relay/security_test.go", "TestSparseActors", []string{"endpoints is null", "endpoints is text", "nothing but what is needed"}},
	{"relays", "an actor with few members crashes the handler", "relay/follow_test.go", "TestFollowByOtherActors", []string{"no endpoints", "empty endpoints", "no inbox"}},
	{"relays", "a blocked server still posts", "relay/inbox_test.go", "TestBlockedBeforeTheKey", nil},
	{"relays", "a key that its actor does not name", "relay/badinput_test.go", "TestBadInput", []string{"key id that the actor does not name", "actor with the key of another host", "key of another host"}},
	{"relays", "the payload says whose key it is", "relay/security_test.go", "TestSignatureBypass", []string{"the attacker's key under the victim's key id"}},
	{"relays", "our posts are aimed at a stranger", "relay/follow_test.go", "TestFollowByOtherActors", []string{"inbox elsewhere", "sharedInbox else", "inbox on port 80"}},
	{"relays", "somebody else accepts our Follow", "relay/membership_test.go", "TestAnswersToOurFollow", nil},
	{"relays", "a request for another relay", "relay/badinput_test.go", "TestBadInput", []string{"another host"}},

	{"CVE-2023-36459", "script in what is shown", "ingest/ap/html_test.go", "TestSanitise", nil},
	{"CVE-2023-36461", "slow answers", "ingest/remote/fetch_test.go", "TestBodies", []string{"slow", "header only", "no header", "endless", "error page that trickles", "compressed unasked"}},
	{"CVE-2023-36461", "slow answers", "relay/security_test.go", "TestKeyThatTrickles", nil},
	{"CVE-2023-36461", "slow answers", "relay/inbox_test.go", "TestSlowKeyServer", nil},
	{"CVE-2023-36461", "slow requests", "relay/inbox_test.go", "TestSlowBody", nil},
	{"CVE-2023-42451", "a domain in another spelling", "relay/security_test.go", "TestDomainSpellings", []string{"full width", "full-width dots", "dot at the end", "capitals", "port of the scheme"}},
	{"CVE-2023-42451", "a domain in another spelling", "ingest/ap/uri_test.go", "TestHost", nil},
	{"CVE-2024-23832", "a document with another's id", "ingest/remote/fetch_test.go", "TestObject", []string{"and believed only there", "ids that point on and on", "two ids", "id and @id", "escaped id"}},
	{"CVE-2024-23832", "a document with another's id", "ingest/remote/actor_test.go", "TestActorRefuses", nil},
	{"CVE-2024-23832", "a document with another's id", "ingest/remote/key_test.go", "TestKeyRefuses", []string{"stub that leads to another origin", "key that another is said to own"}},
	{"CVE-2024-23832", "a document with another's id", "relay/badinput_test.go", "TestBadInput", []string{"copy of the actor on another host"}},
	{"CVE-2024-25623, CVE-2024-25636", "an upload taken for a document", "relay/security_test.go", "TestUploads", []string{"text/html", "application/json", "application/ld+json", "image/png; x=application/activity+json"}},
	{"CVE-2024-25623, CVE-2024-25636", "an upload taken for a document", "ingest/remote/fetch_test.go", "TestContentTypes", nil},
	{"CVE-2024-25623, CVE-2024-25636", "an activity of another type", "relay/badinput_test.go", "TestBadInput", []string{"wrong content type", "plain JSON", "JSON-LD without the profile", "no content type"}},
	{"FEP-96ff", "an upload on the victim's own host", "relay/security_test.go", "TestUploads", []string{"as ActivityStreams, with the victim's id", "as ActivityStreams, with the victim's key id"}},
	{"CVE-2026-22245, CVE-2026-46348, CVE-2026-47389, CVE-2026-50131, CVE-2026-62857", "private addresses", "relay/security_test.go", "TestPrivateAddresses", []string{"[::]", "[::ffff:127.0.0.1]", "[2002:7f00:1::1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::10.0.0.1]", "169.254.169.254"}},
	{"CVE-2026-22245, CVE-2026-46348, CVE-2026-47389, CVE-2026-50131, CVE-2026-62857", "private addresses", "ingest/remote/address_test.go", "TestForbidden", []string{"::", "::ffff:127.0.0.1", "2002:7f00:1::1", "64:ff9b::7f00:1"}},
	{"CVE-2026-22245, CVE-2026-46348, CVE-2026-47389, CVE-2026-50131, CVE-2026-62857", "private addresses", "ingest/remote/address_test.go", "TestStrictConfig", nil},
	{"CVE-2026-22245, CVE-2026-46348, CVE-2026-47389, CVE-2026-50131, CVE-2026-62857", "private addresses by redirect", "ingest/remote/fetch_test.go", "TestRedirectToPrivate", nil},
	{"CVE-2026-22245, CVE-2026-46348, CVE-2026-47389, CVE-2026-50131, CVE-2026-62857", "redirects", "ingest/remote/fetch_test.go", "TestRedirects", nil},
	{"CVE-2026-22245, CVE-2026-46348, CVE-2026-47389, CVE-2026-50131, CVE-2026-62857", "NodeInfo elsewhere", "ingest/remote/nodeinfo_test.go", "TestNodeInfo", []string{"another host"}},
	{"CVE-2026-23962", "polls without end", "ingest/ap/fuzz_test.go", "FuzzParseActivity", nil},
	{"CVE-2026-28432", "a signature that signs little", "relay/security_test.go", "TestSignatureBypass", []string{"no list of headers", "an empty list of headers", "a list that leaves the digest out by writing it twice", "the date alone"}},
	{"CVE-2026-28432", "parameters twice", "relay/security_test.go", "TestSignatureBypass", []string{"keyId twice", "headers twice", "signature twice", "two Signature headers", "two Digest headers"}},
	{"CVE-2026-28432", "algorithm confusion", "relay/security_test.go", "TestSignatureBypass", []string{"the public key as a secret", "algorithm none", "algorithm of another hash"}},
	{"CVE-2026-28432", "signature bypass", "ingest/signature/cavage_test.go", "TestParse", []string{"no list means date", "keyId twice", "headers twice", "signature twice", "algorithm twice"}},
	{"CVE-2026-28432", "signature bypass", "ingest/signature/verify_test.go", "TestVerifyRefuses", []string{"no list", "digest there but unsigned", "digest header twice"}},
	{"CVE-2026-28432", "signature bypass by RFC 9421", "ingest/signature/message_test.go", "TestMessageRefuses", []string{"algorithm hmac: the public key as a secret", "parameter twice", "component twice", "two signatures", "body not signed"}},
	{"CVE-2026-28432", "signature bypass by RFC 9421", "relay/message_test.go", "TestMessageSignatureRefused", []string{"algorithm of a shared key", "parameter twice", "two signatures", "two headers of a signature"}},
	{"CVE-2026-46349", "LD signature on a document that was rearranged", "relay/security_test.go", "TestRearrangedDocuments", []string{"@graph", "@included", "@reverse", "a reverse term", "an alias of @id", "a signed post in another activity"}},
	{"CVE-2026-46349", "LD signature on a document that was rearranged", "ingest/signature/linkeddata/attacks_test.go", "TestRearranged", []string{"@reverse", "@included", "@graph", "reverse term"}},
	{"CVE-2026-46349", "LD signature on a document that was rearranged", "ingest/signature/linkeddata/attacks_test.go", "TestRefused", []string{"alias of @graph", "alias of @included", "alias of @reverse"}},
	{"CVE-2026-46349", "signatures that are too dear to verify", "ingest/signature/linkeddata/attacks_test.go", "TestPoison", nil},
}

// TestWeaknesses: the tests that hold the weaknesses are there, under these names.
func TestWeaknesses(t *testing.T) {
	files := map[string]string{}
	for _, w := range weaknesses {
		text, read := files[w.file]
		if !read {
			raw, err := os.ReadFile("../" + w.file)
			if err != nil {
				t.Fatal(err)
			}
			text = string(raw)
			if w.file == "relay/security_test.go" { // not this table itself
				text = text[strings.Index(text, "func TestWeaknesses("):]
			}
			files[w.file] = text
		}
		if !strings.Contains(text, "func "+w.test+"(") {
			t.Errorf("%s, %s: no %s in %s", w.origin, w.attack, w.test, w.file)
		}
		for _, row := range w.rows {
			if !strings.Contains(text, `"`+row+`"`) {
				t.Errorf("%s, %s: no row %q in %s", w.origin, w.attack, row, w.file)
			}
		}
	}
}

// Whoever has a key has no other's: what he says for a member is asked of its origin and
// never taken from him.
func TestForgedPosts(t *testing.T) {
	e := newEnv(t, nil)
	home, away := newPeer(t), newPeer(t)
	e.subscribe(home.account("server", nil))
	e.subscribe(away.account("server", nil))
	alice, mallory, stranger := home.account("alice", nil), home.account("mallory", nil), away.account("stranger", nil)
	stolen := stranger.create(4)
	stolen["object"].(map[string]any)["id"] = alice.URI + "/notes/4"
	attributed := stranger.create(5)
	attributed["object"].(map[string]any)["attributedTo"] = alice.URI
	for _, c := range []struct {
		name string
		by   *account
		doc  map[string]any
	}{
		{"by another account of its server", mallory, alice.create(1)},
		{"by another member", stranger, alice.create(2)},
		{"under an id of another server", stranger, stolen},
		{"by the author of another server", stranger, attributed},
	} {
		t.Run(c.name, func(t *testing.T) {
			queued := e.count("202", string(ingest.OutcomeQueued))
			if got := c.by.message(t, c.doc).send(t, e.inboxURL()); got.Status != 202 {
				t.Errorf("%+v", got)
			}
			if e.count("202", string(ingest.OutcomeQueued)) != queued+1 {
				t.Error("the origin is not asked")
			}
			if records := e.records(0); len(records) != 0 {
				t.Errorf("believed: %+v", records[0])
			}
		})
	}
}

// An activity that comes again in requests of their own, from its author and from members
// that pass it on, goes out once: relays that subscribe to each other do not loop.
func TestSameActivityAgain(t *testing.T) {
	f := newForwarding(t)
	other := newPeer(t).account("relay", map[string]any{"type": "Application"})
	f.subscribe(other)
	f.subscribe(f.author)
	raw := f.ldSigned(f.author.create(1), time.Now())
	for i, by := range []*account{f.author, f.author, f.forwarder, other, f.forwarder} {
		m := by.message(t, raw)
		m.Date = time.Now().Add(-time.Duration(i) * time.Second) // another signature
		if got := m.send(t, f.inboxURL()); got.Status != 202 {
			t.Fatalf("%+v", got)
		}
	}
	f.ingest.CatchUp() // else its origin is asked once more
	for i, by := range []*account{f.forwarder, other} {
		announce := map[string]any{"id": fmt.Sprint(by.URI, "/announces/", i), "type": "Announce", "actor": by.URI, "to": public, "object": f.author.create(1)["object"].(map[string]any)["id"]}
		if got := by.message(t, announce).send(t, f.inboxURL()); got.Status != 202 {
			t.Fatalf("%+v", got)
		}
	}
	if records := f.seen(ingest.ViewLane, 0); len(records) != 1 || f.queued() != 0 {
		t.Errorf("%d records, %d fetches", len(records), f.queued())
	}
}

// Activity-Relay's handler crashed at an actor without endpoints, after it had queued the Accept.
// Here both are done or neither.
func TestSparseActors(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	for name, fields := range map[string]map[string]any{
		"endpoints is null":          {"endpoints": json.RawMessage("null")},
		"endpoints is text":          {"endpoints": home.URL + "/inbox"},
		"endpoints is a list":        {"endpoints": []any{}},
		"sharedInbox is null":        {"endpoints": map[string]any{"sharedInbox": nil}},
		"no name":                    {"preferredUsername": nil},
		"name is a number":           {"preferredUsername": 5},
		"no context":                 {"@context": nil},
		"nothing but what is needed": {"@context": nil, "preferredUsername": nil, "endpoints": nil, "discoverable": nil, "indexable": nil},
		"members of wrong types":     {"icon": 5, "tag": "x", "attachment": map[string]any{}, "summary": []any{}, "url": []any{nil}, "published": 7},
		"inbox is null":              {"inbox": json.RawMessage("null"), "endpoints": nil},
		"inbox is an object":         {"inbox": map[string]any{"type": "OrderedCollection"}, "endpoints": nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := home.account(fmt.Sprintf("u%x", name), fields)
			before := len(e.outbox())
			got := a.message(t, a.follow(1)).send(t, e.inboxURL())
			_, stored := e.Subscriptions().Actor(a.URI)
			answers := len(e.outbox()) - before
			switch got.Status {
			case 202:
				if !stored || answers != 1 {
					t.Errorf("stored %v, %d answers", stored, answers)
				}
			case 401, 403:
				if stored || answers != 0 || got.Error == "" {
					t.Errorf("refused with %q, but stored %v, %d answers", got.Error, stored, answers)
				}
			default:
				t.Errorf("%+v", got)
			}
			if needs := strings.HasPrefix(name, "inbox"); needs == (got.Status == 202) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Signatures of draft-cavage that prove nothing, made as well as an attacker can.
func TestSignatureBypass(t *testing.T) {
	e := newEnv(t, nil)
	home := newPeer(t)
	e.subscribe(home.account("server", nil))
	alice, mallory := home.account("alice", nil), home.account("mallory", nil)
	mallory.rotate()
	e.knowKey(t, alice)
	header := func(change func(r *http.Request, old string) string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Signature", change(r, r.Header.Get("Signature"))) }
	}
	swap := func(old, fresh string) func(*http.Request) {
		return header(func(_ *http.Request, s string) string { return strings.Replace(s, old, fresh, 1) })
	}
	signed := []string{"(request-target)", "host", "date", "digest"}
	for _, c := range []struct {
		name    string
		signed  []string
		key     *account
		verdict string
		request func(*http.Request)
	}{
		{"the attacker's key under the victim's key id", signed, mallory, "invalid", nil},
		{"no list of headers", []string{"date"}, mallory, "coverage", swap(`headers="date",`, "")},
		{"an empty list of headers", []string{"date"}, mallory, "malformed", swap(`headers="date"`, `headers=""`)},
		{"the date alone", []string{"date"}, alice, "coverage", nil},
		{"a list that leaves the digest out by writing it twice", []string{"(request-target)", "host", "date", "date"}, alice, "malformed", nil},
		{"keyId twice", signed, mallory, "malformed", header(func(_ *http.Request, s string) string { return s + `,keyId="` + mallory.KeyID + `"` })},
		{"headers twice", signed, mallory, "malformed", header(func(_ *http.Request, s string) string { return s + `,headers="date"` })},
		{"signature twice", signed, mallory, "malformed", header(func(_ *http.Request, s string) string { return s + `,signature="AAAA"` })},
		{"two Signature headers", signed, alice, "malformed", func(r *http.Request) { r.Header.Add("Signature", r.Header.Get("Signature")) }},
		{"two Digest headers", signed, alice, "malformed", func(r *http.Request) { r.Header.Add("Digest", signature.Digest([]byte("x"))) }},
		{"two Date headers", signed, alice, "malformed", func(r *http.Request) { r.Header.Add("Date", r.Header.Get("Date")) }},
		{"algorithm none", signed, mallory, "algorithm", swap("rsa-sha256", "none")},
		{"algorithm of another hash", signed, alice, "algorithm", swap("rsa-sha256", "rsa-sha1")},
		{"the public key as a secret", signed, alice, "algorithm", header(func(r *http.Request, s string) string {
			mac := hmac.New(sha256.New, []byte(signature.MarshalPublic(&alice.Key.PublicKey)))
			fmt.Fprintf(mac, "(request-target): post /inbox\nhost: %s\ndate: %s\ndigest: %s", r.Host, r.Header.Get("Date"), r.Header.Get("Digest"))
			return fmt.Sprintf(`keyId="%s",algorithm="hmac-sha256",headers="%s",signature="%s"`,
				alice.KeyID, strings.Join(signed, " "), base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := alice.message(t, alice.create(1))
			m.Signed, m.Key = c.signed, c.key.Key
			e.refuses(t, badInput{message: m, status: 401, verdict: c.verdict, request: c.request})
		})
	}
	if records := e.records(0); len(records) != 0 {
		t.Errorf("%d records", len(records))
	}
}

// What somebody uploaded is no document of the server that gives it out, whatever it says.
func TestUploads(t *testing.T) {
	e := newEnv(t, nil)
	var home *httptest.Server
	uploads := map[string]struct {
		contentType string
		document    func(own string) map[string]any
	}{}
	actor := func(uri, keyID string) map[string]any {
		return map[string]any{
			"id": uri, "type": "Person", "preferredUsername": "x", "inbox": uri + "/inbox",
			"publicKey": map[string]any{"id": keyID, "owner": uri, "publicKeyPem": signature.MarshalPublic(&keys()[1].PublicKey)},
		}
	}
	own := func(uri string) map[string]any { return actor(uri, uri+"#main-key") }
	for i, contentType := range []string{"text/html", "application/json", "application/ld+json", "image/png; x=application/activity+json", "text/plain", ""} {
		uploads[fmt.Sprint("/media/", i)] = struct {
			contentType string
			document    func(string) map[string]any
		}{contentType, own}
	}
	for path, document := range map[string]func(string) map[string]any{
		"as ActivityStreams, with the victim's id":     func(string) map[string]any { return own(home.URL + "/users/alice") },
		"as ActivityStreams, with the victim's key id": func(uri string) map[string]any { return actor(uri, home.URL+"/users/alice#main-key") },
	} {
		uploads["/media/"+strings.ReplaceAll(path, " ", "-")] = struct {
			contentType string
			document    func(string) map[string]any
		}{"application/activity+json", document}
	}
	home = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uri := home.URL + r.URL.Path
		if r.URL.Path == "/users/alice" {
			doc := own(uri)
			doc["publicKey"].(map[string]any)["publicKeyPem"] = signature.MarshalPublic(&keys()[0].PublicKey)
			w.Header().Set("Content-Type", "application/activity+json")
			_ = json.NewEncoder(w).Encode(doc)
			return
		}
		upload := uploads[r.URL.Path]
		w.Header()["Content-Type"] = []string{upload.contentType}
		_ = json.NewEncoder(w).Encode(upload.document(uri))
	}))
	t.Cleanup(home.Close)
	alice := &account{URI: home.URL + "/users/alice", KeyID: home.URL + "/users/alice#main-key", Key: keys()[1]} // with the attacker's key
	for _, path := range slices.Sorted(maps.Keys(uploads)) {
		t.Run(cmp.Or(uploads[path].contentType, "no type")+" "+path, func(t *testing.T) {
			verdict := "key_unusable"
			if uploads[path].contentType == "application/activity+json" {
				verdict = "key_mismatch"
			}
			m := alice.message(t, alice.follow(1))
			m.KeyID = home.URL + path + "#main-key"
			e.refuses(t, badInput{message: m, status: 401, verdict: verdict})
		})
	}
	if e.Subscriptions().Count() != 0 {
		t.Error("somebody is subscribed")
	}
}

// TestPrivateAddresses: no key id makes a relay call itself or its neighbours.
func TestPrivateAddresses(t *testing.T) {
	var strict *remote.Client
	e := newEnv(t, func(_ *Config, d *Deps) {
		strict = remote.New(remote.Config{}, signature.NewSigner("https://relay.example/actor#main-key", d.Key, 1), d.DB, ingesttest.Logger(t), nil)
		d.Keys = strict
	})
	t.Cleanup(strict.Close)
	alice := newPeer(t).account("alice", nil)
	for _, host := range []string{
		"localhost", "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254", "[::]", "[::1]",
		"[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[2002:7f00:1::1]", "[2002:a9fe:a9fe::1]", "[64:ff9b::7f00:1]", "[64:ff9b::169.254.169.254]",
		"[64:ff9b:1::10.0.0.1]", "[fc00::1]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[2001:0:1::1]",
	} {
		for _, uri := range []string{"https://" + host, "http://" + host, "https://" + host + ":8443"} {
			t.Run(uri, func(t *testing.T) {
				m := alice.message(t, alice.follow(1))
				m.KeyID = uri + "/actor#main-key"
				e.refuses(t, badInput{message: m, status: 401, verdict: "key_unusable"})
			})
		}
	}
	if hits := alice.peer.hits.Load(); hits != 0 {
		t.Errorf("%d requests", hits)
	}
}

// TestKeyThatTrickles: an answer that never ends is given up at one deadline for all of it.
func TestKeyThatTrickles(t *testing.T) {
	e := newEnv(t, func(c *Config, _ *Deps) { c.KeyTimeout = 300 * time.Millisecond })
	end := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/activity+json")
		for tick := time.Tick(5 * time.Millisecond); ; {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
			select {
			case <-tick:
			case <-end:
				return
			}
		}
	}))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(end) })
	alice := newPeer(t).account("alice", nil)
	m := alice.message(t, alice.follow(1))
	m.KeyID = slow.URL + "/actor#main-key"
	e.refuses(t, badInput{message: m, status: 503, verdict: "key_host_unreachable"})
}

// TestDomainSpellings: a blocked domain is blocked however it is written.
func TestDomainSpellings(t *testing.T) {
	e := newEnv(t, nil)
	for _, domain := range []string{"evil.example", "xn--bse-sna.example"} {
		if _, err := e.Block(t.Context(), Block{Scope: ingest.ScopeDomain, Key: domain}); err != nil {
			t.Fatal(err)
		}
	}
	for name, host := range map[string]string{
		"as it is":            "evil.example",
		"capitals":            "EVIL.Example",
		"dot at the end":      "evil.example.",
		"port of the scheme":  "evil.example:443",
		"port with zeros":     "evil.example:0443",
		"full width":          "ｅｖｉｌ.example",
		"full-width dots":     "evil．example",
		"ideographic dots":    "evil。example",
		"percent":             "%65vil.example",
		"soft hyphen":         "ev\u00adil.example",
		"a subdomain":         "www.evil.example",
		"umlaut":              "böse.example",
		"umlaut of two runes": "bo\u0308se.example",
		"umlaut in capitals":  "BÖSE.example",
		"punycode":            "XN--BSE-SNA.example",
	} {
		t.Run(name, func(t *testing.T) {
			uri := "https://" + host + "/users/mallory"
			if _, blocked := e.Blocks().Actor(uri); !blocked && hostOf(uri) != "" {
				t.Errorf("%s of host %s is not blocked", uri, hostOf(uri))
			}
		})
	}
	for _, host := range []string{"evil.example.org", "notevil.example", "evіl.example"} { // the last has a Cyrillic letter
		if _, blocked := e.Blocks().Actor("https://" + host + "/users/vera"); blocked {
			t.Errorf("%s is another domain, and blocked", host)
		}
	}
}

// TestRearrangedDocuments: an LD signature is over statements, so the same statements in
// another order may be another document (CVE-2026-46349). The inbox believes none.
func TestRearrangedDocuments(t *testing.T) {
	f := newForwarding(t)
	n := 0
	for name, arrange := range map[string]func(evil, signed map[string]any) map[string]any{
		"@graph":    func(evil, signed map[string]any) map[string]any { evil["@graph"] = []any{signed}; return evil },
		"@included": func(evil, signed map[string]any) map[string]any { evil["@included"] = []any{signed}; return evil },
		"@reverse": func(evil, signed map[string]any) map[string]any {
			evil["@reverse"] = map[string]any{"object": signed}
			return evil
		},
		"a reverse term": func(evil, signed map[string]any) map[string]any {
			evil["@context"] = []any{evil["@context"], map[string]any{"doneBy": map[string]any{"@reverse": "as:object", "@type": "@id"}}}
			evil["doneBy"] = signed
			return evil
		},
		"an alias of @id": func(evil, signed map[string]any) map[string]any {
			signed["@context"] = []any{signed["@context"], map[string]any{"was": "@id"}}
			signed["was"], signed["id"] = signed["id"], evil["id"]
			return signed
		},
		"deep in the post": func(evil, signed map[string]any) map[string]any {
			evil["object"].(map[string]any)["tag"] = []any{map[string]any{"type": "Note", "@included": signed}}
			return evil
		},
		"a signed post in another activity": func(evil, signed map[string]any) map[string]any {
			evil["type"], evil["object"] = "Update", signed["object"]
			return evil
		},
		"the signature alone": func(evil, _ map[string]any) map[string]any { return evil },
	} {
		t.Run(name, func(t *testing.T) {
			n += 2
			var signed map[string]any
			if err := json.Unmarshal(f.ldSigned(f.author.create(n), time.Now()), &signed); err != nil {
				t.Fatal(err)
			}
			proof := signed["signature"]
			delete(signed, "signature")
			evil := f.author.create(n + 1)
			evil["object"].(map[string]any)["content"] = "<p>evil</p>"
			doc := arrange(evil, signed)
			doc["signature"] = proof
			before := f.queued()
			if records := f.forward(encodedDoc(t, doc)); len(records) != 0 {
				t.Errorf("believed: %+v", records[0])
			}
			if f.queued() != before+1 {
				t.Errorf("%d fetches, %d before", f.queued(), before)
			}
		})
	}
}
