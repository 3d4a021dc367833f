package linkeddata

import (
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tributary/ingest/signature"
)

// create is what the victim signed: a Create with all that attacks need.
const create = `{
 "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1",
  {"sensitive": "as:sensitive", "Hashtag": "as:Hashtag", "toot": "http://joinmastodon.org/ns#",
   "focalPoint": {"@container": "@list", "@id": "toot:focalPoint"}}],
 "id": "https://peer.example/users/vera/1/activity", "type": "Create", "actor": "https://peer.example/users/vera",
 "to": ["https://www.w3.org/ns/activitystreams#Public"],
 "object": {
  "id": "https://peer.example/users/vera/1", "type": "Note", "attributedTo": "https://peer.example/users/vera",
  "content": "<p>signed</p>", "contentMap": {"en": "<p>signed</p>"}, "sensitive": true, "summary": "careful",
  "url": "https://peer.example/users/vera/1", "published": "2026-11-23T06:59:59Z",
  "to": ["https://www.w3.org/ns/activitystreams#Public"],
  "tag": [{"type": "Hashtag", "name": "#a", "href": "https://peer.example/tags/a"}],
  "attachment": [{"type": "Document", "url": "https://peer.example/a.png", "focalPoint": [0, 0]},
                 {"type": "Document", "url": "https://peer.example/b.png", "focalPoint": [0.5, 0.25]}]}}`

func TestHonest(t *testing.T) {
	statement, err := verify(encode(t, sign(t, create)))
	if err != nil {
		t.Fatal(err)
	}
	note := statement["object"].(map[string]any)
	if note["content"] != "<p>signed</p>" || note["sensitive"] != true || note["contentMap"].(map[string]any)["en"] != "<p>signed</p>" ||
		len(note["attachment"].([]any)) != 2 || note["tag"].(map[string]any)["type"] != "Hashtag" {
		t.Errorf("statement is %v", statement)
	}
}

