package ap

import (
	"bytes"
	"fmt"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// kind is the JSON kind of a node.
type kind uint8

const (
	kindNull kind = iota
	kindFalse
	kindTrue
	kindNumber
	kindString
	kindArray
	kindObject
)

// node is one value, or one key, of a document. An array's elements follow it;
// an object's keys and values follow it by turns.
type node struct {
	start, end uint32 // its bytes; of a string those between the quotes
	next       uint32 // the node after it and all that it holds
	kind       kind
	escaped    bool // a string with backslashes
	wide       bool // a string with bytes above 0x7f, not yet known to be UTF-8
	aside      bool // a key whose bytes are in document.aside
	alias      bool // a key written with a prefix ("@id", "as:to"): counts when the plain one is absent
}

// ref is the index of a node; 0 is no node.
type ref uint32

// document is parsed JSON: one flat list of nodes that point into raw, so that
// parsing costs one pass and no allocation per value, and what is not asked for
// costs nothing more.
type document struct {
	raw   []byte
	nodes []node // nodes[0] stands for what is absent, nodes[1] is the root
	aside []byte // keys that were written with escapes, decoded
	graph bool   // @graph, @included or @reverse is in it, as a key or as what an alias stands for
}

const root ref = 1

var documents = sync.Pool{New: func() any { return &document{nodes: make([]node, 0, 512)} }}

// open parses raw. The document is valid until close and as long as raw is not
// changed; strings taken from it are copies.
func open(raw []byte) (*document, error) {
	if len(raw) > MaxDocument {
		return nil, fmt.Errorf("ap: parse: %w: %d bytes", ErrTooLarge, len(raw))
	}
	d := documents.Get().(*document)
	d.raw, d.nodes, d.aside, d.graph = raw, append(d.nodes[:0], node{}), nil, false
	if err := d.parse(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// close gives the document's memory back; that of an unusually large one goes
// to the garbage collector instead.
func (d *document) close() {
	d.raw, d.aside = nil, nil
	if cap(d.nodes) <= 4096 {
		documents.Put(d)
	}
}

// parse reads the whole document without recursion: depth is bounded by the
// stack's size, so "[[[[…" is refused at its 33rd byte.
func (d *document) parse() error {
	var stack [MaxDepth]ref
	depth, i := 0, 0
	if bytes.HasPrefix(d.raw, []byte("\xef\xbb\xbf")) {
		i = 3 // a byte order mark, sent by some Windows servers
	}
	for {
		// At a value.
		i = d.skipSpace(i)
		if i >= len(d.raw) {
			return d.notJSON(i)
		}
		if len(d.nodes) >= maxValues {
			return fmt.Errorf("ap: parse: %w", ErrTooMany)
		}
		switch c := d.raw[i]; c {
		case '{', '[':
			if depth == MaxDepth {
				return fmt.Errorf("ap: parse: %w", ErrTooDeep)
			}
			k := kindArray
			if c == '{' {
				k = kindObject
			}
			stack[depth] = d.add(node{start: uint32(i), kind: k})
			depth++
			i = d.skipSpace(i + 1)
			if i < len(d.raw) && d.raw[i] == c+2 { // '{'+2 is '}', '['+2 is ']'
				break // empty: closed below
			}
			if c == '[' {
				continue
			}
			var err error
			if i, err = d.key(i); err != nil {
				return err
			}
			continue
		case '"':
			end, err := d.string(i+1, node{kind: kindString})
			if err != nil {
				return err
			}
			i = end
		default:
			end, k := scalar(d.raw, i)
			if end == i {
				return d.notJSON(i)
			}
			d.add(node{start: uint32(i), end: uint32(end), kind: k})
			i = end
		}
		// After a value, or at the end of an empty object or array.
		for {
			i = d.skipSpace(i)
			if depth == 0 {
				if i != len(d.raw) {
					return d.notJSON(i)
				}
				return nil
			}
			if i >= len(d.raw) {
				return d.notJSON(i)
			}
			top := &d.nodes[stack[depth-1]]
			c := d.raw[i]
			if c == ',' {
				i++
				if top.kind == kindObject {
					var err error
					if i, err = d.key(d.skipSpace(i)); err != nil {
						return err
					}
				}
				break
			}
			if (c != '}' || top.kind != kindObject) && (c != ']' || top.kind != kindArray) {
				return d.notJSON(i)
			}
			i++
			top.end, top.next = uint32(i), uint32(len(d.nodes))
			depth--
		}
	}
}

// add appends a node; a container's next is set when it closes.
func (d *document) add(n node) ref {
	n.next = uint32(len(d.nodes)) + 1
	d.nodes = append(d.nodes, n)
	return ref(len(d.nodes) - 1)
}

// key reads `"key" :` at i and returns where its value may begin.
func (d *document) key(i int) (int, error) {
	if i >= len(d.raw) || d.raw[i] != '"' {
		return 0, d.notJSON(i)
	}
	end, err := d.string(i+1, node{kind: kindString})
	if err != nil {
		return 0, err
	}
	k := &d.nodes[len(d.nodes)-1]
	if k.escaped {
		from := uint32(len(d.aside))
		d.aside = unescape(d.aside, d.raw[k.start:k.end], len(d.raw))
		k.start, k.end, k.aside = from, uint32(len(d.aside)), true
	}
	b := d.keyBytes(k)
	if cut := prefixLen(b); cut > 0 {
		k.start += uint32(cut)
		k.alias = true
	}
	end = d.skipSpace(end)
	if end >= len(d.raw) || d.raw[end] != ':' {
		return 0, d.notJSON(end)
	}
	return end + 1, nil
}

func (d *document) keyBytes(k *node) []byte {
	if k.aside {
		return d.aside[k.start:k.end]
	}
	return d.raw[k.start:k.end]
}

// prefixLen is the length of a prefix of a key that says what the plain key
// says: the JSON-LD keywords @id and @type, and terms of the vocabularies that
// servers compact to plain names but may leave prefixed.
func prefixLen(key []byte) int {
	if len(key) > 0 && key[0] == '@' {
		if k := string(key); k == "@id" || k == "@type" {
			return 1
		}
		return 0
	}
	i := bytes.IndexByte(key, ':')
	if i < 0 {
		return 0
	}
	switch string(key[:i]) {
	case "as", "toot", "misskey", "fedibird", "schema", "sc", "sec", "security", "litepub", "pt", "lemmy":
		if k := string(key[i+1:]); k != "id" && k != "type" { // those are no terms of a vocabulary
			return i + 1
		}
	}
	return 0
}

// string reads a string whose first byte is at i, adds n for it and returns
// where the text after its closing quote begins.
func (d *document) string(i int, n node) (int, error) {
	n.start = uint32(i)
	for raw := d.raw; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			n.end = uint32(i)
			d.add(n)
			d.noteGraph(&n)
			return i + 1, nil
		case c == '\\':
			n.escaped = true
			size := escapeLen(raw[i:])
			if size == 0 {
				return 0, d.notJSON(i)
			}
			i += size - 1
		case c < ' ':
			return 0, d.notJSON(i)
		case c >= utf8.RuneSelf:
			n.wide = true
		}
	}
	return 0, d.notJSON(i)
}

// noteGraph looks for the keywords that let a document say something else to a
// JSON-LD processor than to a reader of plain JSON (CVE-2026-46349). As a value
// they may be what an alias of the context stands for.
func (d *document) noteGraph(n *node) {
	const longest = len(`\u0040\u0069\u006e\u0063\u006c\u0075\u0064\u0065\u0064`)
	b := d.raw[n.start:n.end]
	if len(b) == 0 || b[0] != '@' && b[0] != '\\' || len(b) > longest {
		return
	}
	if n.escaped {
		b = unescape(nil, b, longest)
	}
	switch string(b) {
	case "@graph", "@included", "@reverse":
		d.graph = true
	}
}

// escapeLen is the length of the escape sequence that b begins with, 0 if it is
// none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) >= 6 && hex4(b[2:6]) >= 0 {
			return 6
		}
	}
	return 0
}

