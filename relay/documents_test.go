package relay

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"tributary/ingest/signature"
	"tributary/relay/delivery"
)

// documents serves everything that is read of a relay with two subscribers.
func documents(t *testing.T) (*httptest.Server, Community) {
	t.Helper()
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	c := community(t, "https://relay.example")
	cfg := Config{Repository: "https://code.example/tributary", Homepage: "https://tributary.example"}
	cfg.applyDefaults()
	subs := &Subscriptions{}
	subs.current.Store(&subscriberSet{count: 2, follow: map[delivery.Topic]int{{}: 2, {Kind: "tag", Name: "golang"}: 1}})
	handlers, err := newDocuments(c, cfg, key, subs)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	(&Relay{documents: handlers, inbox: &inbox{}}).Routes(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server, c
}

func get(t *testing.T, method, u string, header http.Header) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func decode(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return doc
}

func TestActorDocument(t *testing.T) {
	server, c := documents(t)
	resp, body := get(t, "GET", server.URL+"/actor", nil)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/activity+json" {
		t.Fatalf("%s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	doc := decode(t, body)
	for field, want := range map[string]any{
		"id": c.Actor(), "type": "Application", "preferredUsername": "relay", "inbox": "https://relay.example/inbox",
		"outbox": c.Outbox(), "followers": c.Followers(), "following": c.Following(), "manuallyApprovesFollowers": false,
		"url": "https://relay.example/",
	} {
		if doc[field] != want {
			t.Errorf("%s = %v, want %v", field, doc[field], want)
		}
	}
	if shared := doc["endpoints"].(map[string]any)["sharedInbox"]; shared != c.Inbox() {
		t.Errorf("sharedInbox = %v", shared)
	}
	key := doc["publicKey"].(map[string]any)
	if key["id"] != c.Actor()+"#main-key" || key["owner"] != c.Actor() {
		t.Errorf("publicKey = %v", key)
	}
	pem := key["publicKeyPem"].(string)
	if _, err := signature.ParsePublicKey(pem); err != nil || !strings.HasPrefix(pem, "-----BEGIN PUBLIC KEY-----") {
		t.Errorf("publicKeyPem: %v, %.40s", err, pem)
	}
}

// Real servers send odd Accept headers; a well-known one panics on the first.
func TestActorWhateverTheAcceptHeader(t *testing.T) {
	server, _ := documents(t)
	for _, accept := range []string{
		"application/json+activity", "*/*", "", ";;;", "text/html",
		`application/ld+json; profile="https://www.w3.org/ns/activitystreams"`, strings.Repeat("a/b,", 1000),
	} {
		resp, _ := get(t, "GET", server.URL+"/actor", http.Header{"Accept": {accept}})
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/activity+json" {
			t.Errorf("Accept %.40q: %s, %s", accept, resp.Status, resp.Header.Get("Content-Type"))
		}
	}
}

func TestDocumentHeadAndETag(t *testing.T) {
	server, _ := documents(t)
	for _, path := range []string{
		"/actor", "/actor/followers", "/.well-known/nodeinfo", "/nodeinfo/2.0", "/nodeinfo/2.1",
		"/.well-known/webfinger?resource=acct:relay@relay.example", "/.well-known/host-meta",
	} {
		full, body := get(t, "GET", server.URL+path, nil)
		head, none := get(t, "HEAD", server.URL+path, nil)
		if full.StatusCode != 200 || head.StatusCode != 200 || len(none) != 0 || head.ContentLength != int64(len(body)) {
			t.Errorf("%s: GET %s of %d bytes, HEAD %s of %d", path, full.Status, len(body), head.Status, head.ContentLength)
		}
		etag := full.Header.Get("ETag")
		if again, _ := get(t, "GET", server.URL+path, http.Header{"If-None-Match": {`"x", W/` + etag}}); again.StatusCode != 304 {
			t.Errorf("%s with its ETag: %s", path, again.Status)
		}
		if etag == "" || full.Header.Get("Cache-Control") == "" || full.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: header %v", path, full.Header)
		}
		if post, _ := get(t, "POST", server.URL+path, nil); post.StatusCode != 405 {
			t.Errorf("POST %s: %s", path, post.Status)
		}
		if options, _ := get(t, "OPTIONS", server.URL+path, nil); options.StatusCode != 204 {
			t.Errorf("OPTIONS %s: %s", path, options.Status)
		}
	}
}

// Collections say how many, never who.
func TestCollections(t *testing.T) {
	server, c := documents(t)
	for path, want := range map[string]struct {
		id    string
		total float64
	}{"/actor/followers": {c.Followers(), 2}, "/actor/following": {c.Following(), 0}, "/actor/outbox": {c.Outbox(), 0}} {
		resp, body := get(t, "GET", server.URL+path, nil)
		doc := decode(t, body)
		if resp.Header.Get("Content-Type") != "application/activity+json" || doc["type"] != "OrderedCollection" ||
			doc["id"] != want.id || doc["totalItems"] != want.total || len(doc["orderedItems"].([]any)) != 0 {
			t.Errorf("%s: %s", path, body)
		}
	}
}

