package delivery

import (
	"encoding/json"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/signature"
)

func TestShape(t *testing.T) {
	type rec = ingest.Record
	raw := []byte(`{}`)
	for _, c := range []struct {
		name string
		rec  rec
		want shape
	}{
		{"signed create of its author", rec{Kind: 1, Activity: "Create", LDSigned: true, Verified: ingest.VerifiedHTTP}, shapeRaw},
		{"unsigned create", rec{Kind: 1, Activity: "Create", Verified: ingest.VerifiedHTTP}, shapeAnnounce},
		{"signed create that only the LD signature proves", rec{Kind: 1, Activity: "Create", LDSigned: true, Verified: ingest.VerifiedLD}, shapeRaw},
		{"create that a proof proves", rec{Kind: 1, Activity: "Create", Verified: ingest.VerifiedProof}, shapeAnnounce},
		{"fetched object", rec{Kind: 1, Verified: ingest.VerifiedFetch}, shapeAnnounce},
		{"first heard of by a signed update", rec{Kind: 1, Activity: "Update", LDSigned: true, Verified: ingest.VerifiedHTTP}, shapeRaw},
		{"first heard of by an unsigned update", rec{Kind: 1, Activity: "Update", Verified: ingest.VerifiedHTTP}, shapeAnnounce},
		{"first heard of by an Announce", rec{Kind: 1, Activity: "Announce", LDSigned: true, Verified: ingest.VerifiedHTTP}, shapeAnnounce},
		{"unsigned update", rec{Kind: 2, Activity: "Update", Verified: ingest.VerifiedHTTP}, shapeRaw},
		{"move", rec{Kind: 2, Activity: "Move", Verified: ingest.VerifiedHTTP}, shapeRaw},
		{"fetched update", rec{Kind: 2, Verified: ingest.VerifiedFetch}, shapeAnnounce},
		{"unsigned delete", rec{Kind: 3, Activity: "Delete", Verified: ingest.VerifiedHTTP}, shapeRaw},
		{"object found to be gone", rec{Kind: 3, Verified: ingest.VerifiedFetch}, shapeNone},
		{"upgrade by grant", rec{
			Kind: 4, Activity: "Create", LDSigned: true, Verified: ingest.VerifiedHTTP,
			PrevGrant: ingest.GrantStream, PrevTier: ingest.TierLive,
		}, shapeRaw},
		{"upgrade by tier", rec{Kind: 4, PrevGrant: ingest.GrantRelay, PrevTier: ingest.TierNone}, shapeAnnounce},
		{"upgrade of what was relayed", rec{Kind: 4, PrevGrant: ingest.GrantRelay, PrevTier: ingest.TierRelay}, shapeNone},
		{"withdraw", rec{Kind: 5}, shapeNone},
		{"epoch", rec{Kind: 6}, shapeNone},
		{"heartbeat", rec{Kind: 7}, shapeNone},
		{"unknown", rec{Kind: 99}, shapeNone},
	} {
		c.rec.Object, c.rec.Raw = "https://o.example/1", raw
		if got := shapeOf(&c.rec, StyleForward); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Whoever follows the actor gets each post as an Announce, and what only raw bytes can say.
func TestShapeOfAnnouncing(t *testing.T) {
	for want, rec := range map[shape]ingest.Record{
		shapeAnnounce: {Kind: ingest.KindCreate, Activity: "Create", LDSigned: true, Verified: ingest.VerifiedHTTP},
		shapeRaw:      {Kind: ingest.KindDelete, Activity: "Delete"},
	} {
		rec.Object, rec.Raw = "https://o.example/1", []byte(`{}`)
		if got := shapeOf(&rec, StyleAnnounce); got != want {
			t.Errorf("kind %d goes as %d, want %d", rec.Kind, got, want)
		}
	}
}

func TestJudgedOfAnnouncing(t *testing.T) {
	refused := answer{verdict: judgedServer, status: 401}
	remove := &ingest.Record{Kind: ingest.KindDelete, Activity: "Delete", Object: "https://o.example/1", Raw: []byte(`{}`)}
	post := &ingest.Record{Kind: ingest.KindCreate, Object: "https://o.example/1", Raw: []byte(`{}`)}
	for _, c := range []struct {
		rec   *ingest.Record
		style Style
		want  verdict
	}{
		{remove, StyleAnnounce, judgedRecord}, {remove, StyleForward, judgedServer}, {post, StyleAnnounce, judgedServer},
	} {
		if got := judged(c.rec, c.style, refused).verdict; got != c.want {
			t.Errorf("kind %d, style %d: %d, want %d", c.rec.Kind, c.style, got, c.want)
		}
	}
}

func TestAnnounce(t *testing.T) {
	r := ingest.Record{
		Kind: ingest.KindCreate, Seq: 7, ID: 123, Object: "https://o.example/notes/1",
		Time: time.Date(2026, 11, 23, 1, 2, 3, 456789000, time.FixedZone("", 3600)),
	}
	const actor = "https://relay.example/actor"
	want := `{"@context":"https://www.w3.org/ns/activitystreams","id":"https://relay.example/actor/announces/123",` +
		`"type":"Announce","actor":"https://relay.example/actor","published":"2026-11-23T00:02:03.456Z",` +
		`"to":["https://www.w3.org/ns/activitystreams#Public"],"object":"https://o.example/notes/1"}`
	if got := string(announceOf(actor, &r)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	digest, body := splitForm(&r, encodeForm(actor, StyleForward)(&r))
	if string(body) != want || digest != signature.Digest(body) {
		t.Errorf("form: %s %s", digest, body)
	}
	id := func(r ingest.Record) (s struct{ ID string }) {
		if err := json.Unmarshal(announceOf(actor, &r), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	create, update, nameless := r, r, r
	update.Kind, update.Seq = ingest.KindUpdate, 9
	nameless.ID = 0
	if id(create) == id(update) || id(nameless) == id(create) {
		t.Error("two records, one id")
	}
}

func TestFormOfRaw(t *testing.T) {
	r := entry(1, "o", "a").Record
	digest, body := splitForm(r, encodeForm("https://relay.example/actor", StyleForward)(r))
	if digest != signature.Digest(r.Raw) || &body[0] != &r.Raw[0] {
		t.Error("raw bytes are not sent as they are")
	}
}