// hex4 reads four hexadecimal digits, -1 when they are something else.
func hex4(b []byte) rune {
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape appends the text of a JSON string to dst until dst has at least
// limit bytes. The escapes are known to be well-formed; a lone surrogate
// becomes U+FFFD.
func unescape(dst, s []byte, limit int) []byte {
	for len(s) > 0 && len(dst) < limit {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		s = s[i:]
		size := 2
		switch s[1] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s[2:])
			size = 6
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
					low = hex4(s[8:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					size = 12
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, s[1])
		}
		s = s[size:]
	}
	return dst
}

// scalar reads a number, true, false or null at i; end == i when there is none.
func scalar(raw []byte, i int) (end int, k kind) {
	switch raw[i] {
	case 't':
		return literal(raw, i, "true"), kindTrue
	case 'f':
		return literal(raw, i, "false"), kindFalse
	case 'n':
		return literal(raw, i, "null"), kindNull
	}
	return number(raw, i), kindNumber
}

func literal(raw []byte, i int, word string) int {
	if len(raw)-i < len(word) || string(raw[i:i+len(word)]) != word {
		return i
	}
	return i + len(word)
}

// number reads a number (RFC 8259 §6) at i and returns its end, or i.
func number(raw []byte, i int) int {
	j := i
	if j < len(raw) && raw[j] == '-' {
		j++
	}
	whole := digits(raw, j)
	if whole == j || raw[j] == '0' && whole > j+1 {
		return i
	}
	j = whole
	if j < len(raw) && raw[j] == '.' {
		end := digits(raw, j+1)
		if end == j+1 {
			return i
		}
		j = end
	}
	if j < len(raw) && (raw[j] == 'e' || raw[j] == 'E') {
		j++
		if j < len(raw) && (raw[j] == '+' || raw[j] == '-') {
			j++
		}
		end := digits(raw, j)
		if end == j {
			return i
		}
		j = end
	}
	return j
}

func digits(raw []byte, i int) int {
	for i < len(raw) && raw[i] >= '0' && raw[i] <= '9' {
		i++
	}
	return i
}

func (d *document) skipSpace(i int) int {
	for i < len(d.raw) {
		switch d.raw[i] {
		case ' ', '\n', '\t', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

func (d *document) notJSON(i int) error {
	return fmt.Errorf("ap: parse: %w: at byte %d of %d", ErrNotJSON, i, len(d.raw))
}
