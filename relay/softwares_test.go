package relay

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/testseed"
	"tributary/relay/delivery"
	"tributary/relay/simulator"
)

// A speaker is a server software as a relay meets it: what its servers send to subscribe,
// to answer and to leave, word by word, and what they read of our answers. Package
// simulator has its documents, keys and signatures.
//
// In the texts {base} is the server, {actor} who speaks for it, {inbox} and {relay} ours,
// {back} our own Follow, {post} a post of alice's, {Public} the public collection.
type speaker struct {
	name   string // NodeInfo
	kind   string // type of the actor that subscribes; Application when empty
	follow string
	id     string // of the Follow
	object string // of the Follow
	accept string // of our Follow; "" when the software does not answer it
	undo   string
	style  delivery.Style
	shared bool     // it is served at its shared inbox
	signs  bool     // its posts bear LD signatures
	create bool     // its authors send their posts themselves
	brings []string // how its server tells of a post otherwise: Announces
	silent []string // what is announced and is no post
	takes  func(accept map[string]any) string
}

// What our Accept has to be for a software to believe it: the first thing that is wrong.
var (
	misskeyFollow = regexp.MustCompile(`follow-relay/(\w+)`) // as Misskey finds its row

	anyAccept = func(map[string]any) string { return "" }
	byRegexp  = func(a map[string]any) string {
		follow, ok := a["object"].(map[string]any)
		if id, _ := follow["id"].(string); !ok || follow["type"] != "Follow" || misskeyFollow.FindStringSubmatch(id) == nil {
			return "no embedded Follow whose id tells the row"
		}
		return ""
	}
	ofActor = func(a map[string]any) string { // who was followed has to answer, and is what the Follow names
		if follow, _ := a["object"].(map[string]any); follow["object"] != a["actor"] {
			return "the Follow is not of who accepts it"
		}
		return ""
	}
	ofPublic = func(a map[string]any) string {
		if follow, _ := a["object"].(map[string]any); follow["object"] != public {
			return "the Follow is not of the public collection"
		}
		return ""
	}
)

const (
	publicFollow = `{"@context":"https://www.w3.org/ns/activitystreams","id":"{id}","type":"Follow","actor":"{actor}","object":"{Public}"}`
	litepub      = `["https://www.w3.org/ns/activitystreams","{base}/schemas/litepub-0.1.jsonld",{"@language":"und"}]`
	friendica    = `["https://www.w3.org/ns/activitystreams","https://w3id.org/security/v1",{"vcard":"http://www.w3.org/2006/vcard/ns#",` +
		`"dfrn":"http://purl.org/macgirvin/dfrn/1.0/","litepub":"http://litepub.social/ns#","toot":"http://joinmastodon.org/ns#"}]`
	service  = `{"type":"Service","name":"Friendica 'Yellow Archangel' 2026.05-1571","url":"{base}"}`
	ldShape  = `{"type":"RsaSignature2017","nonce":"d0c5","creator":"{actor}#main-key","created":"2026-11-23T08:00:00Z","signatureValue":"AAAA"}`
	category = `"type":"Announce","actor":"{group}","to":["{group}/followers"],"cc":["{alice}","{Public}"]`
	topic    = `{"id":"{post}","type":"Article","attributedTo":"{alice}","to":["{Public}"],"cc":["{group}/followers"],"name":"Topic",` +
		`"content":"<p>not as its author wrote it</p>","published":"2026-11-23T08:00:00.000Z"}`
	nodebbTerm = `["https://www.w3.org/ns/activitystreams","https://pleroma.example/schemas/litepub-0.1.jsonld"]`
)

