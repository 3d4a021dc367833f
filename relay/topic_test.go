package relay

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/relay/delivery"
)

func topicOf(t testing.TB, s string) delivery.Topic {
	t.Helper()
	topic, err := delivery.ParseTopic(s)
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

// inboxOf is where peers post for a topic.
func (e *env) inboxOf(topic string) string {
	e.t.Helper()
	return e.community.TopicInbox(topicOf(e.t, topic))
}

func (e *env) actorOf(topic string) string {
	e.t.Helper()
	return e.community.TopicActor(topicOf(e.t, topic))
}

// topicsOf are the topics to which an account is subscribed, as it did.
func (e *env) topicsOf(a *account) (list []string) {
	for _, sub := range e.Subscriptions().Of(a.URI) {
		list = append(list, sub.Topic.String())
	}
	return list
}

// An actor's document, its names and its collections agree, for every kind of topic.
func TestTopicDocuments(t *testing.T) {
	server, c := documents(t)
	for topic, want := range map[string]struct{ actor, name string }{
		"tag/golang":                     {"https://relay.example/tag/golang", "tag-golang"},
		"tag/a_1":                        {"https://relay.example/tag/a_1", "tag-a_1"},
		"tag/東京":                         {"https://relay.example/tag/%E6%9D%B1%E4%BA%AC", "tag-xn--1lqs71d"},
		"instance/social.example":        {"https://relay.example/instance/social.example", "instance-social.example"},
		"instance/xn--bcher-kva.example": {"https://relay.example/instance/xn--bcher-kva.example", "instance-xn--bcher-kva.example"},
		"language/pt-br":                 {"https://relay.example/language/pt-br", "language-pt-br"},
	} {
		resp, body := get(t, "GET", server.URL+strings.TrimPrefix(want.actor, c.Base()), nil)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/activity+json" || resp.Header.Get("ETag") == "" {
			t.Fatalf("%s: %s %v", topic, resp.Status, resp.Header)
		}
		doc := decode(t, body)
		for field, is := range map[string]any{
			"id": want.actor, "type": "Application", "preferredUsername": want.name, "inbox": want.actor + "/inbox", "outbox": want.actor + "/outbox",
			"followers": want.actor + "/followers", "following": want.actor + "/following", "url": "https://relay.example/",
		} {
			if doc[field] != is {
				t.Errorf("%s: %s = %v, want %v", topic, field, doc[field], is)
			}
		}
		key := doc["publicKey"].(map[string]any)
		if keyID, ours := c.KeyOf(want.actor); key["id"] != keyID || !ours || key["id"] != want.actor+"#main-key" || key["owner"] != want.actor {
			t.Errorf("%s: publicKey %v", topic, key)
		}
		_, main := get(t, "GET", server.URL+"/actor", nil)
		if decode(t, main)["publicKey"].(map[string]any)["publicKeyPem"] != key["publicKeyPem"] {
			t.Errorf("%s has another key", topic)
		}
		for _, resource := range []string{"acct:" + want.name + "@relay.example", "acct:@" + strings.ToUpper(want.name) + "@RELAY.example", want.actor, "acct:" + strings.Replace(topic, "/", "-", 1) + "@relay.example"} {
			resp, body := get(t, "GET", server.URL+"/.well-known/webfinger?resource="+url.QueryEscape(resource), nil)
			if resp.StatusCode != 200 || decode(t, body)["subject"] != "acct:"+want.name+"@relay.example" || decode(t, body)["links"].([]any)[0].(map[string]any)["href"] != want.actor {
				t.Errorf("%s: %s %s", resource, resp.Status, body)
			}
		}
		for _, name := range []string{"/outbox", "/followers", "/following"} {
			resp, body := get(t, "GET", server.URL+strings.TrimPrefix(want.actor, c.Base())+name, nil)
			total := map[bool]float64{true: 1}[topic == "tag/golang" && name == "/followers"]
			if doc := decode(t, body); resp.StatusCode != 200 || doc["id"] != want.actor+name || doc["totalItems"] != total {
				t.Errorf("%s%s: %s %s", topic, name, resp.Status, body)
			}
		}
	}
}

