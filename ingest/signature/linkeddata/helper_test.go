package linkeddata

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"sync"
	"testing"

	"tributary/ingest/signature"
)

const vera = "https://peer.example/users/vera"

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := signature.GenerateKey()
	if err != nil {
		panic(err)
	}
	return key
})

// sign is what a server does that signs: the document with its signature.
func sign(t testing.TB, text string) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	d := &Document{body: maps.Clone(doc)}
	sig := map[string]any{
		"type": signatureType, "creator": vera + "#main-key", "created": "2026-11-23T07:00:00Z", "signatureValue": "AAAA",
	}
	if err := d.readSignature(sig); err != nil {
		t.Fatal(err)
	}
	if err := d.canonicalise(); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	value, err := rsa.SignPKCS1v15(rand.Reader, testKey(), crypto.SHA256, d.digest)
	if err != nil {
		t.Fatal(err)
	}
	sig["signatureValue"] = base64.StdEncoding.EncodeToString(value)
	doc["signature"] = sig
	return doc
}

func encode(t testing.TB, doc map[string]any) []byte {
	t.Helper()
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		t.Fatal(err)
	}
	return raw.Bytes()
}

// verify returns the statement of a document, or why there is none.
func verify(raw []byte) (map[string]any, error) {
	d, err := Parse(raw)
	if err == nil {
		err = d.Verify(&testKey().PublicKey)
	}
	if err != nil {
		return nil, err
	}
	var statement map[string]any
	return statement, json.Unmarshal(d.Statement(), &statement)
}