// TestLanguages: the tag of a language is signed as it is written, or in lower case.
func TestLanguages(t *testing.T) {
	text := strings.Replace(create, `"contentMap": {"en"`, `"contentMap": {"pt-BR"`, 1)
	raw := encode(t, sign(t, text))
	d, err := Parse(raw)
	if err == nil {
		err = d.canonicalise()
	}
	if err != nil || len(d.digests) != 2 {
		t.Fatalf("%d digests, %v", len(d.digests), err)
	}
	for i, digest := range d.digests {
		if d.value, err = rsa.SignPKCS1v15(nil, testKey(), crypto.SHA256, digest); err != nil {
			t.Fatal(err)
		}
		if err := d.Verify(&testKey().PublicKey); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if !strings.Contains(string(d.Statement()), `"contentMap":{"pt-BR":`) {
		t.Errorf("statement %s", d.Statement())
	}
}

// object is the Note of a Create.
func object(doc map[string]any) map[string]any { return doc["object"].(map[string]any) }

// rewritten returns the document as text with one piece replaced.
func rewritten(t *testing.T, doc map[string]any, old, fresh string) []byte {
	t.Helper()
	text := string(encode(t, doc))
	if !strings.Contains(text, old) {
		t.Fatalf("no %s in %s", old, text)
	}
	return []byte(strings.Replace(text, old, fresh, 1))
}

// defineIn adds a term to the document's own context.
func defineIn(doc map[string]any, term string, v any) {
	doc["@context"].([]any)[2].(map[string]any)[term] = v
}

// TestRefused has what a thief of a signature does to the document, or a hostile
// author before signing. None may verify.
func TestRefused(t *testing.T) {
	for name, spoil := range map[string]func(doc map[string]any){
		"another content":               func(doc map[string]any) { object(doc)["content"] = "<p>evil</p>" },
		"another actor":                 func(doc map[string]any) { doc["actor"] = "https://evil.example/m" },
		"an addressee more":             func(doc map[string]any) { doc["cc"] = "https://evil.example/m" },
		"a warning less":                func(doc map[string]any) { delete(object(doc), "summary") },
		"another creator":               func(doc map[string]any) { doc["signature"].(map[string]any)["creator"] = "https://evil.example/m#k" },
		"another date of the signature": func(doc map[string]any) { doc["signature"].(map[string]any)["created"] = "2026-11-24T07:00:00Z" },
		"a nonce more":                  func(doc map[string]any) { doc["signature"].(map[string]any)["nonce"] = "1" },
		"a member of the signature":     func(doc map[string]any) { doc["signature"].(map[string]any)["proofPurpose"] = "x" },
		"@graph around the document": func(doc map[string]any) {
			inner := map[string]any{}
			for name, v := range doc {
				if name != "signature" && name != "@context" {
					inner[name] = v
					delete(doc, name)
				}
			}
			doc["@graph"] = []any{inner}
		},
		"@graph inside":    func(doc map[string]any) { object(doc)["@graph"] = []any{} },
		"@included":        func(doc map[string]any) { doc["@included"] = []any{map[string]any{"id": "https://x.example/"}} },
		"@reverse":         func(doc map[string]any) { object(doc)["@reverse"] = map[string]any{} },
		"@nest":            func(doc map[string]any) { object(doc)["@nest"] = map[string]any{"type": "Note"} },
		"@index":           func(doc map[string]any) { object(doc)["@index"] = "x" },
		"@id beside id":    func(doc map[string]any) { doc["@id"] = "https://x.example/2" },
		"a context inside": func(doc map[string]any) { object(doc)["@context"] = activityStreams },
		"a context that is not bundled": func(doc map[string]any) {
			doc["@context"] = append(doc["@context"].([]any), "https://evil.example/ctx")
		},
		"a null context": func(doc map[string]any) { doc["@context"] = append(doc["@context"].([]any), nil) },
		"no context":     func(doc map[string]any) { delete(doc, "@context") },
		"many contexts": func(doc map[string]any) {
			list := doc["@context"].([]any)
			for range maxContexts {
				list = append(list, activityStreams)
			}
			doc["@context"] = list
		},
		"alias of @graph":       func(doc map[string]any) { defineIn(doc, "g", "@graph") },
		"alias of @included":    func(doc map[string]any) { defineIn(doc, "g", "@included") },
		"alias of @reverse":     func(doc map[string]any) { defineIn(doc, "g", "@reverse") },
		"alias of @id":          func(doc map[string]any) { defineIn(doc, "url2", "@id") },
		"alias of @type by @id": func(doc map[string]any) { defineIn(doc, "kind", map[string]any{"@id": "@type"}) },
		"id is no alias":        func(doc map[string]any) { defineIn(doc, "id", "@type") },
		"reverse term":          func(doc map[string]any) { defineIn(doc, "of", map[string]any{"@reverse": "as:object"}) },
		"term with a context": func(doc map[string]any) {
			defineIn(doc, "x", map[string]any{"@id": "as:x", "@context": map[string]any{}})
		},
		"term in a nest":  func(doc map[string]any) { defineIn(doc, "x", map[string]any{"@id": "as:x", "@nest": "y"}) },
		"term of a graph": func(doc map[string]any) { defineIn(doc, "x", map[string]any{"@id": "as:x", "@container": "@graph"}) },
		"term of an id map": func(doc map[string]any) {
			defineIn(doc, "x", map[string]any{"@id": "as:x", "@container": []any{"@id"}})
		},
		"term of JSON":      func(doc map[string]any) { defineIn(doc, "x", map[string]any{"@id": "as:x", "@type": "@json"}) },
		"content redefined": func(doc map[string]any) { defineIn(doc, "content", "as:summary") },
		"actor redefined": func(doc map[string]any) {
			defineIn(doc, "actor", map[string]any{"@id": "as:attributedTo", "@type": "@id"})
		},
		"to redefined as text":        func(doc map[string]any) { defineIn(doc, "to", "as:to") },
		"object redefined as nothing": func(doc map[string]any) { defineIn(doc, "object", nil) },
		"summary hidden":              func(doc map[string]any) { defineIn(doc, "sensitive", nil) },
		"prefix redefined":            func(doc map[string]any) { defineIn(doc, "as", "https://evil.example/ns#") },
		"@base":                       func(doc map[string]any) { defineIn(doc, "@base", "https://evil.example/") },
		"@import":                     func(doc map[string]any) { defineIn(doc, "@import", "https://evil.example/") },
		"@propagate":                  func(doc map[string]any) { defineIn(doc, "@propagate", false) },
		"many terms": func(doc map[string]any) {
			for i := range maxTerms {
				defineIn(doc, "t"+itoa(i), "as:t"+itoa(i))
			}
		},
		"named blank node":         func(doc map[string]any) { object(doc)["id"] = "_:b0" },
		"blank node as a name":     func(doc map[string]any) { object(doc)["_:b0"] = "x" },
		"relative id with members": func(doc map[string]any) { object(doc)["id"] = "note" },
		"id that ends the line":    func(doc map[string]any) { object(doc)["url"] = "https://x.example/> .\n<https://evil" },
		"id with a space before":   func(doc map[string]any) { doc["cc"] = " https://x.example/" },
		"note described twice": func(doc map[string]any) {
			note := object(doc)
			note["url"] = map[string]any{"id": note["id"], "sensitive": note["sensitive"], "summary": note["summary"]}
			delete(note, "sensitive")
			delete(note, "summary")
		},
		"note described under its URL": func(doc map[string]any) {
			note := object(doc)
			doc["object"] = note["id"]
			doc["cc"] = note
		},
		"two contents":    func(doc map[string]any) { object(doc)["content"] = []any{"<p>evil</p>", "<p>signed</p>"} },
		"two actors":      func(doc map[string]any) { doc["actor"] = []any{"https://evil.example/m", vera} },
		"two types":       func(doc map[string]any) { object(doc)["type"] = []any{"Question", "Note"} },
		"list of two ids": func(doc map[string]any) { doc["object"] = map[string]any{"@list": []any{doc["object"]}} },
	} {
		t.Run(name, func(t *testing.T) {
			doc := sign(t, create)
			spoil(doc)
			if statement, err := verify(encode(t, doc)); err == nil {
				t.Errorf("verified: %v", statement)
			}
		})
	}
}

// TestRefusedText is TestRefused for what only bytes can say.
func TestRefusedText(t *testing.T) {
	doc := sign(t, create)
	for name, raw := range map[string][]byte{
		"member twice":          rewritten(t, doc, `"content":`, `"content":"<p>evil</p>","content":`),
		"member twice, escaped": rewritten(t, doc, `"content":`, `"\u0063ontent":"<p>evil</p>","content":`),
		"signature twice":       rewritten(t, doc, `"signature":`, `"signature":{},"signature":`),
		"not UTF-8":             rewritten(t, doc, `<p>signed`, "<p>signed\xff"),
		"an array":              []byte("[" + string(encode(t, doc)) + "]"),
		"two documents":         append(encode(t, doc), encode(t, doc)...),
	} {
		if _, err := verify(raw); !errors.Is(err, signature.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNotSigned: what the context does not define is not signed. It may stand in
// the document, but never in the statement.
func TestNotSigned(t *testing.T) {
	for name, add := range map[string]func(doc map[string]any){
		"undefined member":    func(doc map[string]any) { object(doc)["quoteUrl"] = "https://evil.example/1" },
		"undefined object":    func(doc map[string]any) { object(doc)["poll"] = map[string]any{"name": "evil"} },
		"relative reference":  func(doc map[string]any) { object(doc)["inReplyTo"] = "evil" },
		"null":                func(doc map[string]any) { object(doc)["inReplyTo"] = nil },
		"member of no prefix": func(doc map[string]any) { object(doc)["evil"] = true },
	} {
		t.Run(name, func(t *testing.T) {
			doc := sign(t, create)
			before, err := verify(encode(t, doc))
			if err != nil {
				t.Fatal(err)
			}
			add(doc)
			after, err := verify(encode(t, doc))
			if err != nil {
				t.Fatal(err)
			}
			if string(encode(t, after)) != string(encode(t, before)) {
				t.Errorf("statement is %v", after)
			}
		})
	}
}

// TestRearranged is CVE-2026-46349: statements of a signed document, arranged so
// that another node is the document.
func TestRearranged(t *testing.T) {
	const undo = `{"@context": "https://www.w3.org/ns/activitystreams", "id": "https://peer.example/users/vera/undo",
	 "type": "Undo", "actor": "https://peer.example/users/vera",
	 "object": {"id": "https://peer.example/users/vera/boost", "type": "Announce", "actor": "https://peer.example/users/vera",
	  "object": "https://other.example/1"}}`
	arrange := map[string]func(outer, inner map[string]any) map[string]any{
		"inner alone":  func(_, inner map[string]any) map[string]any { return inner },
		"@reverse":     func(o, i map[string]any) map[string]any { i["@reverse"] = map[string]any{"object": o}; return i },
		"@included":    func(o, i map[string]any) map[string]any { i["@included"] = []any{o}; return i },
		"@graph":       func(o, i map[string]any) map[string]any { return map[string]any{"@graph": []any{i, o}} },
		"reverse term": func(o, i map[string]any) map[string]any { i["undoneBy"] = o; return i },
		"by the actor": func(o, i map[string]any) map[string]any {
			i["actor"] = map[string]any{"id": vera, "undoneBy": o}
			return i
		},
	}
	for name, f := range arrange {
		outer := sign(t, undo)
		sig, inner := outer["signature"], outer["object"].(map[string]any)
		outer["object"] = inner["id"]
		delete(outer, "signature")
		delete(outer, "@context")
		doc := f(outer, inner)
		doc["signature"] = sig
		doc["@context"] = []any{activityStreams, map[string]any{"undoneBy": map[string]any{"@reverse": "as:object", "@type": "@id"}}}
		if name != "reverse term" && name != "by the actor" {
			doc["@context"] = activityStreams
		}
		if statement, err := verify(encode(t, doc)); err == nil {
			t.Errorf("%s: verified: %v", name, statement)
		}
	}
}

// TestPoison has documents whose canonical form would take for ever: refused
// before it is sought.
func TestPoison(t *testing.T) {
	nested := func(width, depth int) string {
		text := `{"type": "Note"}`
		for range depth {
			text = `{"type": "Note", "tag": [` + strings.Repeat(text+",", width-1) + text + `]}`
		}
		return text
	}
	for name, tag := range map[string]string{
		"two large families":     nested(6, 1) + "," + nested(6, 1),
		"twelve families":        strings.Repeat(nested(12, 1)+",", 11) + nested(12, 1),
		"a tree of equals":       nested(3, 4) + "," + nested(3, 4),
		"long lists":             `{"type": "Note", "orderedItems": [` + strings.Repeat(`"https://x.example/",`, 30) + `"https://x.example/"]}`,
		"many blank nodes":       strings.Repeat(`{"type": "Note"},`, maxBlanks) + `{"type": "Note"}`,
		"many pairs":             strings.Repeat(`{"type": "Note", "tag": {"type": "Note"}},`, 100) + `{"type": "Note", "tag": {"type": "Note"}}`,
		"more values than there": `"https://x.example/"` + strings.Repeat(`,"https://x.example/"`, maxValues),
	} {
		raw := strings.Replace(create, `"tag": [`, `"tag": [`+tag+",", 1)
		doc := map[string]any{}
		if err := json.Unmarshal([]byte(raw), &doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		doc["signature"] = sign(t, create)["signature"]
		if _, err := verify(encode(t, doc)); !errors.Is(err, signature.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
