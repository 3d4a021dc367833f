package simulator

import (
	"strconv"
	"time"
)

// document is JSON being written, member after member as real servers order them. It is
// appended by hand because a day of a million posts has to be written in seconds.
type document struct{ b []byte }

func (d *document) comma() {
	if n := len(d.b); n > 0 && d.b[n-1] != '{' && d.b[n-1] != '[' && d.b[n-1] != ':' {
		d.b = append(d.b, ',')
	}
}

func (d *document) open()      { d.comma(); d.b = append(d.b, '{') }
func (d *document) close()     { d.b = append(d.b, '}') }
func (d *document) openList()  { d.comma(); d.b = append(d.b, '[') }
func (d *document) closeList() { d.b = append(d.b, ']') }

// key begins a member; keys are ours and need no escapes.
func (d *document) key(name string) {
	d.comma()
	d.b = append(d.b, '"')
	d.b = append(d.b, name...)
	d.b = append(d.b, '"', ':')
}

// text is a value; str, strs and the others below are members.
func (d *document) text(s string) { d.comma(); d.b = appendJSON(d.b, s) }

func (d *document) str(name, value string) { d.key(name); d.b = appendJSON(d.b, value) }

// strings is a member with an array of texts.
func (d *document) strings(name string, values ...string) {
	d.key(name)
	d.openList()
	for _, v := range values {
		d.text(v)
	}
	d.closeList()
}

func (d *document) raw(name, json string) { d.key(name); d.b = append(d.b, json...) }

func (d *document) flag(name string, value bool) {
	d.key(name)
	d.b = strconv.AppendBool(d.b, value)
}

func (d *document) number(name string, value int) {
	d.key(name)
	d.b = strconv.AppendInt(d.b, int64(value), 10)
}

func (d *document) time(name string, value time.Time, layout string) {
	d.key(name)
	d.b = append(d.b, '"')
	d.b = value.AppendFormat(d.b, layout)
	d.b = append(d.b, '"')
}

// object is a member with the object that members writes.
func (d *document) object(name string, members func()) {
	d.key(name)
	d.open()
	members()
	d.close()
}

// list is a member with the array that elements writes.
func (d *document) list(name string, elements func()) {
	d.key(name)
	d.openList()
	elements()
	d.closeList()
}

// appendJSON is a JSON string without HTML escapes, as servers in other languages write it.
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
