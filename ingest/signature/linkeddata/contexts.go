package linkeddata

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/piprate/json-gold/ld"
)

//go:embed contexts/*.json
var files embed.FS

// bundled are the contexts that servers name, by URL. Nothing else is loaded: a
// context that could be fetched could change what was signed, and each fetch
// would be one that a stranger asked for. Mastodon, Misskey, Friendica and
// PeerTube, which sign, write the rest of their vocabulary into the document.
// Pleroma's (litepub) lies on every server of its own; these do not sign.
var bundled = map[string]string{
	activityStreams:                                "activitystreams",
	"https://w3id.org/security/v1":                 "security-v1",
	"https://w3id.org/security/data-integrity/v1":  "data-integrity-v1",
	"https://w3id.org/security/data-integrity/v2":  "data-integrity-v2",
	"https://w3id.org/security/multikey/v1":        "multikey-v1",
	"https://w3id.org/identity/v1":                 "identity-v1",
	"https://www.w3.org/ns/did/v1":                 "did-v1",
	"https://www.w3.org/ns/cid/v1":                 "cid-v1",
	"https://gotosocial.org/ns":                    "gotosocial",
	"https://w3id.org/fep/5711":                    "fep-5711",
	"https://w3id.org/fep/ef61":                    "fep-ef61",
	"https://purl.archive.org/socialweb/webfinger": "webfinger",
	"https://purl.archive.org/miscellany":          "miscellany",
	"https://join-lemmy.org/context.json":          "lemmy",
	"http://joinmastodon.org/ns":                   "mastodon",
}

const (
	activityStreams = "https://www.w3.org/ns/activitystreams"
	asNamespace     = activityStreams + "#"
)

// contextURL is the spelling under which a context is bundled: some servers
// write the namespace for the context, or http.
func contextURL(uri string) string {
	switch strings.TrimRight(strings.TrimPrefix(strings.TrimPrefix(uri, "https://"), "http://"), "#/") {
	case "www.w3.org/ns/activitystreams":
		return activityStreams
	case "w3id.org/security/v1":
		return "https://w3id.org/security/v1"
	case "joinmastodon.org/ns":
		return "http://joinmastodon.org/ns"
	}
	return uri
}

// documents are the bundled contexts, parsed once. They are shared and never changed.
var documents = sync.OnceValue(func() map[string]any {
	docs := make(map[string]any, len(bundled))
	for uri, name := range bundled {
		raw, err := files.ReadFile("contexts/" + name + ".json")
		var doc any
		if err == nil {
			err = json.Unmarshal(raw, &doc)
		}
		if err != nil {
			panic("linkeddata: BUG: context " + name + ": " + err.Error())
		}
		docs[uri] = doc
	}
	return docs
})

// loader gives json-gold the bundled contexts.
type loader struct{}

func (loader) LoadDocument(uri string) (*ld.RemoteDocument, error) {
	uri = contextURL(uri)
	doc, ok := documents()[uri]
	if !ok {
		return nil, fmt.Errorf("context %.100q is not bundled", uri)
	}
	return &ld.RemoteDocument{DocumentURL: uri, Document: doc}, nil
}

// definition is what a term stands for.
type definition struct {
	iri       string
	coerce    string // "@id", a datatype, or ""
	container string // "@list", "@language" …, or ""
}

// core are the terms of ActivityStreams. No document may give them another
// meaning: who reads it as plain JSON knows only this one.
var core = sync.OnceValue(func() map[string]definition {
	terms := documents()[activityStreams].(map[string]any)["@context"].(map[string]any)
	defs := make(map[string]definition, len(terms))
	for name, v := range terms {
		if d, ok := define(v, terms); ok && !strings.HasPrefix(name, "@") {
			defs[name] = d
		}
	}
	return defs
})

// define reads a term's definition; prefixes are looked up in terms.
func define(v any, terms map[string]any) (definition, bool) {
	var d definition
	switch v := v.(type) {
	case string:
		d.iri = v
	case map[string]any:
		d.iri, _ = v["@id"].(string)
		d.coerce, _ = v["@type"].(string)
		if c, ok := v["@container"]; ok && c != "@set" { // a set of one is one
			d.container = fmt.Sprint(c)
		}
	}
	d.iri, d.coerce = expand(d.iri, terms), expand(d.coerce, terms)
	return d, d.iri != ""
}

// expand resolves a prefix that terms gives as a plain string.
func expand(name string, terms map[string]any) string {
	prefix, rest, ok := strings.Cut(name, ":")
	if !ok || strings.HasPrefix(rest, "//") {
		return name
	}
	switch base := terms[prefix].(type) {
	case string:
		return base + rest
	case map[string]any:
		if id, ok := base["@id"].(string); ok {
			return id + rest
		}
	}
	switch prefix {
	case "as":
		return asNamespace + rest
	case "xsd":
		return "http://www.w3.org/2001/XMLSchema#" + rest
	case "ldp":
		return "http://www.w3.org/ns/ldp#" + rest
	}
	return name
}
