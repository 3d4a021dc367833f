package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A field is one key that can be set.
type field struct {
	path   string // as in "kafka.sasl.password"
	env    string // TRIBUTARY_KAFKA_SASL_PASSWORD
	flag   string // "" if it has none
	doc    string
	preset string // default, as text
	oneof  []string
	each   []string // closed set of a list's elements
	min    int64
	secret string // "true": never shown; "url": shown without its password
	index  []int
	kind   reflect.Type
}

// A section is a key that holds keys.
type section struct {
	path, doc string
}

const envPrefix = "TRIBUTARY_"

type schema struct {
	fields   []*field
	byPath   map[string]*field
	byEnv    map[string]*field
	byFlag   map[string]*field
	sections map[string]section
}

// known is the schema of Config.
var known = sync.OnceValue(func() *schema {
	s := &schema{
		byPath: map[string]*field{}, byEnv: map[string]*field{}, byFlag: map[string]*field{},
		sections: map[string]section{},
	}
	s.walk(reflect.TypeFor[Config](), "", nil)
	return s
})

func (s *schema) walk(t reflect.Type, prefix string, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		path := prefix + f.Tag.Get("yaml")
		at := append(slices.Clone(index), i)
		if f.Type.Kind() == reflect.Struct {
			s.sections[path] = section{path, f.Tag.Get("doc")}
			s.walk(f.Type, path+".", at)
			continue
		}
		s.add(&field{
			path: path, index: at, kind: f.Type,
			env:  envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_")),
			flag: f.Tag.Get("flag"), doc: f.Tag.Get("doc"), preset: f.Tag.Get("default"),
			oneof: closedSet(f.Tag, "oneof"), each: closedSet(f.Tag, "each"), min: lowest(f.Tag), secret: f.Tag.Get("secret"),
		})
	}
}

func (s *schema) add(f *field) {
	s.fields = append(s.fields, f)
	s.byPath[f.path] = f
	s.byEnv[f.env] = f
	if f.flag != "" {
		s.byFlag[f.flag] = f
	}
}

func closedSet(tag reflect.StructTag, name string) []string {
	text, ok := tag.Lookup(name)
	if !ok {
		return nil
	}
	return strings.Split(text, ",")
}

func lowest(tag reflect.StructTag) int64 {
	n, _ := strconv.ParseInt(tag.Get("min"), 10, 64)
	return n
}

// in returns the field's place in a Config.
func (f *field) in(c *Config) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByIndex(f.index)
}

// set sets the field and checks what can be checked without the others.
func (f *field) set(c *Config, texts []string) error {
	v := f.in(c)
	if err := setValue(v, texts); err != nil {
		return err
	}
	if f.oneof != nil && !slices.Contains(f.oneof, v.String()) {
		return fmt.Errorf("%q is none of %s: did you mean %q?", v.String(), strings.Join(f.oneof, ", "), Nearest(v.String(), f.oneof))
	}
	for _, text := range formatValue(v) {
		if f.each != nil && !slices.Contains(f.each, text) {
			return fmt.Errorf("%q is none of %s: did you mean %q?", text, strings.Join(f.each, ", "), Nearest(text, f.each))
		}
	}
	if v.CanInt() && v.Int() < f.min {
		return fmt.Errorf("%s is less than %s", formatOne(v), f.formatMin())
	}
	return nil
}

func (f *field) formatMin() string {
	v := reflect.New(f.kind).Elem()
	v.SetInt(f.min)
	return formatOne(v)
}

// presets is the default as setValue takes it.
func (f *field) presets() []string {
	switch {
	case f.list():
		return splitList(f.preset)
	case f.preset == "" && f.kind.Kind() != reflect.String:
		panic("config: " + f.path + " has no default") // found by every test
	}
	return []string{f.preset}
}

func (f *field) list() bool { return f.kind.Kind() == reflect.Slice }
