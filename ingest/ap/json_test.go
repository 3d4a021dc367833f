package ap

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestOpenRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     error
	}{
		{"empty", "", ErrNotJSON},
		{"space", " \n", ErrNotJSON},
		{"word", "hello", ErrNotJSON},
		{"html", "<!DOCTYPE html>", ErrNotJSON},
		{"unclosed object", `{"a":1`, ErrNotJSON},
		{"unclosed string", `{"a":"`, ErrNotJSON},
		{"no value", `{"a":}`, ErrNotJSON},
		{"no colon", `{"a" 1}`, ErrNotJSON},
		{"no key", `{1:2}`, ErrNotJSON},
		{"comma at the end", `{"a":1,}`, ErrNotJSON},
		{"comma in an array", `[1,]`, ErrNotJSON},
		{"comma first", `[,1]`, ErrNotJSON},
		{"two values", `{}{}`, ErrNotJSON},
		{"wrong end", `[}`, ErrNotJSON},
		{"single quotes", `{'a':1}`, ErrNotJSON},
		{"control character", "{\"a\":\"\n\"}", ErrNotJSON},
		{"escape", `{"a":"\x"}`, ErrNotJSON},
		{"short escape", `{"a":"\u12"}`, ErrNotJSON},
		{"leading zero", `{"a":01}`, ErrNotJSON},
		{"plus", `{"a":+1}`, ErrNotJSON},
		{"no fraction", `{"a":1.}`, ErrNotJSON},
		{"no exponent", `{"a":1e}`, ErrNotJSON},
		{"NaN", `{"a":NaN}`, ErrNotJSON},
		{"half a word", `{"a":tru}`, ErrNotJSON},
		{"a string", `"a"`, ErrNotObject},
		{"null", `null`, ErrNotObject},
		{"empty array", `[]`, ErrNotObject},
		{"array of two", `[{},{}]`, ErrNotObject},
		{"deep arrays", strings.Repeat("[", 100_000), ErrTooDeep},
		{"deep objects", strings.Repeat(`{"a":`, 50_000), ErrTooDeep},
		{"one too deep", strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), ErrTooDeep},
		{"too large", `{"a":"` + strings.Repeat("a", MaxDocument) + `"}`, ErrTooLarge},
		{"too many", `{"a":[` + strings.Repeat("1,", maxValues) + `1]}`, ErrTooMany},
		{"too many keys", `{` + strings.Repeat(`"a":1,`, maxValues) + `"a":1}`, ErrTooMany},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, parse := range map[string]func([]byte) error{
				"activity": func(b []byte) error { _, err := ParseActivity(b); return err },
				"object":   func(b []byte) error { _, err := ParseObject(b); return err },
				"actor":    func(b []byte) error { _, err := ParseActor(b); return err },
			} {
				if err := parse([]byte(tc.in)); !errors.Is(err, tc.want) {
					t.Errorf("%s: %v, want %v", name, err, tc.want)
				}
			}
		})
	}
}

