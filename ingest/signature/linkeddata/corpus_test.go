package linkeddata

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/piprate/json-gold/ld"
)

// documentsOf are the documents that ingest/ap is tested with, as seeds.
func documentsOf(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../ap/testdata/documents/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	documents := make(map[string][]byte, len(files))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		documents[filepath.Base(file)] = raw
	}
	return documents
}

// sameAsJSONGold compares our canonical form of a document with json-gold's own,
// made without any of our bounds and checks. It says whether there is one.
func sameAsJSONGold(t testing.TB, name string, raw []byte) bool {
	t.Helper()
	var doc map[string]any
	if json.Unmarshal(raw, &doc) != nil {
		return false
	}
	delete(doc, "signature")
	if err := checkShape(doc); err != nil {
		t.Logf("%s: %v", name, err)
		return false
	}
	root, err := tree(maps.Clone(doc))
	if err != nil {
		t.Logf("%s: %v", name, err)
		return false
	}
	quads := root.quads(true) // as json-gold writes languages
	if err := quads.checkTangle(); err != nil {
		t.Logf("%s: %v", name, err)
		return false
	}
	got, err := quads.canonical()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	want, err := ld.NewJsonLdProcessor().Normalize(doc, options())
	if err != nil {
		t.Fatalf("%s: json-gold: %v", name, err)
	}
	if got != want.(string) && !strings.Contains(got, "<at://") { // which json-gold takes for no IRI
		t.Errorf("%s: got\n%s\njson-gold\n%s", name, got, want)
	}
	return true
}

// TestSameAsJSONGold: the statements are those that json-gold makes of the same
// document. (It leaves out IRIs that it takes for no URL; these have none.)
func TestSameAsJSONGold(t *testing.T) {
	readable := 0
	for name, raw := range documentsOf(t) {
		if sameAsJSONGold(t, name, raw) {
			readable++
		}
	}
	if readable < 5 {
		t.Errorf("only %d documents could be compared", readable)
	}
	for i, text := range []string{
		create,
		`{"@context":["https://www.w3.org/ns/activitystreams","https://w3id.org/security/data-integrity/v1"],"id":"https://a.example/1",
		  "type":"Note","proof":{"@context":"https://w3id.org/security/data-integrity/v1","type":"DataIntegrityProof","proofValue":"zz"}}`,
		`{"@context":"https://www.w3.org/ns/activitystreams","id":"https://a.example/1","type":["Note","Unknown"],"unknown":1,
		  "attachment":[{"type":"Unknown"},{"type":"Unknown"}],"width":1.5,"height":-0.0,"latitude":1e30,"duration":"PT5S"}`,
		`{"@context":["https://www.w3.org/ns/activitystreams",{"@language":"de-AT","l":{"@id":"as:l","@container":"@list"}}],
		  "id":"https://a.example/1","content":"a\"\\\n\tb","l":[1,[2,3],{"name":"x"}],"to":[],"cc":"https://a.example/1"}`,
	} {
		if !sameAsJSONGold(t, fmt.Sprint(i), []byte(text)) {
			t.Errorf("%d was not compared", i)
		}
	}
}

// TestOptions: the statements of a signature are those of JSON-LD.
func TestOptions(t *testing.T) {
	for _, nonce := range []string{"", "1f", "a b"} {
		sig := map[string]any{
			"type": signatureType, "id": "x", "creator": vera + "#main-key",
			"created": "2026-11-23T07:00:00Z", "signatureValue": "AAAA",
		}
		if nonce != "" {
			sig["nonce"], sig["domain"] = nonce, "example.org"
		}
		var d Document
		if err := d.readSignature(sig); err != nil {
			if strings.Contains(nonce, " ") {
				continue
			}
			t.Fatal(err)
		}
		for _, name := range []string{"type", "id", "signatureValue"} {
			delete(sig, name)
		}
		sig["@context"] = "https://w3id.org/identity/v1"
		want, err := ld.NewJsonLdProcessor().Normalize(sig, options())
		if err != nil || d.options != want.(string) {
			t.Errorf("got\n%s\nJSON-LD\n%s %v", d.options, want, err)
		}
	}
}

// FuzzParse: no document panics or takes long, and what verifies under its own
// signature says the same to json-gold.
func FuzzParse(f *testing.F) {
	for _, raw := range documentsOf(f) {
		f.Add(raw)
	}
	for _, c := range readVectors(f).Cases {
		f.Add([]byte(c.Document))
	}
	f.Add([]byte(create))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := Parse(raw)
		if err != nil {
			return
		}
		if err := d.canonicalise(); err != nil {
			return
		}
		if !json.Valid(d.Statement()) {
			t.Errorf("statement is no JSON: %s", d.Statement())
		}
	})
}

// Verifying costs this much beside the request's own signature; it is paid for
// relayed copies only.
func BenchmarkVerify(b *testing.B) {
	raw := encode(b, sign(b, create))
	var made map[string]any
	if err := json.Unmarshal(documentsOf(b)["mastodon-create.json"], &made); err != nil {
		b.Fatal(err)
	}
	delete(made, "signature")
	mastodon := encode(b, sign(b, string(encode(b, made))))
	b.Run("create", func(b *testing.B) {
		for b.Loop() {
			if _, err := verify(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("mastodon", func(b *testing.B) {
		b.SetBytes(int64(len(mastodon)))
		for b.Loop() {
			if _, err := verify(mastodon); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := Parse(mastodon); err != nil {
				b.Fatal(err)
			}
		}
	})
}
