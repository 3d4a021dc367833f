package relay

import (
	"crypto/ed25519"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/signature"
	"tributary/ingest/signature/linkeddata"
	"tributary/ingest/signature/proof"
)

// forwarding is a relay, a subscriber that forwards, and an author elsewhere who
// signs documents.
type forwarding struct {
	*env
	t         *testing.T
	forwarder *account
	author    *account
	edKey     ed25519.PrivateKey
}

func newForwarding(t *testing.T) *forwarding {
	f := &forwarding{env: newEnv(t, nil), t: t, forwarder: newPeer(t).account("relay", map[string]any{"type": "Application"})}
	f.subscribe(f.forwarder)
	elsewhere := newPeer(t)
	f.edKey = ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize)))
	uri := elsewhere.URL + "/users/vera"
	f.author = elsewhere.account("vera", map[string]any{"assertionMethod": []any{f.multikey(uri+"#ed", uri)}})
	return f
}

func (f *forwarding) multikey(id, controller string) map[string]any {
	return map[string]any{
		"id": id, "type": "Multikey", "controller": controller,
		"publicKeyMultibase": signature.MarshalMultikey(f.edKey.Public().(ed25519.PublicKey)),
	}
}

// forward sends a document as the forwarder and returns the records that came of it.
func (f *forwarding) forward(raw []byte) []*ingest.Record {
	f.t.Helper()
	before := len(f.records(0))
	if got := f.forwarder.message(f.t, raw).send(f.t, f.inboxURL()); got.Status != http.StatusAccepted {
		f.t.Fatalf("%d %s", got.Status, got.Error)
	}
	f.ingest.CatchUp()
	return f.records(0)[before:]
}

func (f *forwarding) queued() (n int) {
	f.t.Helper()
	if err := f.ingest.DB.Read().QueryRowContext(f.t.Context(), `SELECT COUNT(*) FROM fetches`).Scan(&n); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// counted is the number of signatures in documents that came to a result.
func (f *forwarding) counted(kind, result string) (n float64) {
	f.t.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if family.GetName() == "tributary_relay_document_signatures_total" && labels["kind"] == kind && labels["result"] == result {
				n = m.GetCounter().GetValue()
			}
		}
	}
	return n
}