func TestDocument(t *testing.T) {
	raw := []byte("\xef\xbb\xbf" + ` {"id" : "a\/\u0062\n" , "n":[1,-2.5e3,true,false,null,"x",{}], "o":{"p":{"q":[]}},
		"dup":1, "dup":{"x":[1,2]}, "dup":"last", "\u0069nbox":"escaped key", "@type":"alias", "as:name":"prefixed",
		"toot:name":"later", "type":"plain", "gone":1, "gone":null, "s":"\ud83d\ude00 \ud800 \u0000\u0007|", "bad":"` + "a\xffb" + `" } `)
	d, err := open(raw)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for name, want := range map[string]string{
		"id": "a/b\n", "dup": "last", "inbox": "escaped key", "type": "plain", "name": "later", "gone": "", "none": "",
		"s": "😀 \uFFFD |", "bad": "a\uFFFDb", "o": "",
	} {
		if got := d.text(d.get(root, name), 100); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	n := 0
	for range d.items(d.get(root, "n")) {
		n++
	}
	if n != 6 { // without the null
		t.Errorf("n has %d items", n)
	}
	if got := d.nodes[d.get(d.get(d.get(root, "o"), "p"), "q")].kind; got != kindArray {
		t.Errorf("o.p.q is of kind %d", got)
	}
	if got := d.get(d.get(root, "none"), "id"); got != 0 {
		t.Errorf("a member of nothing is node %d", got)
	}
	if got := d.text(d.get(root, "s"), 5); got != "😀 " {
		t.Errorf("cut to %q", got)
	}
	if got := d.text(d.get(root, "s"), 3); got != "" {
		t.Errorf("cut to %q", got)
	}
}

func TestGraphKeywords(t *testing.T) {
	for in, want := range map[string]bool{
		`{"a":"@graphs","b":"@id"}`:          false,
		`{"@graph":[]}`:                      true,
		`{"a":{"b":[{"@included":1}]}}`:      true,
		`{"@context":{"sneaky":"@reverse"}}`: true,
		`{"\u0040graph":[]}`:                 true,
		`{"@gr\u0061ph":[]}`:                 true,
		`{"@context":{"x":{"@id":"\u0040\u0069\u006e\u0063\u006c\u0075\u0064\u0065\u0064"}}}`: true,
	} {
		d, err := open([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if d.graph != want {
			t.Errorf("%s: %v", in, d.graph)
		}
		d.close()
	}
}

// FuzzDocument holds the parser to encoding/json: what one reads the other
// reads, and to the same strings.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,2.5e-3,{"b":"\u00e9\ud83d\ude00\\"}],"c":null}`, `[[],{},"",0,-0,true,false]`, `{"a":1,"a":"b\/"}`,
		`"\ud800"`, `{"a":"` + "\xff" + `"}`, ` [ 1 , 2 ] `, `{"as:a":1,"a":2}`, `-`, `1e5`, `[1 2]`, `{"a"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")) {
			t.Skip("encoding/json knows no byte order mark")
		}
		d, err := open(raw)
		if valid := json.Valid(raw); valid != (err == nil) {
			if errors.Is(err, ErrTooDeep) || errors.Is(err, ErrTooMany) || errors.Is(err, ErrTooLarge) {
				return
			}
			t.Fatalf("%q: valid %v, but %v", raw, valid, err)
		}
		if err != nil {
			return
		}
		defer d.close()
		checkNodes(t, d)
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Skip("a number out of range")
		}
		checkValue(t, d, root, v)
	})
}

// checkNodes holds that the nodes of a document nest.
func checkNodes(t *testing.T, d *document) {
	t.Helper()
	for i := 1; i < len(d.nodes); i++ {
		n := d.nodes[i]
		if n.next <= uint32(i) || n.next > uint32(len(d.nodes)) || n.start > n.end {
			t.Fatalf("node %d of %d: %+v", i, len(d.nodes), n)
		}
	}
}

func checkValue(t *testing.T, d *document, v ref, want any) {
	t.Helper()
	switch want := want.(type) {
	case string:
		got := string(unescape(nil, d.raw[d.nodes[v].start:d.nodes[v].end], len(d.raw)))
		if got = strings.ToValidUTF8(got, "\uFFFD"); d.nodes[v].kind != kindString || !sameText(got, want) {
			t.Fatalf("%q is read as %q", want, got)
		}
	case bool:
		if d.truth(v) != want {
			t.Fatalf("%v is read as %v", want, !want)
		}
	case []any:
		i := 0
		for e, end := v+1, ref(d.nodes[v].next); e < end; e = ref(d.nodes[e].next) {
			checkValue(t, d, e, want[i])
			i++
		}
		if i != len(want) {
			t.Fatalf("%d of %d elements", i, len(want))
		}
	case map[string]any:
		for name, value := range want {
			if strings.ContainsAny(name, "@:") || strings.ContainsRune(name, '\uFFFD') || value == nil {
				continue
			}
			m := d.get(v, name)
			if m == 0 {
				t.Fatalf("member %q is not found", name)
			}
			if _, object := value.(map[string]any); !object { // encoding/json merges what is doubled
				checkValue(t, d, m, value)
			}
		}
	}
}

// sameText compares texts, but not how many replacement characters invalid
// bytes become.
func sameText(a, b string) bool {
	return strings.ReplaceAll(a, "\uFFFD", "") == strings.ReplaceAll(b, "\uFFFD", "")
}