// What names no topic, or not in its one form, is not there: not as a document, not as an
// inbox, not as a name, and not as what one may follow.
func TestNoSuchTopic(t *testing.T) {
	e := newEnv(t, nil)
	server := newPeer(t).account("server", map[string]any{"type": "Application"})
	for i, path := range []string{
		"tag/Golang", "tag/%23golang", "tag/Z%C3%BCrich", "tag/a%2Fb", "tag/a%20b", "tag/a-b", "tag/a.b", "tag/a%00", "tag/%FF", "tag/%EF%BC%A1", "tag/%2E%2Ea",
		"tag/%3Cscript%3E", "tag/" + strings.Repeat("a", 257), "tag/" + strings.Repeat("%E6%9D%B1", 3000),
		"instance/A.example", "instance/a.example.", "instance/b%C3%BCcher.example", "instance/a.example:443", "instance/a.example:0", "instance/a.example:70000",
		"instance/u%40a.example", "instance/a.example%3Fx", "instance/a.example%23", "instance/a%2Eexample%2Fx", "instance/a..example", "instance/" + strings.Repeat("a.", 200) + "a",
		"instance/%5B::1", "instance/xn--a-ecp.example%ZZ", "language/DE", "language/de_at", "language/german", "language/und", "language/d", "language/de-", "language/%E5%BE%B7",
		"topic/golang", "Tag/golang",
	} {
		u := e.community.Base() + "/" + path
		for _, address := range []string{u, u + "/outbox", u + "/followers"} {
			r := &http.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: e.community.Host(), Opaque: strings.TrimPrefix(address, "http:")}, Header: http.Header{}}
			if got, err := http.DefaultClient.Do(r); err != nil || got.StatusCode != 404 && !(got.StatusCode == 400 && strings.Contains(path, "%ZZ")) {
				t.Errorf("GET %.80s: %v %v", address, got, err)
			} else {
				got.Body.Close()
			}
		}
		if _, ours := e.community.KeyOf(u); ours {
			t.Errorf("%.80s is an actor", u)
		}
		follow := server.follow(i)
		follow["object"] = u
		if got := server.message(t, follow).send(t, e.inboxURL()); got.Status != 422 && got.Status != 403 && got.Status != 400 || got.Error == "" {
			t.Errorf("Follow of %.80s: %+v", u, got)
		}
	}
	for _, topic := range []string{"/tag/Golang/inbox", "/instance/A.example/inbox", "/language/DE/inbox"} {
		got := server.message(t, server.follow(99)).send(t, e.community.Base()+topic)
		if got.Status != 404 || !strings.Contains(got.Error, strings.ToLower(strings.TrimSuffix(topic, "/inbox"))) {
			t.Errorf("POST to %s: %+v", topic, got)
		}
	}
	if e.count("404", "no_such_topic") != 3 || len(e.Subscriptions().List())+len(e.outbox())+len(e.lanes()) != 0 {
		t.Errorf("%v refusals, subscribers %v", e.count("404", "no_such_topic"), e.Subscriptions().List())
	}
	for _, name := range []string{"tag-", "tag", "tag-xn--", "tag-xn--a", "tag-xn--1lqs71d9", "instance-a/b", "instance-a.example:0", "language-x", "topic-a", "-", "tag-" + strings.Repeat("a", 5000)} {
		u := e.community.Base() + "/.well-known/webfinger?resource=" + url.QueryEscape("acct:"+name+"@"+e.community.Host())
		if resp, body := get(t, "GET", u, nil); resp.StatusCode != 404 && !(name == "tag-"+strings.Repeat("a", 5000)) {
			t.Errorf("acct:%.50s: %s %s", name, resp.Status, body)
		}
	}
	if c := community(t, "https://relay.example"); errors.Is(func() error { _, err := c.topicAt("instance", "a.example:8443"); return err }(), nil) {
		t.Error("a server with a port has a topic")
	}
}

