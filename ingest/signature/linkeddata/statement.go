package linkeddata

import (
	"encoding/json"
	"slices"
	"strings"
)

// vocabularies are those whose terms readers know by their plain names. Those of
// ActivityStreams come first: where two have a name in common, they win.
var vocabularies = []string{
	asNamespace,
	"http://www.w3.org/ns/ldp#",
	"http://joinmastodon.org/ns#",
	"https://w3id.org/fep/044f#",
	"https://misskey-hub.net/ns#",
	"http://fedibird.com/ns#",
	"http://litepub.social/ns#",
	"https://joinpeertube.org/ns#",
	"https://join-lemmy.org/ns#",
	"http://ostatus.org#",
	"http://schema.org#",
	"http://schema.org/",
	"https://schema.org/",
}

// plainName is the plain name of a term and how much it weighs; "" for one of
// another vocabulary.
func plainName(iri string) (string, int) {
	for rank, v := range vocabularies {
		if name, ok := strings.CutPrefix(iri, v); ok && name != "" && !strings.ContainsAny(name, "@:#/") {
			return name, rank
		}
	}
	return "", 0
}

// single are the members of which a reader takes the first. RDF knows no order,
// so who changed it would choose.
var single = []string{
	"actor", "object", "target", "published", "updated", "inReplyTo",
	"content", "summary", "name", "sensitive", "quote", "quoteUrl", "quoteUri", "_misskey_quote",
}

// inLanguages are the members that have a map of languages beside them.
var inLanguages = []string{"content", "summary", "name"}

// statement writes the tree as plain ActivityStreams: what was signed, under the
// names that everybody uses, and nothing else.
func (n *node) statement() ([]byte, error) {
	object, err := n.plain()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, refused("statement: %v", err)
	}
	return text, nil
}

func (n *node) plain() (map[string]any, error) {
	object := make(map[string]any, len(n.props)+2)
	if n.id != "" {
		object["id"] = n.id
	}
	if err := n.plainTypes(object); err != nil {
		return nil, err
	}
	ranks := make(map[string]int, len(n.props))
	for _, p := range n.props {
		name, rank := plainName(p.iri)
		if name == "" || name == "id" || name == "type" || name == "signature" {
			continue
		}
		if before, ok := ranks[name]; ok && before < rank {
			continue
		}
		ranks[name] = rank
		if err := plainMember(object, name, p.values); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func (n *node) plainTypes(object map[string]any) error {
	var known []any
	for _, t := range n.types {
		if name, _ := plainName(t); name != "" {
			known = append(known, name)
		}
	}
	switch len(known) {
	case 0:
	case 1:
		object["type"] = known[0]
	default:
		return refused("a node of several types")
	}
	return nil
}

func plainMember(object map[string]any, name string, values []value) error {
	var plain []any
	byLanguage := make(map[string]any)
	for _, v := range values {
		if l := v.literal; l != nil && l.language != "" && slices.Contains(inLanguages, name) {
			if _, twice := byLanguage[l.language]; twice {
				return refused("%s twice in one language", name)
			}
			byLanguage[l.language] = l.text
			continue
		}
		p, err := v.plain()
		if err != nil {
			return err
		}
		plain = append(plain, p)
	}
	if len(plain) > 1 && slices.Contains(single, name) {
		return refused("several values of %s", name)
	}
	if len(byLanguage) > 0 {
		object[name+"Map"] = byLanguage
	}
	if len(plain) == 0 && len(byLanguage) == 1 { // the context declares a language for all text
		for _, text := range byLanguage {
			plain = append(plain, text)
		}
	}
	switch len(plain) {
	case 0:
		delete(object, name)
	case 1:
		object[name] = plain[0]
	default:
		object[name] = plain
	}
	return nil
}

func (v value) plain() (any, error) {
	switch {
	case v.node != nil:
		if v.node.graph {
			return nil, nil
		}
		return v.node.plain()
	case v.literal != nil:
		return v.literal.native, nil
	case v.isList:
		list := make([]any, 0, len(v.list))
		for _, entry := range v.list {
			p, err := entry.plain()
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
		return list, nil
	}
	return v.ref, nil
}
