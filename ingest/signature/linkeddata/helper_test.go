package linkeddata

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"sync"
	"testing"
	"time"

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
	raw, err := Sign([]byte(text), vera+"#main-key", testKey(), time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
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
