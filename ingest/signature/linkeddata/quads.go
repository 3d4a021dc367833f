package linkeddata

import (
	"math"
	"strconv"
	"strings"

	"github.com/piprate/json-gold/ld"
)

const (
	xsd     = "http://www.w3.org/2001/XMLSchema#"
	rdf     = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
	maxInt  = 1e21 // from here on JSON-LD writes a number as a double
	rdfType = rdf + "type"
)

func itoa(n int) string { return strconv.Itoa(n) }

// number writes a number as xsd:integer or xsd:double.
func (l *literal) number(v float64) {
	whole := v == math.Trunc(v) && math.Abs(v) < maxInt
	if whole && l.datatype != xsd+"double" {
		l.text = strconv.FormatFloat(v+0, 'f', -1, 64) // -0 is 0
		if l.datatype == "" {
			l.datatype = xsd + "integer"
		}
		return
	}
	l.text = ld.GetCanonicalDouble(v)
	if l.datatype == "" {
		l.datatype = xsd + "double"
	}
}

// dataset writes the tree as quads, each once. It is done here and not by
// json-gold, which leaves out what it takes for no URL; then the tree would say
// more than was signed.
type dataset struct {
	graphs map[string][]*ld.Quad
	seen   map[string]bool
	blanks int  // cells of lists
	lower  bool // languages are written in lower case
	mixed  bool // there is one that is not in lower case
}

func (n *node) quads(lower bool) *dataset {
	d := &dataset{graphs: make(map[string][]*ld.Quad), seen: make(map[string]bool), lower: lower}
	d.node(n, "@default")
	return d
}

func (d *dataset) node(n *node, graph string) ld.Node {
	subject := n.name()
	for _, t := range n.types {
		object := ld.Node(ld.NewIRI(t))
		if strings.HasPrefix(t, "_:") {
			object = ld.NewBlankNode("_:t-" + t[2:])
		}
		d.add(graph, subject, rdfType, object)
	}
	for _, p := range n.props {
		for _, v := range p.values {
			d.add(graph, subject, p.iri, d.value(v, graph))
		}
	}
	for _, inner := range n.inner {
		d.node(inner, n.label)
	}
	return subject
}

func (n *node) name() ld.Node {
	if n.id != "" {
		return ld.NewIRI(n.id)
	}
	return ld.NewBlankNode(n.label)
}

func (d *dataset) value(v value, graph string) ld.Node {
	switch {
	case v.node != nil:
		return d.node(v.node, graph)
	case v.literal != nil:
		if v.literal.language != "" {
			return ld.NewLiteral(v.literal.text, rdf+"langString", d.language(v.literal.language))
		}
		return ld.NewLiteral(v.literal.text, v.literal.datatype, "")
	case v.isList:
		return d.list(v.list, graph)
	}
	return ld.NewIRI(v.ref)
}

func (d *dataset) language(tag string) string {
	lower := strings.ToLower(tag)
	d.mixed = d.mixed || lower != tag
	if d.lower {
		return lower
	}
	return tag
}

func (d *dataset) list(list []value, graph string) ld.Node {
	if len(list) == 0 {
		return ld.NewIRI(rdf + "nil")
	}
	d.blanks++
	cell := ld.NewBlankNode("_:l" + itoa(d.blanks))
	d.add(graph, cell, rdf+"first", d.value(list[0], graph))
	d.add(graph, cell, rdf+"rest", d.list(list[1:], graph))
	return cell
}

func (d *dataset) add(graph string, subject ld.Node, predicate string, object ld.Node) {
	key := strings.Join([]string{graph, subject.GetValue(), predicate, objectKey(object)}, "\x00")
	if d.seen[key] {
		return
	}
	d.seen[key] = true
	d.graphs[graph] = append(d.graphs[graph], ld.NewQuad(subject, ld.NewIRI(predicate), object, graph))
}

func objectKey(object ld.Node) string {
	switch o := object.(type) {
	case ld.Literal:
		return "l" + o.Datatype + "\x00" + o.Language + "\x00" + o.Value
	case ld.IRI:
		return "i" + o.Value
	}
	return "b" + object.GetValue()
}