// FuzzTopicPath: whatever stands in a path or a name is one topic, whose own path and name
// say the same, or none.
func FuzzTopicPath(f *testing.F) {
	for _, s := range []string{"tag/golang", "tag/%E6%9D%B1%E4%BA%AC", "tag-xn--1lqs71d", "instance/a.example:8443", "language/pt-br", "tag/%2e%2e/inbox", "instance-a.example", "tag-İ", "actor"} {
		f.Add(s)
	}
	c, err := NewCommunity("http://relay.example")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		check := func(topic delivery.Topic) {
			i := c.identity(topic)
			if u, err := url.Parse(i.uri); err != nil || u.Host != "relay.example" || u.String() != i.uri || u.RawQuery != "" || u.Fragment != "" {
				t.Errorf("%q: actor %q, %v", s, i.uri, err)
			}
			if again, ok := c.topicOf(i.uri); !ok || again != topic {
				t.Errorf("%q: %q is %q", s, i.uri, again)
			}
			if i.username == Username {
				return
			}
			if again, err := c.topicNamed(i.username); err != nil || again != topic {
				t.Errorf("%q: %q is %q, %v", s, i.username, again, err)
			}
			if strings.ContainsFunc(i.username, func(r rune) bool { return r > '~' || r <= ' ' || r == '@' || r == '/' }) {
				t.Errorf("%q: name %q", s, i.username)
			}
		}
		if topic, ok := c.topicOf(c.base + "/" + s); ok {
			check(topic)
		}
		if topic, err := c.topicNamed(s); err == nil {
			check(topic)
		}
		if named, ok, err := c.names("acct:" + s + "@relay.example"); ok && err == nil {
			check(named.topic)
		}
	})
}

// Both styles subscribe to each kind of topic, each actor answers for itself and follows
// back by itself; an Undo ends what it names and leaves the rest.
func TestFollowOfTopics(t *testing.T) {
	for _, topic := range []string{"tag/golang", "tag/東京", "instance/social.example", "language/de"} {
		for _, c := range []struct {
			name   string
			style  delivery.Style
			object func(*env) string
			inbox  func(*env) string
		}{
			{"full", delivery.StyleForward, func(*env) string { return public }, func(e *env) string { return e.inboxOf(topic) }},
			{"as", delivery.StyleForward, func(*env) string { return "as:Public" }, func(e *env) string { return e.inboxOf(topic) }},
			{"short", delivery.StyleForward, func(*env) string { return "Public" }, func(e *env) string { return e.inboxOf(topic) }},
			{"actor", delivery.StyleAnnounce, func(e *env) string { return e.actorOf(topic) }, func(e *env) string { return e.inboxOf(topic) }},
			{"actor at the relay's inbox", delivery.StyleAnnounce, func(e *env) string { return e.actorOf(topic) }, (*env).inboxURL},
		} {
			t.Run(topic+" "+c.name, func(t *testing.T) {
				e := newEnv(t, nil)
				server := newPeer(t).account("relay", map[string]any{"type": "Application"})
				send := func(doc map[string]any) {
					t.Helper()
					if got := server.message(t, doc).send(t, c.inbox(e)); got.Status != 202 {
						t.Fatalf("%+v", got)
					}
				}
				e.subscribe(server) // to all that passes
				follow := server.follow(1)
				follow["object"] = c.object(e)
				send(follow)
				equal(t, "subscriptions", e.topicsOf(server), "", topic)
				sub, _ := e.Subscriptions().Topic(server.URI, topicOf(t, topic))
				if sub.Style != c.style || sub.State != StateAccepted || len(e.lanes()) != 1 || e.Subscriptions().Count() != 1 {
					t.Errorf("%+v, lanes %v", sub, e.lanes())
				}
				list, err := e.Subscriptions().Receivers(t.Context())
				if err != nil || len(list) != 2 || list[1].Actor != e.actorOf(topic) || list[1].Topic != sub.Topic || list[1].Style != c.style {
					t.Errorf("receivers %+v, %v", list, err)
				}
				sent := e.outbox()[1:]
				if accept := sent[0].Doc; accept["type"] != "Accept" || accept["actor"] != e.actorOf(topic) || !strings.HasPrefix(accept["id"].(string), e.actorOf(topic)+"/activities/") ||
					accept["object"].(map[string]any)["object"] != c.object(e) {
					t.Errorf("Accept %v", accept)
				}
				if back := c.style == delivery.StyleAnnounce; back != (len(sent) == 2) || back && (sent[1].Doc["type"] != "Follow" || sent[1].Doc["actor"] != e.actorOf(topic)) {
					t.Errorf("sent %v", sent)
				}
				before := len(e.outbox())
				send(server.undo(follow))
				equal(t, "subscriptions", e.topicsOf(server), "")
				if sent := e.outbox()[before:]; (c.style == delivery.StyleAnnounce) != (len(sent) == 1) || len(sent) == 1 && (sent[0].Doc["type"] != "Undo" || sent[0].Doc["actor"] != e.actorOf(topic)) {
					t.Errorf("sent %v", sent)
				}
				if len(e.lanes()) != 1 || e.signers()["stranger"] != 0 {
					t.Errorf("lanes %v", e.lanes())
				}
			})
		}
	}
}

