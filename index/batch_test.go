package index

import (
	"reflect"
	"testing"
	"time"

	"tributary/ingest/ap"
)

// TestEveryChangeOfAnAuthorIsStored: the hash that tells an author's unchanged snapshot covers every field.
func TestEveryChangeOfAnAuthorIsStored(t *testing.T) {
	c := newComposer(nil)
	a := &ap.Author{URI: "https://a.example/alice", Fields: []ap.Field{{}}, Emojis: []ap.Emoji{{}}}
	seen := map[uint64]string{c.hash(a, "a.example"): "nothing", c.hash(a, "b.example"): "Domain"}
	var change func(name string, v reflect.Value)
	change = func(name string, v reflect.Value) {
		switch v.Interface().(type) {
		case string:
			v.SetString(v.String() + "x")
		case bool:
			v.SetBool(true)
		case time.Time:
			v.Set(reflect.ValueOf(time.Unix(1, 1)))
		default:
			if v.Kind() == reflect.Slice {
				v = v.Index(0)
			}
			for i := range v.NumField() {
				change(name+"."+v.Type().Field(i).Name, v.Field(i))
			}
			return
		}
		hash := c.hash(a, "a.example")
		if other, known := seen[hash]; known {
			t.Errorf("a change of %s is taken for one of %s", name, other)
		}
		seen[hash] = name
	}
	change("Author", reflect.ValueOf(a).Elem())
	if len(seen) < 22 {
		t.Errorf("%d fields were changed", len(seen))
	}
}
