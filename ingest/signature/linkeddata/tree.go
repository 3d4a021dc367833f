package linkeddata

import (
	"slices"
	"strings"
)

// Bounds of what is canonicalised.
const (
	maxValues = 2048 // a video of PeerTube has 600
	maxIRI    = 2048
)

// node is a node object, expanded: all its names are absolute. The tree holds
// what is signed and nothing else: statements of it become the quads whose hash
// is signed (quads.go), and the document that is read afterwards (statement.go).
type node struct {
	id    string // "" for a blank node
	label string // of a blank node: "_:n7"
	types []string
	props []property
	graph bool // its properties stand in a graph of its own, as a proof does
	inner []*node
}

type property struct {
	iri    string
	values []value
}

// value is one of: a node, a reference, a literal, a list.
type value struct {
	node    *node
	ref     string
	literal *literal
	list    []value
	isList  bool
}

type literal struct {
	text     string
	datatype string
	language string
	native   any // bool, float64 or string, as it was written
}

// builder makes the tree out of what json-gold expanded.
type builder struct {
	values  int
	blanks  int
	seen    map[string]bool // nodes that have properties somewhere
	written map[string]string
}

// build reads an expanded document: one node. Languages are given back the case in which
// they were written, which json-gold does not keep.
func build(expanded any, written map[string]string) (*node, error) {
	b := builder{seen: make(map[string]bool), written: written}
	list, ok := expanded.([]any)
	if ok && len(list) == 1 {
		expanded = list[0]
	}
	object, ok := expanded.(map[string]any)
	if !ok {
		return nil, refused("not one node")
	}
	n, err := b.node(object)
	if err == nil && n.id == "" {
		err = refused("a document without an id")
	}
	return n, err
}

func (b *builder) node(object map[string]any) (*node, error) {
	n := &node{}
	if err := b.identify(n, object); err != nil {
		return nil, err
	}
	for _, name := range sorted(object) {
		switch {
		case name == "@id":
		case name == "@type":
			if err := b.typed(n, object[name]); err != nil {
				return nil, err
			}
		case name == "@graph":
			if err := b.graphed(n, object[name]); err != nil {
				return nil, err
			}
		case strings.HasPrefix(name, "@"):
			return nil, refused("%.32q after expansion", name)
		case strings.HasPrefix(name, "_:") || !strings.Contains(name, ":"):
			// Not defined by the context: no statement, so neither signed nor read.
		case !validIRI(name):
			return nil, refused("member's name is not an IRI")
		default:
			values, err := b.list(object[name])
			if err != nil {
				return nil, err
			}
			n.props = append(n.props, property{iri: name, values: values})
		}
	}
	return n, b.once(n)
}

func (b *builder) identify(n *node, object map[string]any) error {
	id, _ := object["@id"].(string)
	switch {
	case id == "":
		b.blanks++
		n.label = "_:n" + itoa(b.blanks)
	case strings.HasPrefix(id, "_:"):
		return refused("a blank node has a name")
	case !validIRI(id):
		return refused("an id is not an absolute IRI")
	default:
		n.id = id
	}
	return nil
}

// once refuses a node whose statements stand in more than one place: who moved
// some of them elsewhere changed what a reader of the tree sees, and no statement.
func (b *builder) once(n *node) error {
	if n.id == "" || len(n.props) == 0 && len(n.types) == 0 && !n.graph {
		return nil
	}
	if b.seen[n.id] {
		return refused("a node is described in two places")
	}
	b.seen[n.id] = true
	return nil
}

func (b *builder) typed(n *node, v any) error {
	list, _ := v.([]any)
	for _, t := range list {
		name, _ := t.(string)
		switch {
		case strings.HasPrefix(name, "_:"): // not defined by the context
		case !strings.Contains(name, ":"):
			continue // relative: no statement
		case !validIRI(name):
			return refused("a type is not an IRI")
		}
		if !slices.Contains(n.types, name) {
			n.types = append(n.types, name)
		}
		if err := b.count(); err != nil {
			return err
		}
	}
	return nil
}

// graphed reads the graph that a proof is put into (data-integrity contexts).
func (b *builder) graphed(n *node, v any) error {
	if n.id != "" {
		return refused("a graph with a name")
	}
	n.graph = true
	list, _ := v.([]any)
	for _, entry := range list {
		object, ok := entry.(map[string]any)
		if !ok {
			return refused("a graph of something else than nodes")
		}
		inner, err := b.node(object)
		if err != nil {
			return err
		}
		if inner.graph {
			return refused("a graph in a graph")
		}
		n.inner = append(n.inner, inner)
	}
	return nil
}