// signers counts the rows of the outbox by the actor that signs; one that is not the
// activity's own is a stranger.
func (e *env) signers() map[string]int {
	e.t.Helper()
	rows, err := e.ingest.DB.Read().QueryContext(e.t.Context(), `SELECT actor, body FROM outbox`)
	if err != nil {
		e.t.Fatal(err)
	}
	defer rows.Close()
	count := make(map[string]int)
	for rows.Next() {
		var actor string
		var body []byte
		if err := rows.Scan(&actor, &body); err != nil {
			e.t.Fatal(err)
		}
		if !strings.Contains(string(body), fmt.Sprintf(`"actor":%q`, actor)) {
			actor = "stranger"
		}
		count[actor]++
	}
	if err := rows.Err(); err != nil {
		e.t.Fatal(err)
	}
	return count
}

// The forms of an Undo by a server with four subscriptions: each ends one.
func TestUndoOfOneTopic(t *testing.T) {
	const all, tag, language, other = "", "tag/go", "language/de", "tag/cats"
	for _, c := range []struct {
		name   string
		object func(e *env, follows map[string]map[string]any) any
		inbox  string // of which topic
		ends   string
	}{
		{"by id", func(_ *env, f map[string]map[string]any) any { return f[tag]["id"] }, all, tag},
		{"by id, elsewhere", func(_ *env, f map[string]map[string]any) any { return f[tag]["id"] }, other, tag},
		{"embedded", func(_ *env, f map[string]map[string]any) any { return f[language] }, all, language},
		{"embedded, of Public at another inbox", func(_ *env, f map[string]map[string]any) any { return f[other] }, language, other},
		{"all", func(_ *env, f map[string]map[string]any) any { return f[all] }, tag, all},
		{"without id, of Public", func(*env, map[string]map[string]any) any { return map[string]any{"type": "Follow", "object": public} }, other, other},
		{"without id, of Public, at the relay's inbox", func(*env, map[string]map[string]any) any {
			return map[string]any{"type": "Follow", "object": "as:Public"}
		}, all, all},
		{"another id, of the actor", func(e *env, _ map[string]map[string]any) any {
			return map[string]any{"id": "https://x.example/1", "type": "Follow", "object": e.actorOf(tag)}
		}, language, tag},
		{"another id, of an actor that is not followed", func(e *env, _ map[string]map[string]any) any {
			return map[string]any{"id": "https://x.example/1", "type": "Follow", "object": e.actorOf("tag/dogs")}
		}, all, "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEnv(t, nil)
			server := newPeer(t).account("server", map[string]any{"type": "Application"})
			follows := map[string]map[string]any{}
			left := []string{}
			for i, topic := range []string{all, tag, language, other} {
				follows[topic] = server.follow(i)
				if topic == language {
					follows[topic]["object"] = e.actorOf(topic)
				}
				if got := server.message(t, follows[topic]).send(t, e.inboxOf(topic)); got.Status != 202 {
					t.Fatalf("%+v", got)
				}
				if topic != c.ends {
					left = append(left, topic)
				}
			}
			got := server.message(t, server.undo(c.object(e, follows))).send(t, e.inboxOf(c.inbox))
			have := e.topicsOf(server)
			slices.Sort(have)
			slices.Sort(left)
			if got.Status != 202 || !slices.Equal(have, left) {
				t.Errorf("%+v, left %q, want %q", got, have, left)
			}
		})
	}
}