// speakers are those of whom we know what they send: read in their sources, or seen.
func speakers() []speaker {
	pleroma := speaker{
		name: "pleroma", id: "{base}/activities/0b3a1c6e-58f5-4e0a-9d6f-2f1c1d2f6b11", object: "{relay}",
		follow: `{"@context":` + litepub + `,"id":"{id}","type":"Follow","actor":"{actor}","object":"{relay}","to":["{relay}"],` +
			`"cc":["{Public}"],"bto":[],"bcc":[],"state":"pending"}`,
		accept: `{"@context":` + litepub + `,"id":"{base}/activities/5c1f","type":"Accept","actor":"{actor}","to":["{relay}"],"cc":[],` +
			`"object":{"id":"{back}","type":"Follow","actor":"{relay}","object":"{actor}"}}`,
		undo: `{"@context":` + litepub + `,"id":"{base}/activities/77aa","type":"Undo","actor":"{actor}","to":["{relay}"],"cc":["{Public}"],` +
			`"object":{"id":"{id}","type":"Follow","actor":"{actor}","object":"{relay}","to":["{relay}"],"cc":["{Public}"],"state":"cancelled"}}`,
		style: delivery.StyleAnnounce, shared: true, takes: ofActor,
		// Its audience are the relay's followers alone.
		brings: []string{`{"@context":` + litepub + `,"id":"{base}/activities/9e0d","type":"Announce","actor":"{actor}","to":["{actor}/followers"],"cc":[],` +
			`"bto":[],"bcc":[],"context":"{base}/contexts/1","object":"{post}","published":"2026-11-23T08:00:00.000000Z"}`},
	}
	akkoma := pleroma
	akkoma.name = "akkoma"
	old := pleroma // before 2.0 the relay's actor is a Person
	old.kind = "Person"

	misskey := speaker{
		name: "misskey", id: "{base}/activities/follow-relay/a9zk3q1x7c", object: public,
		follow: publicFollow,
		undo: `{"@context":["https://www.w3.org/ns/activitystreams","https://w3id.org/security/v1"],"type":"Undo",` +
			`"id":"{id}/undo","actor":"{actor}","published":"2026-11-23T08:00:00.000Z",` +
			`"object":{"id":"{id}","type":"Follow","actor":"{actor}","object":"{Public}"}}`,
		shared: true, signs: true, create: true, takes: byRegexp,
	}
	sharkey := misskey
	sharkey.name = "sharkey"
	iceshrimp := misskey // the actor of its Undo is an object
	iceshrimp.name = "iceshrimp.net"
	iceshrimp.undo = `{"@context":"https://www.w3.org/ns/activitystreams","id":"{base}/activities/5f0c","type":"Undo",` +
		`"actor":{"id":"{actor}","type":"Application"},"object":{"id":"{id}","type":"Follow","actor":{"id":"{actor}","type":"Application"},"object":"{Public}"}}`

	return []speaker{
		{
			name: "mastodon", id: "{base}/2f6c1f1e-7d0b-4b1a-9c55-7f2f4bb7a001", object: public,
			follow: publicFollow,
			undo: `{"@context":"https://www.w3.org/ns/activitystreams","id":"{base}/9d1b6f8e-0000-4f2e-8e1b-1d0a4c3b2a19","type":"Undo",` +
				`"actor":"{actor}","object":{"id":"{id}","type":"Follow","actor":"{actor}","object":"{Public}"}}`,
			shared: true, signs: true, create: true, takes: anyAccept,
		},
		misskey, sharkey, iceshrimp, pleroma, akkoma, old,
		{
			// Recipients are no arrays; its instance's actor has no shared inbox.
			name: "gotosocial", kind: "Service", id: "{actor}/follow/01K9XJ3F0Q4V1T7Z5R2N8M6C0B", object: "{relay}",
			follow: `{"@context":"https://www.w3.org/ns/activitystreams","actor":"{actor}","id":"{id}","object":"{relay}","to":"{relay}","type":"Follow"}`,
			undo: `{"@context":"https://www.w3.org/ns/activitystreams","actor":"{actor}","id":"{base}/01K9XJ4Q7T5S0V3E2M1N9B8C7D",` +
				`"object":{"actor":"{actor}","id":"{id}","object":"{relay}","to":"{relay}","type":"Follow"},"to":"{relay}","type":"Undo"}`,
			style: delivery.StyleAnnounce, create: true, takes: ofActor,
		},
		{
			// Everything is LD-signed, the Follow too.
			name: "friendica", id: "{base}/activity/8e4f9a0c-1666-21f2-9d6f-b1b2c0d3e4f5", object: "{relay}",
			follow: `{"@context":` + friendica + `,"id":"{id}","type":"Follow","actor":"{actor}","object":"{relay}","instrument":` + service +
				`,"to":["{relay}"],"signature":` + ldShape + `}`,
			accept: `{"@context":` + friendica + `,"id":"{base}/activity/5e00","type":"Accept","actor":"{actor}","object":{"id":"{back}","type":"Follow",` +
				`"actor":"{relay}","object":"{actor}"},"instrument":` + service + `,"to":["{relay}"],"signature":` + ldShape + `}`,
			undo: `{"@context":` + friendica + `,"id":"{base}/activity/9f11","type":"Undo","actor":"{actor}","object":{"id":"{id}","type":"Follow",` +
				`"actor":"{actor}","object":"{relay}"},"instrument":` + service + `,"to":["{relay}"],"signature":` + ldShape + `}`,
			style: delivery.StyleAnnounce, shared: true, signs: true, create: true, takes: ofActor,
		},
		{
			// The Follow's id contains the whole URL of what is followed, and its embedded
			// Follow has a context of its own. Posts come in a category's Announce, as a whole.
			name: "nodebb", id: "{base}/actor#activity/follow/{escaped}/1795424400000", object: "{relay}",
			follow: `{"@context":` + nodebbTerm + `,"id":"{id}","type":"Follow","to":["{relay}"],"object":"{relay}","state":"pending","actor":"{actor}"}`,
			accept: `{"@context":"https://www.w3.org/ns/activitystreams","id":"{actor}#activity/accept:follow/1","type":"Accept","actor":"{actor}",` +
				`"to":["{relay}"],"object":{"id":"{back}","type":"Follow","actor":"{relay}","object":"{actor}","to":["{actor}"]}}`,
			undo: `{"@context":` + nodebbTerm + `,"id":"{base}/actor#activity/undo:follow/{escaped}/1795424460000","type":"Undo","actor":"{actor}",` +
				`"to":["{relay}"],"published":"2026-11-23T08:01:00.000Z","object":{"@context":` + nodebbTerm + `,"id":"{id}","type":"Follow",` +
				`"actor":"{actor}","to":["{relay}"],"object":"{relay}","state":"cancelled"}}`,
			style: delivery.StyleAnnounce, shared: true, create: true, takes: ofActor,
			brings: []string{
				`{"@context":"https://www.w3.org/ns/activitystreams","id":"{post}#activity/announce/cid/1",` + category + `,"object":` + topic + `}`,
				`{"@context":"https://www.w3.org/ns/activitystreams","id":"{post}#activity/announce/cid/1",` + category +
					`,"object":{"id":"{post}#activity/create/1","type":"Create","actor":"{alice}","to":["{Public}"],"object":` + topic + `}}`,
				`{"@context":"https://www.w3.org/ns/activitystreams","id":"{post}#activity/announce/cid/1",` + category + `,"object":"{post}"}`,
			},
			silent: []string{
				`{"@context":"https://www.w3.org/ns/activitystreams","id":"{post}#activity/announce/cid/1",` + category +
					`,"object":{"id":"{alice}#activity/like/1","type":"Like","actor":"{alice}","object":"{post}"}}`,
			},
		},
		{
			// Fedify would write as:Public, and says it in full for relays; its Undo embeds
			// the Follow with a context, and has no id of its own but one with a fragment.
			name: "hollo", id: "{base}/6ae15297-1f05-4b6c-93f6-8a1c2b3d4e5f", object: public,
			follow: `{"@context":["https://w3id.org/identity/v1","https://www.w3.org/ns/activitystreams"],"id":"{id}","type":"Follow",` +
				`"actor":"{actor}","object":"{Public}"}`,
			undo: `{"@context":["https://w3id.org/identity/v1","https://www.w3.org/ns/activitystreams"],"id":"{id}#undo","type":"Undo","actor":"{actor}",` +
				`"object":{"@context":["https://w3id.org/identity/v1","https://www.w3.org/ns/activitystreams"],"id":"{id}","type":"Follow",` +
				`"actor":"{actor}","object":"{Public}"}}`,
			shared: true, signs: true, create: true, takes: ofPublic,
		},
	}
}