func (b *builder) list(v any) ([]value, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	values := make([]value, 0, len(list))
	for _, entry := range list {
		object, ok := entry.(map[string]any)
		if !ok {
			return nil, refused("a value of type %T after expansion", entry)
		}
		v, signed, err := b.value(object)
		if err != nil {
			return nil, err
		}
		if signed {
			values = append(values, v)
		}
	}
	return values, nil
}

// value reads one value; signed is false for one that makes no statement.
func (b *builder) value(object map[string]any) (v value, signed bool, err error) {
	if err = b.count(); err != nil {
		return v, false, err
	}
	if _, ok := object["@value"]; ok {
		if v.literal, err = readLiteral(object); err == nil && b.written[v.literal.language] != "" {
			v.literal.language = b.written[v.literal.language]
		}
		return v, true, err
	}
	if inner, ok := object["@list"]; ok {
		if len(object) != 1 {
			return v, false, refused("a list with more than its entries")
		}
		v.isList = true
		v.list, err = b.list(inner)
		return v, true, err
	}
	if id, ok := object["@id"].(string); ok && len(object) == 1 {
		switch {
		case strings.HasPrefix(id, "_:"):
			return v, false, refused("a blank node has a name")
		case !strings.Contains(id, ":"):
			return v, false, nil // relative: no statement
		case !validIRI(id):
			return v, false, refused("a reference is not an IRI")
		}
		v.ref = id
		return v, true, nil
	}
	v.node, err = b.node(object)
	return v, true, err
}

func (b *builder) count() error {
	if b.values++; b.values > maxValues {
		return refused("more than %d values", maxValues)
	}
	return nil
}

// readLiteral gives a literal the form that JSON-LD 1.1 §8.2.2 (Object to RDF
// Conversion) gives it.
func readLiteral(object map[string]any) (*literal, error) {
	l := &literal{native: object["@value"]}
	for name := range object {
		if name != "@value" && name != "@type" && name != "@language" {
			return nil, refused("a literal with %.32q", name)
		}
	}
	l.datatype, _ = object["@type"].(string)
	l.language, _ = object["@language"].(string)
	if l.datatype != "" && !validIRI(l.datatype) || !validLanguage(l.language) || l.datatype != "" && l.language != "" {
		return nil, refused("a literal of no kind")
	}
	switch v := l.native.(type) {
	case string:
		l.text = v
		if l.datatype == "" {
			l.datatype = xsd + "string"
		}
	case bool:
		l.text = "false"
		if v {
			l.text = "true"
		}
		if l.datatype == "" {
			l.datatype = xsd + "boolean"
		}
	case float64:
		l.number(v)
	default:
		return nil, refused("a literal of type %T", v)
	}
	return l, nil
}

// validIRI is stricter than RFC 3987 in what it takes for an absolute IRI, and
// keeps what would end one in N-Quads out of it.
func validIRI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || rest == "" || len(s) > maxIRI {
		return false
	}
	for i := range len(scheme) {
		c := scheme[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(scheme[i]))) {
			return false
		}
	}
	return !strings.ContainsFunc(rest, func(r rune) bool {
		return r <= ' ' || r >= 0x7f && r <= 0xa0 || strings.ContainsRune("<>\"{}|\\^`", r)
	})
}

// validLanguage accepts "" and tags such as "de-AT".
func validLanguage(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(s) < 64
}

func sorted(object map[string]any) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// languages finds the tags of languages in a document that are not in lower case, by
// their lower case. It takes every name for one that looks so; one that is written in two
// ways is left out.
func languages(v any, found map[string]string) {
	note := func(tag string) {
		lower := strings.ToLower(tag)
		if lower == tag || tag == "" || !validLanguage(tag) {
			return
		}
		if before, ok := found[lower]; ok && before != tag {
			tag = lower
		}
		found[lower] = tag
	}
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			note(name)
			if tag, ok := inner.(string); ok && name == "@language" {
				note(tag)
			}
			languages(inner, found)
		}
	case []any:
		for _, inner := range v {
			languages(inner, found)
		}
	}
}