// What the operator decides of an actor holds for all that it follows, and for one of
// them where that is named.
func TestDecisionsAboutTopics(t *testing.T) {
	e := newEnv(t, nil)
	peer := newPeer(t)
	server, stranger := peer.account("server", map[string]any{"type": "Application"}), peer.account("other", nil)
	subs, ctx := e.Subscriptions(), t.Context()
	n := 0
	follow := func(topic string) {
		t.Helper()
		n++
		if got := server.message(t, server.follow(n)).send(t, e.inboxOf(topic)); got.Status != 202 {
			t.Fatalf("%+v", got)
		}
	}
	state := func(want ...string) {
		t.Helper()
		var got []string
		for _, sub := range subs.Of(server.URI) {
			got = append(got, sub.Topic.String()+" "+sub.State+" "+string(sub.Role))
		}
		equal(t, "subscriptions", got, want...)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	follow("tag/a")
	follow("tag/b")
	check(subs.Reject(ctx, server.URI, topicOf(t, "tag/a")))
	follow("tag/a")
	follow("tag/c")
	state("tag/a rejected both", "tag/b accepted both", "tag/c accepted both")
	check(subs.SetRole(ctx, server.URI, RolePaused, topicOf(t, "tag/b")))
	check(subs.Reject(ctx, server.URI))
	follow("tag/d")
	follow("")
	state("tag/a rejected both", "tag/b rejected paused", "tag/c rejected both")
	if kinds := e.kinds(); kinds[len(kinds)-1] != "Reject" || len(e.lanes()) != 0 {
		t.Errorf("sent %v, lanes %v", kinds, e.lanes())
	}
	check(subs.Remove(ctx, server.URI, topicOf(t, "tag/a")))
	check(subs.Approve(ctx, server.URI, topicOf(t, "tag/b")))
	state("tag/b accepted paused", "tag/c rejected both")
	follow("tag/e") // as it is paused, this is
	state("tag/b accepted paused", "tag/c rejected both", "tag/e accepted paused")
	if got := e.post(stranger, stranger.create(1)); got != 403 {
		t.Errorf("a post of a paused server: %d", got)
	}
	check(subs.SetFilter(ctx, server.URI, delivery.Filter{NoBots: true}))
	for _, sub := range subs.Of(server.URI) {
		if sub.Filter != `{"no_bots":true}` {
			t.Errorf("filter of %s: %s", sub.Topic, sub.Filter)
		}
	}
	if err := subs.Remove(ctx, server.URI, topicOf(t, "tag/zzz")); !errors.Is(err, ErrNotSubscribed) {
		t.Errorf("removed what is not there: %v", err)
	}
	link, err := e.MemberLink(server.URI, topicOf(t, "tag/e"), time.Hour)
	check(err)
	u, err := url.Parse(link)
	check(err)
	if sub, err := e.Member(u.Query().Get("token")); err != nil || sub.Topic.String() != "tag/e" {
		t.Errorf("the link opens %+v, %v", sub, err)
	}
	check(subs.Remove(ctx, server.URI))
	state()
}

// Whoever may have all that passes may have a part of it; whoever has a part waits for the whole.
func TestApprovalOfTopics(t *testing.T) {
	e := newEnv(t, func(c *Config, _ *Deps) { c.Mode = ModeApproval })
	server := newPeer(t).account("server", map[string]any{"type": "Application"})
	states := func() (list []string) {
		for _, sub := range e.Subscriptions().Of(server.URI) {
			list = append(list, sub.Topic.String()+" "+sub.State)
		}
		return list
	}
	for i, topic := range []string{"tag/a", "tag/b", ""} {
		server.message(t, server.follow(i)).send(t, e.inboxOf(topic))
		if i == 0 {
			if err := e.Subscriptions().Approve(t.Context(), server.URI); err != nil {
				t.Fatal(err)
			}
		}
	}
	equal(t, "first", states(), "tag/a accepted", "tag/b pending", " pending")
	if err := e.Subscriptions().Approve(t.Context(), server.URI, delivery.Topic{}); err != nil {
		t.Fatal(err)
	}
	server.message(t, server.follow(7)).send(t, e.inboxOf("tag/c"))
	equal(t, "then", states(), "tag/a accepted", "tag/b pending", " accepted", "tag/c accepted")
}

// Topics of one host have a bound of their own.
func TestTopicsPerHost(t *testing.T) {
	e := newEnv(t, func(c *Config, _ *Deps) { c.SubscribersPerHostMax, c.TopicsPerHostMax = 1, 2 })
	server := newPeer(t).account("server", map[string]any{"type": "Application"})
	for i, c := range []struct {
		topic string
		want  int
	}{{"tag/a", 202}, {"tag/b", 202}, {"tag/c", 403}, {"", 202}, {"tag/a", 202}} {
		if got := server.message(t, server.follow(i)).send(t, e.inboxOf(c.topic)); got.Status != c.want || c.want == 403 && !strings.Contains(got.Error, "2 subscriptions") {
			t.Errorf("%q: %+v", c.topic, got)
		}
	}
	if len(e.lanes()) != 1 {
		t.Errorf("lanes %v", e.lanes())
	}
}

// A subscriber of a topic publishes like any member, at either inbox; what ends an actor
// ends all of its subscriptions.
func TestMembersOfTopics(t *testing.T) {
	for name, end := range map[string]func(*env, *account) error{
		"Delete": func(e *env, a *account) error {
			if got := e.post(a, map[string]any{"id": a.URI + "#d", "type": "Delete", "actor": a.URI, "object": a.URI, "to": public}); got != 202 {
				return fmt.Errorf("answered %d", got)
			}
			return nil
		},
		"block": func(e *env, a *account) error {
			_, err := e.Block(e.t.Context(), Block{Scope: ingest.ScopeDomain, Key: "127.0.0.1"})
			return err
		},
		"Block of a topic's actor": func(e *env, a *account) error {
			got := a.message(e.t, map[string]any{"id": a.URI + "#b", "type": "Block", "actor": a.URI, "object": e.actorOf("tag/a")}).send(e.t, e.inboxOf("tag/a"))
			if _, blocked := e.Blocks().Actor(a.URI); !blocked || got.Status != 202 {
				return fmt.Errorf("%+v", got)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, nil)
			peer := newPeer(t)
			server, alice := peer.account("server", map[string]any{"type": "Application"}), peer.account("alice", nil)
			for i, topic := range []string{"tag/a", "language/de"} {
				if got := server.message(t, server.follow(i)).send(t, e.inboxOf(topic)); got.Status != 202 {
					t.Fatalf("%+v", got)
				}
			}
			for i, topic := range []string{"", "tag/a", "instance/not.followed"} {
				if got := alice.message(t, alice.create(i)).send(t, e.inboxOf(topic)); got.Status != 202 {
					t.Errorf("a post at the inbox of %q: %+v", topic, got)
				}
			}
			if n := len(e.records(0)); n != 3 {
				t.Errorf("%d records", n)
			}
			if err := end(e, server); err != nil {
				t.Fatal(err)
			}
			if len(e.Subscriptions().List())+len(e.lanes()) != 0 {
				t.Errorf("left: %+v, %v", e.Subscriptions().List(), e.lanes())
			}
		})
	}
}