func TestWebfinger(t *testing.T) {
	server, c := documents(t)
	for _, tc := range []struct {
		query  string
		status int
	}{
		{"?resource=acct:relay@relay.example", 200},
		{"?resource=acct%3Arelay%40relay.example", 200},
		{"?resource=acct:Relay@RELAY.example", 200},
		{"?resource=ACCT:@relay@relay.example", 200},
		{"?resource=https://relay.example/actor", 200},
		{"?resource=https://RELAY.example/actor", 200},
		{"?resource=https://relay.example/", 200},
		{"?resource=https://relay.example", 200},
		{"?resource=acct:relay@relay.example&rel=self", 200},
		{"?resource=acct:nobody@relay.example", 404},
		{"?resource=acct:relay@other.example", 404},
		{"?resource=http://relay.example/actor", 404},
		{"?resource=https://relay.example/actor/x", 404},
		{"?resource=https://relay.example:8443/actor", 404},
		{"?resource=mailto:relay@relay.example", 404},
		{"", 400},
		{"?resource=", 400},
		{"?resource=%zz", 400},
		{"?resource=acct:relay", 400},
		{"?resource=acct:@", 400},
		{"?resource=relay", 400},
		{"?resource=%00://", 400},
		{"?Resource=acct:relay@relay.example", 400},
	} {
		resp, body := get(t, "GET", server.URL+"/.well-known/webfinger"+tc.query, nil)
		if resp.StatusCode != tc.status || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %s, CORS %q, want %d", tc.query, resp.Status, resp.Header.Get("Access-Control-Allow-Origin"), tc.status)
			continue
		}
		doc := decode(t, body)
		if tc.status != 200 {
			if message, _ := doc["error"].(string); message == "" {
				t.Errorf("%s: no message: %s", tc.query, body)
			}
			continue
		}
		if resp.Header.Get("Content-Type") != "application/jrd+json" || doc["subject"] != "acct:relay@relay.example" {
			t.Errorf("%s: %s %s", tc.query, resp.Header.Get("Content-Type"), body)
		}
		links := doc["links"].([]any)
		self := links[0].(map[string]any)
		if self["rel"] != "self" || self["href"] != c.Actor() || self["type"] != "application/activity+json" {
			t.Errorf("%s: self link %v", tc.query, self)
		}
		if strings.Contains(tc.query, "rel=self") != (len(links) == 1) {
			t.Errorf("%s: %d links", tc.query, len(links))
		}
	}
}

func TestNodeInfo(t *testing.T) {
	server, c := documents(t)
	_, body := get(t, "GET", server.URL+"/.well-known/nodeinfo", nil)
	hrefs := map[string]string{}
	for _, l := range decode(t, body)["links"].([]any) {
		link := l.(map[string]any)
		hrefs[link["rel"].(string)] = link["href"].(string)
	}
	want := map[string]string{
		"http://nodeinfo.diaspora.software/ns/schema/2.0":   "https://relay.example/nodeinfo/2.0",
		"http://nodeinfo.diaspora.software/ns/schema/2.1":   "https://relay.example/nodeinfo/2.1",
		"https://www.w3.org/ns/activitystreams#Application": c.Actor(), // FEP-2677
	}
	if !maps.Equal(hrefs, want) {
		t.Errorf("links %v", hrefs)
	}
	for version, software := range map[string][]string{
		"2.0": {"name", "version"}, // the schema allows no other
		"2.1": {"homepage", "name", "repository", "version"},
	} {
		resp, body := get(t, "GET", server.URL+"/nodeinfo/"+version, nil)
		if got := resp.Header.Get("Content-Type"); got != `application/json; profile="http://nodeinfo.diaspora.software/ns/schema/`+version+`#"` {
			t.Errorf("%s: Content-Type %s", version, got)
		}
		doc := decode(t, body)
		keys := slices.Sorted(maps.Keys(doc))
		if !slices.Equal(keys, []string{"metadata", "openRegistrations", "protocols", "services", "software", "usage", "version"}) {
			t.Errorf("%s: properties %v", version, keys)
		}
		if got := slices.Sorted(maps.Keys(doc["software"].(map[string]any))); !slices.Equal(got, software) {
			t.Errorf("%s: software %v", version, got)
		}
		if doc["version"] != version || doc["metadata"].(map[string]any)["subscribers"] != 2.0 {
			t.Errorf("%s: %s", version, body)
		}
	}
}

// FuzzWebfinger: no resource panics, and none but the relay's own is known.
func FuzzWebfinger(f *testing.F) {
	for _, s := range []string{"acct:relay@relay.example", "https://relay.example/actor", "acct:@@", "://", "%", "acct:relay@relay.example@x"} {
		f.Add(s)
	}
	c, err := NewCommunity("https://relay.example")
	if err != nil {
		f.Fatal(err)
	}
	handler := webfinger(c)
	f.Fuzz(func(t *testing.T, resource string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, &http.Request{Method: "GET", URL: &url.URL{Path: "/.well-known/webfinger", RawQuery: "resource=" + url.QueryEscape(resource)}})
		if w.Code == 200 && !strings.Contains(strings.ToLower(resource), "relay.example") {
			t.Errorf("%q is known", resource)
		}
		if w.Code != 200 && w.Code != 400 && w.Code != 404 {
			t.Errorf("%q: %d", resource, w.Code)
		}
	})
}
