package ap

import (
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// get returns obj's member name. Of doubles the last one counts, as it does for
// Ruby, JavaScript, Python and Go readers; a member that is null is absent.
func (d *document) get(obj ref, name string) ref {
	if d.nodes[obj].kind != kindObject {
		return 0
	}
	var plain, alias ref
	for k, end := obj+1, ref(d.nodes[obj].next); k < end; k = ref(d.nodes[k+1].next) {
		key := &d.nodes[k]
		if int(key.end-key.start) != len(name) || string(d.keyBytes(key)) != name {
			continue
		}
		if key.alias {
			alias = k + 1
		} else {
			plain = k + 1
		}
	}
	if plain == 0 {
		plain = alias
	}
	if d.nodes[plain].kind == kindNull {
		return 0
	}
	return plain
}

// first returns the first member of obj that is there.
func (d *document) first(obj ref, names ...string) ref {
	for _, name := range names {
		if v := d.get(obj, name); v != 0 {
			return v
		}
	}
	return 0
}

// items are the values of a field that may be absent, one value, an array, or
// JSON-LD's {"@list": …} or {"@set": …}. Nulls are left out.
func (d *document) items(v ref) iter.Seq[ref] {
	return func(yield func(ref) bool) {
		if d.nodes[v].kind == kindObject {
			if list := d.first(v, "@list", "@set"); list != 0 {
				v = list
			}
		}
		if d.nodes[v].kind != kindArray {
			if v != 0 && d.nodes[v].kind != kindNull {
				yield(v)
			}
			return
		}
		for e, end := v+1, ref(d.nodes[v].next); e < end; e = ref(d.nodes[e].next) {
			if d.nodes[e].kind != kindNull && !yield(e) {
				return
			}
		}
	}
}

// members are the keys and values of an object, in the document's order.
func (d *document) members(obj ref) iter.Seq2[string, ref] {
	return func(yield func(string, ref) bool) {
		if d.nodes[obj].kind != kindObject {
			return
		}
		for k, end := obj+1, ref(d.nodes[obj].next); k < end; k = ref(d.nodes[k+1].next) {
			if !yield(string(d.keyBytes(&d.nodes[k])), k+1) {
				return
			}
		}
	}
}

func (d *document) isObject(v ref) bool { return d.nodes[v].kind == kindObject }

func (d *document) isString(v ref) bool { return d.nodes[v].kind == kindString }

// text returns the first string of a field, at most limit bytes of it, as valid
// UTF-8 without control characters other than line feed and tab.
func (d *document) text(v ref, limit int) string {
	for e := range d.items(v) {
		if d.isObject(e) {
			e = d.get(e, "@value")
		}
		if d.isString(e) {
			return d.string1(e, limit)
		}
	}
	return ""
}

// line is text without space around it.
func (d *document) line(v ref, limit int) string {
	return strings.TrimSpace(d.text(v, limit))
}

// string1 is the text of one string node.
func (d *document) string1(v ref, limit int) string {
	n := &d.nodes[v]
	b := d.raw[n.start:n.end]
	if !n.escaped && !n.wide {
		return string(b[:min(len(b), limit)])
	}
	if n.escaped {
		b = unescape(nil, b, limit+utf8.UTFMax)
	}
	s := string(cut(b, limit))
	if !utf8.ValidString(s) {
		s = cut(strings.ToValidUTF8(s, "\uFFFD"), limit)
	}
	if n.escaped && strings.ContainsFunc(s, isControl) {
		s = strings.Map(dropControl, strings.ReplaceAll(s, "\r\n", "\n"))
	}
	return s
}

// cut shortens s to at most limit bytes, at the start of a character.
func cut[T string | []byte](s T, limit int) T {
	if len(s) <= limit {
		return s
	}
	i := limit
	for i > 0 && limit-i < utf8.UTFMax && !utf8.RuneStart(s[i]) {
		i--
	}
	return s[:i]
}

func isControl(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }

func dropControl(r rune) rune {
	switch {
	case r == '\r':
		return '\n'
	case isControl(r):
		return -1
	}
	return r
}

// truth reads a boolean that something is asked for by: true, 1, or a string
// that says so (Pleroma once wrote "true").
func (d *document) truth(v ref) bool {
	switch n := &d.nodes[v]; n.kind {
	case kindTrue:
		return true
	case kindNumber, kindString:
		s := d.raw[n.start:n.end]
		return string(s) == "1" || len(s) == 4 && strings.EqualFold(string(s), "true")
	case kindArray:
		return n.next == uint32(v)+2 && d.truth(v+1)
	}
	return false
}

// objection reads a flag that something is refused by: everything but false, 0,
// null and what is empty counts.
func (d *document) objection(v ref) bool {
	switch n := &d.nodes[v]; n.kind {
	case kindNull, kindFalse:
		return false
	case kindNumber:
		f, ok := d.float(v)
		return !ok || f != 0
	case kindString:
		switch strings.ToLower(strings.TrimSpace(d.string1(v, maxType))) {
		case "", "0", "false", "no", "off", "null", "none":
			return false
		}
		return true
	case kindArray, kindObject:
		return n.next > uint32(v)+1
	}
	return true
}

// float reads a number, or a string that is one.
func (d *document) float(v ref) (float64, bool) {
	n := &d.nodes[v]
	if n.kind != kindNumber && n.kind != kindString || n.end-n.start > 32 {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(d.raw[n.start:n.end]), 64)
	return f, err == nil && f-f == 0 // neither infinite nor NaN
}

// count reads a whole number between 0 and limit; what is outside counts as the
// nearer end, what is none as 0.
func (d *document) count(v ref, limit int) int {
	f, ok := d.float(v)
	switch {
	case !ok || f < 0:
		return 0
	case f > float64(limit):
		return limit
	}
	return int(f)
}

// timeLayouts are the forms of dates that servers write beside RFC 3339.
var timeLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999", // no zone: UTC
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 Z07:00",
	"2006-01-02 15:04:05.999999999 UTC", // Ruby's Time#to_s
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04Z07:00",
	"2006-01-02",
	time.RFC1123,
	time.RFC1123Z,
}

// date reads a date, in UTC and whole milliseconds; zero when it is unreadable
// or outside 1900 … 9999. A number is seconds or milliseconds since 1970.
func (d *document) date(v ref) time.Time {
	var t time.Time
	for e := range d.items(v) {
		if d.isObject(e) {
			e = d.get(e, "@value")
		}
		switch d.nodes[e].kind {
		case kindString:
			t = parseDate(d.line(e, maxType))
		case kindNumber:
			if f, ok := d.float(e); ok && f > 0 && f < 1e14 {
				if f < 1e11 {
					f *= 1000
				}
				t = time.UnixMilli(int64(f))
			}
		}
		break
	}
	t = t.UTC()
	if y := t.Year(); y < 1900 || y > 9999 {
		return time.Time{}
	}
	return t.Truncate(time.Millisecond)
}

func parseDate(s string) time.Time {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t
	}
	if len(s) < len("2006-01-02") {
		return time.Time{}
	}
	s = strings.ToUpper(s) // "t" and "z" are allowed by RFC 3339 §5.6
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}