// A post that comes to the inbox of each topic that its server follows counts once; what
// was refused counts whenever it comes.
func TestCopiesCountOnce(t *testing.T) {
	e := newEnv(t, func(c *Config, _ *Deps) { c.PostsPerMinute = 3 })
	peer := newPeer(t)
	server, alice := peer.account("server", map[string]any{"type": "Application"}), peer.account("alice", nil)
	topics := []string{"", "tag/a", "tag/b", "language/de"}
	for i, topic := range topics {
		if got := server.message(t, server.follow(i)).send(t, e.inboxOf(topic)); got.Status != 202 {
			t.Fatalf("%+v", got)
		}
	}
	for n, want := range []int{202, 202, 202, 429} {
		post := alice.create(n)
		for _, topic := range topics {
			if got := alice.message(t, post).send(t, e.inboxOf(topic)); got.Status != want {
				t.Errorf("post %d at %q: %+v", n, topic, got)
			}
		}
	}
	if list := e.Quarantine().List(); len(list) != 1 || list[0].Refused != int64(len(topics)) || len(e.seen(ingest.ViewLane, 0)) != 3 {
		t.Errorf("quarantine %+v, lanes see %d records", list, len(e.seen(ingest.ViewLane, 0)))
	}
}

// An answer to the Follow of a topic's actor counts for that one.
func TestAnswersToFollowsOfTopics(t *testing.T) {
	e := newEnv(t, nil)
	pleroma := newPeer(t).account("relay", map[string]any{"type": "Application"})
	backs := map[string]string{}
	for i, topic := range []string{"tag/a", "tag/b"} {
		f := pleroma.follow(i)
		f["object"] = e.actorOf(topic)
		e.post(pleroma, f)
		sub, _ := e.Subscriptions().Topic(pleroma.URI, topicOf(t, topic))
		backs[topic] = sub.Back
	}
	e.post(pleroma, map[string]any{"id": pleroma.URI + "/accepts/1", "type": "Accept", "actor": pleroma.URI, "object": backs["tag/b"]})
	for topic, want := range map[string]string{"tag/a": BackPending, "tag/b": BackAccepted} {
		if sub, _ := e.Subscriptions().Topic(pleroma.URI, topicOf(t, topic)); sub.BackState != want || sub.Back == "" {
			t.Errorf("%s: %+v", topic, sub)
		}
	}
	person := newPeer(t).account("alice", nil)
	f := person.follow(1)
	f["object"] = e.actorOf("tag/a")
	if got := e.post(person, f); got != 403 {
		t.Errorf("a person follows a topic: %d", got)
	}
}