// TestSoftwares: servers of all softwares subscribe to one relay, publish and leave, each in
// its own words.
func TestSoftwares(t *testing.T) {
	e := newEnv(t, nil)
	world, err := simulator.New(testseed.Of(t), ingesttest.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	for i, s := range speakers() {
		t.Run(fmt.Sprint(i, " ", s.name, s.kind), func(t *testing.T) {
			server, err := world.Server(simulator.Config{Software: s.name, Accounts: []simulator.Account{
				{Name: "alice", Discoverable: true, Indexable: true}, {Name: "group", Type: "Group"},
			}})
			if err != nil {
				t.Fatal(err)
			}
			if s.kind != "" {
				server.Add(simulator.Account{Name: simulator.Instance, Type: s.kind})
			}
			v := &visit{speaker: s, e: e, t: t, server: server, words: map[string]string{
				"base": server.URL(""), "actor": server.Actor(simulator.Instance), "alice": server.Actor("alice"), "group": server.Actor("group"), "Public": public,
				"inbox": e.community.Inbox(), "relay": e.community.Actor(), "escaped": strings.ReplaceAll(e.community.Actor(), "/", "%2F"),
			}}
			v.words["id"] = v.say(s.id)
			v.subscribes()
			v.publishes()
			v.leaves()
		})
	}
}

// A visit is one server's subscription, from its Follow to its Undo.
type visit struct {
	speaker
	e      *env
	t      *testing.T
	server *simulator.Server
	words  map[string]string
}

// say puts in what the {words} stand for.
func (v *visit) say(text string) string {
	for range 2 { // {id} contains others
		for word, is := range v.words {
			text = strings.ReplaceAll(text, "{"+word+"}", is)
		}
	}
	return text
}

// send posts a text, signed by an account as the software signs.
func (v *visit) send(account, text string) {
	v.t.Helper()
	body := v.say(text)
	if !json.Valid([]byte(body)) {
		v.t.Fatalf("no JSON: %s", body)
	}
	got, err := v.server.SendRaw(v.t.Context(), v.e.inboxURL(), account, []byte(body))
	if err != nil || got.Status != http.StatusAccepted {
		v.t.Fatalf("%s\nis answered %d %s, %v", body, got.Status, got.Body, err)
	}
}

// heard is what we sent to the server's actor, in order.
func (v *visit) heard() (list []map[string]any) {
	for _, s := range v.e.outbox() {
		if to, _ := s.Doc["to"].([]any); len(to) == 1 && to[0] == v.words["actor"] {
			list = append(list, s.Doc)
		}
	}
	return list
}

func (v *visit) member() Subscriber {
	sub, _ := v.e.Subscriptions().Actor(v.words["actor"])
	return sub
}

func (v *visit) subscribes() {
	v.t.Helper()
	v.send(simulator.Instance, v.follow)
	sub := v.member()
	if sub.State != StateAccepted || sub.Style != v.style || sub.Host != v.server.Host() || (sub.Delivery == v.server.URL("/inbox")) != v.shared {
		v.t.Fatalf("subscriber %+v", sub)
	}
	heard := v.heard()
	want := 1
	if v.style == delivery.StyleAnnounce {
		want = 2
	}
	if len(heard) != want {
		v.t.Fatalf("answered with %v", heard)
	}
	v.checkAccept(heard[0])
	if v.style != delivery.StyleAnnounce {
		return
	}
	back := heard[1]
	if back["type"] != "Follow" || back["actor"] != v.words["relay"] || back["object"] != v.words["actor"] {
		v.t.Errorf("our Follow %v", back)
	}
	v.words["back"] = back["id"].(string)
	if v.accept != "" {
		v.send(simulator.Instance, v.accept)
		if state := v.member().BackState; state != BackAccepted {
			v.t.Errorf("our Follow is %s", state)
		}
	}
}

func (v *visit) checkAccept(accept map[string]any) {
	v.t.Helper()
	follow, _ := accept["object"].(map[string]any)
	want := map[string]any{"id": v.words["id"], "type": "Follow", "actor": v.words["actor"], "object": v.say(v.object)}
	if accept["type"] != "Accept" || accept["actor"] != v.words["relay"] || !maps.Equal(follow, want) {
		v.t.Errorf("Accept %v, want one of %v", accept, want)
	}
	if wrong := v.takes(accept); wrong != "" {
		v.t.Errorf("Accept %v: %s", accept, wrong)
	}
}

// publishes: what authors send themselves goes into the log as it came, so that those whose
// receivers can verify it get these bytes; what their server announces is asked of its origin.
func (v *visit) publishes() {
	v.t.Helper()
	written, err := v.server.Create(simulator.Post{Author: "alice"})
	if err != nil {
		v.t.Fatal(err)
	}
	for i, text := range append(slices.Clone(v.brings), v.silent...) {
		if written, err = v.server.Create(simulator.Post{Author: "alice"}); err != nil {
			v.t.Fatal(err)
		}
		v.words["post"] = written.Object
		waiting, records := v.queued(), len(v.e.records(0))
		v.send(v.announcer(), text)
		want := append(slices.Clone(waiting), written.Object)
		slices.Sort(want)
		if i >= len(v.brings) {
			want = waiting
		}
		if got := v.queued(); !slices.Equal(got, want) || len(v.e.records(0)) != records {
			v.t.Errorf("%s\nmade %d records and the fetches %v, want %v", v.say(text), len(v.e.records(0))-records, got, want)
		}
	}
	if !v.create {
		return
	}
	v.logged(written, ingest.KindCreate)
	edited, err := v.server.Edit(written.Object, "")
	if err == nil {
		v.logged(edited, ingest.KindUpdate)
	}
	erased, err := v.server.Erase(written.Object)
	if err != nil {
		v.t.Fatal(err)
	}
	v.logged(erased, ingest.KindDelete)
}

func (v *visit) logged(a simulator.Activity, kind ingest.Kind) {
	v.t.Helper()
	before := len(v.e.records(0))
	got, err := v.server.Send(v.t.Context(), v.e.inboxURL(), a)
	if err != nil || got.Status != http.StatusAccepted {
		v.t.Fatalf("%s is answered %d %s, %v", a.Body, got.Status, got.Body, err)
	}
	records := v.e.records(0)[before:]
	if len(records) != 1 {
		v.t.Fatalf("%s made %d records", a.Body, len(records))
	}
	r := records[0]
	if r.Kind != kind || r.Object != a.Object || r.Actor != v.words["alice"] || r.Giver != v.server.Host() || r.LDSigned != v.signs ||
		r.Verified != ingest.VerifiedHTTP || string(r.Raw) != string(a.Body) {
		v.t.Errorf("%s made %+v", a.Body, r)
	}
}

// announcer is who announces: the server's relay, or a category.
func (v *visit) announcer() string {
	if strings.Contains(v.brings[0], "{group}") {
		return "group"
	}
	return simulator.Instance
}

// queued are the server's objects that wait to be fetched, sorted.
func (v *visit) queued() (objects []string) {
	v.t.Helper()
	rows, err := v.e.ingest.DB.Read().QueryContext(v.t.Context(), `SELECT uri FROM fetches WHERE host = $1 ORDER BY uri`, v.server.Host())
	if err != nil {
		v.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var uri string
		if err := rows.Scan(&uri); err != nil {
			v.t.Fatal(err)
		}
		objects = append(objects, uri)
	}
	if err := rows.Err(); err != nil {
		v.t.Fatal(err)
	}
	return objects
}

func (v *visit) leaves() {
	v.t.Helper()
	before := len(v.heard())
	v.send(simulator.Instance, v.undo)
	if sub, ok := v.e.Subscriptions().Actor(v.words["actor"]); ok {
		v.t.Errorf("still subscribed: %+v", sub)
	}
	for inbox, lane := range v.e.lanes() {
		if lane.Host == v.server.Host() {
			v.t.Errorf("lane of %s is still there", inbox)
		}
	}
	heard := v.heard()[before:]
	if v.style != delivery.StyleAnnounce {
		if len(heard) != 0 {
			v.t.Errorf("answered with %v", heard)
		}
		return
	}
	if len(heard) != 1 || heard[0]["type"] != "Undo" {
		v.t.Fatalf("our Follow is not taken back: %v", heard)
	}
	if follow, _ := heard[0]["object"].(map[string]any); follow["id"] != v.words["back"] || follow["type"] != "Follow" {
		v.t.Errorf("our Undo %v", heard[0])
	}
}