func encodedDoc(t *testing.T, doc map[string]any) []byte {
	t.Helper()
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (f *forwarding) ldSigned(doc map[string]any, at time.Time) []byte {
	f.t.Helper()
	raw, err := linkeddata.Sign(encodedDoc(f.t, doc), f.author.KeyID, f.author.Key, at)
	if err != nil {
		f.t.Fatal(err)
	}
	return raw
}

func (f *forwarding) proved(doc map[string]any, keyID string, at time.Time) []byte {
	f.t.Helper()
	raw, err := proof.Sign(encodedDoc(f.t, doc), keyID, f.edKey, at)
	if err != nil {
		f.t.Fatal(err)
	}
	return raw
}

// A copy that its author's signature proves is taken from whoever forwards it, at
// once and as it is.
func TestForwardedCopyProved(t *testing.T) {
	f := newForwarding(t)
	ed, now := f.author.URI+"#ed", time.Now()

	raw := f.ldSigned(f.author.create(1), now)
	records := f.forward(raw)
	if len(records) != 1 || f.queued() != 0 {
		t.Fatalf("LD signature: %d records, %d fetches", len(records), f.queued())
	}
	r := records[0]
	if r.Verified != ingest.VerifiedLD || !r.LDSigned || r.Actor != f.author.URI || r.Giver != f.forwarder.peer.host() ||
		r.Grant != ingest.GrantSubscriber || string(r.Raw) != string(raw) || r.Post == nil || r.Post.Content != "<p>1</p>" {
		t.Errorf("LD signature: %+v", r)
	}
	if got := f.forward(f.ldSigned(f.author.create(1), now.Add(time.Second))); len(got) != 0 {
		t.Errorf("known already: %+v", got)
	}

	records = f.forward(f.proved(f.author.create(2), ed, now))
	if len(records) != 1 || records[0].Verified != ingest.VerifiedProof || records[0].LDSigned {
		t.Fatalf("proof: %+v, %d fetches", records, f.queued())
	}

	// Fedify signs twice: the LD signature is over the proof.
	doc := f.author.create(3)
	doc["@context"] = []any{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v1"}
	var both map[string]any
	if err := json.Unmarshal(f.proved(doc, ed, now), &both); err != nil {
		t.Fatal(err)
	}
	records = f.forward(f.ldSigned(both, now))
	if len(records) != 1 || records[0].Verified != ingest.VerifiedLD {
		t.Fatalf("both: %+v, %d fetches", records, f.queued())
	}
	// If the LD signature was spoiled on the way, the proof still holds; it makes an Announce.
	doc = f.author.create(4)
	doc["@context"] = []any{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v1"}
	if err := json.Unmarshal(f.proved(doc, ed, now), &both); err != nil {
		t.Fatal(err)
	}
	spoiled := strings.Replace(string(f.ldSigned(both, now)), `"creator":"`, `"nonce":"x","creator":"`, 1)
	records = f.forward([]byte(spoiled))
	if len(records) != 1 || records[0].Verified != ingest.VerifiedProof || records[0].LDSigned {
		t.Fatalf("spoiled: %+v, %d fetches", records, f.queued())
	}

	object := f.author.URI + "/notes/1"
	update := maps.Clone(f.author.create(1))
	update["type"], update["id"] = "Update", object+"/update"
	update["object"].(map[string]any)["content"] = "<p>edited</p>"
	update["object"].(map[string]any)["updated"] = now.Add(time.Second).UTC().Format(time.RFC3339)
	records = f.forward(f.ldSigned(update, now))
	if len(records) != 1 || records[0].Kind != ingest.KindUpdate || records[0].Post.Content != "<p>edited</p>" {
		t.Fatalf("Update: %+v, %d fetches", records, f.queued())
	}
	remove := map[string]any{
		"@context": "https://www.w3.org/ns/activitystreams", "id": object + "#delete", "type": "Delete", "actor": f.author.URI,
		"to": []string{public}, "object": map[string]any{"id": object, "type": "Tombstone"},
	}
	records = f.forward(f.ldSigned(remove, now))
	if len(records) != 1 || records[0].Kind != ingest.KindDelete || records[0].Object != object || records[0].Verified != ingest.VerifiedLD {
		t.Fatalf("Delete: %+v, %d fetches", records, f.queued())
	}
	if f.queued() != 0 {
		t.Errorf("%d fetches", f.queued())
	}
}

// A copy that nothing proves makes us ask its origin, as one without a signature
// does; and is never believed.
func TestForwardedCopyNotProved(t *testing.T) {
	f := newForwarding(t)
	now, n := time.Now(), 0
	uri, ed := f.author.URI, f.author.URI+"#ed"
	mallory := f.author.peer.account("mallory", map[string]any{"assertionMethod": []any{f.multikey(f.author.peer.URL+"/users/mallory#ed", f.author.peer.URL+"/users/mallory")}})
	try := func(name, kind, reason string, make func(doc map[string]any) []byte) {
		t.Helper()
		n++
		before, counted := f.queued(), f.counted(kind, reason)
		if records := f.forward(make(f.author.create(n))); len(records) != 0 {
			t.Errorf("%s: believed: %+v", name, records[0])
		}
		if f.queued() != before+1 {
			t.Errorf("%s: %d fetches, %d before", name, f.queued(), before)
		}
		if got := f.counted(kind, reason); got != counted+1 {
			t.Errorf("%s: counted %v times more as %s %s", name, got-counted, kind, reason)
		}
	}
	spoil := func(raw []byte, old, fresh string) []byte {
		t.Helper()
		if !strings.Contains(string(raw), old) {
			t.Fatalf("no %s in %s", old, raw)
		}
		return []byte(strings.Replace(string(raw), old, fresh, 1))
	}
	try("content changed", "ld", "invalid", func(doc map[string]any) []byte { return spoil(f.ldSigned(doc, now), `content":"`, `content":"evil `) })
	try("replayed later", "ld", "stale", func(doc map[string]any) []byte { return f.ldSigned(doc, now.Add(-proofAge-time.Minute)) })
	try("from the future", "ld", "stale", func(doc map[string]any) []byte { return f.ldSigned(doc, now.Add(proofSkew+time.Minute)) })
	try("key of another actor of the same server", "ld", "foreign_key", func(doc map[string]any) []byte {
		raw, err := linkeddata.Sign(encodedDoc(t, doc), mallory.KeyID, mallory.Key, now)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	})
	try("no such key", "ld", "no_key", func(doc map[string]any) []byte {
		raw, err := linkeddata.Sign(encodedDoc(t, doc), uri+"#other", f.author.Key, now)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	})
	try("unknown context", "ld", "unsupported", func(doc map[string]any) []byte {
		return spoil(f.ldSigned(doc, now), `"https://www.w3.org/ns/activitystreams"`, `["https://www.w3.org/ns/activitystreams","https://evil.example/ns"]`)
	})
	try("context inside", "ld", "malformed", func(doc map[string]any) []byte {
		return spoil(f.ldSigned(doc, now), `"object":{`, `"object":{"@context":"https://www.w3.org/ns/activitystreams",`)
	})
	try("a member that is not signed", "ld", "disagrees", func(doc map[string]any) []byte {
		return spoil(f.ldSigned(doc, now), `"object":{`, `"object":{"quoteUrl":"https://evil.example/1",`)
	})
	try("a warning that is not signed", "ld", "disagrees", func(doc map[string]any) []byte {
		return spoil(f.ldSigned(doc, now), `"object":{`, `"object":{"sensitive":true,`)
	})
	try("content changed under a proof", "proof", "invalid", func(doc map[string]any) []byte {
		return spoil(f.proved(doc, ed, now), `content":"`, `content":"evil `)
	})
	try("proof replayed later", "proof", "stale", func(doc map[string]any) []byte { return f.proved(doc, ed, now.Add(-proofAge-time.Minute)) })
	try("proof by another actor", "proof", "foreign_key", func(doc map[string]any) []byte { return f.proved(doc, mallory.URI+"#ed", now) })
	try("proof by the key of requests", "proof", "no_key", func(doc map[string]any) []byte { return f.proved(doc, f.author.KeyID, now) })

	// What an actor says of itself is taken from itself only: it has no version.
	update := map[string]any{
		"@context": "https://www.w3.org/ns/activitystreams", "id": uri + "#update", "type": "Update", "actor": uri, "to": []string{public},
		"object": map[string]any{"id": uri, "type": "Person", "inbox": uri + "/inbox"},
	}
	if records := f.forward(f.ldSigned(update, now)); len(records) != 0 {
		t.Errorf("an actor's Update was believed: %+v", records[0])
	}
}

// Who finds all places taken is fetched, and nothing is kept of him.
func TestForwardedCopyBusy(t *testing.T) {
	f := newForwarding(t)
	for range documentsMax {
		f.inbox.documents <- struct{}{}
	}
	if records := f.forward(f.ldSigned(f.author.create(1), time.Now())); len(records) != 0 || f.queued() != 1 || f.counted("any", "busy") != 1 {
		t.Errorf("%d records, %d fetches", len(records), f.queued())
	}
}

// A key that rotated is fetched anew, once, for signatures in documents as for
// those of requests.
func TestForwardedCopyAfterRotation(t *testing.T) {
	f := newForwarding(t)
	now := time.Now()
	if records := f.forward(f.ldSigned(f.author.create(1), now)); len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	f.author.rotate()
	if records := f.forward(f.ldSigned(f.author.create(2), now)); len(records) != 1 || records[0].Verified != ingest.VerifiedLD {
		t.Errorf("LD signature: %+v", records)
	}
	f.edKey = ed25519.NewKeyFromSeed([]byte(strings.Repeat("n", ed25519.SeedSize)))
	f.author.peer.account("vera", map[string]any{
		"publicKey": keyDocument(f.author), "assertionMethod": []any{f.multikey(f.author.URI+"#ed", f.author.URI)},
	})
	if records := f.forward(f.proved(f.author.create(3), f.author.URI+"#ed", now)); len(records) != 1 || records[0].Verified != ingest.VerifiedProof {
		t.Errorf("proof: %+v", records)
	}
}
