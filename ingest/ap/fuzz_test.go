package ap

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// FuzzParseActivity parses bytes, and documents whose fields were given other
// types and values as script says: what crashes servers is rarely broken JSON
// and often a number where a string was.
func FuzzParseActivity(f *testing.F) {
	addDocuments(f)
	f.Fuzz(func(t *testing.T, raw, script []byte) {
		checkActivity(t, mutate(raw, script))
	})
}

// TestMutatedDocuments does to each document what the fuzz targets do, with
// scripts that are the same each time.
func TestMutatedDocuments(t *testing.T) {
	files, err := filepath.Glob("testdata/documents/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	rounds := 100
	if s := os.Getenv("TRIBUTARY_MUTATIONS"); s != "" {
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.NewChaCha8([32]byte{'a', 'p'})
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for range rounds {
			script := make([]byte, 3*(1+random.Uint64()%8))
			random.Read(script)
			changed := mutate(raw, script)
			checkActivity(t, changed)
			checkActor(t, changed)
			if t.Failed() {
				t.Fatalf("%s, script %x", file, script)
			}
		}
	}
}

func checkActivity(t *testing.T, raw []byte) {
	t.Helper()
	a := parsedTwice(t, raw, ParseActivity)
	if a == nil {
		return
	}
	if a.Type == "" || a.Actor == "" && a.Object == nil {
		t.Errorf("%+v", a)
	}
	checkTexts(t, reflect.ValueOf(a), "")
	for o := a.Object; o != nil; {
		if o.Post != nil {
			checkPost(t, o.Post)
		}
		if o.Activity == nil {
			break
		}
		o = o.Activity.Object
	}
}

// FuzzParseActor is FuzzParseActivity for actors.
func FuzzParseActor(f *testing.F) {
	addDocuments(f)
	f.Fuzz(func(t *testing.T, raw, script []byte) {
		checkActor(t, mutate(raw, script))
	})
}

func checkActor(t *testing.T, raw []byte) {
	t.Helper()
	a := parsedTwice(t, raw, ParseActor)
	if a == nil {
		return
	}
	if a.URI == "" || a.URL == "" || a.Type == "" || len(a.Fields) > maxFields || len(a.Emojis) > maxEmojis ||
		len(a.Keys) > maxKeys || len(a.Note) > maxNote {
		t.Errorf("%+v", a)
	}
	checkTexts(t, reflect.ValueOf(a), "")
	if Sanitise(a.Note) != a.Note {
		t.Errorf("the biography is not stable: %q", a.Note)
	}
}

func addDocuments(f *testing.F) {
	files, err := filepath.Glob("testdata/documents/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for i, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, []byte{})
		for j := range 3 {
			f.Add(raw, []byte{byte(i), byte(7 * j), byte(3*i + j), 40, byte(i * j), 90, byte(11 + i), 200, byte(j)})
		}
	}
	for _, s := range []string{"", "[[[[", "{", `{"type":"Note"}`, `{"a":"\ud800"}`, "\xff", `{"type":"Create","actor":"https://a.example/","object":{}}`} {
		f.Add([]byte(s), []byte{})
	}
}

// parsedTwice parses raw, then raw again after another document, and compares:
// nothing of a document may live on in the memory that the next one is parsed
// in. It returns nil when the document is refused for one of the reasons that
// there are.
func parsedTwice[T any](t *testing.T, raw []byte, parse func([]byte) (*T, error)) *T {
	t.Helper()
	first := bytes.Clone(raw)
	a, err := parse(first)
	if !bytes.Equal(first, raw) {
		t.Fatal("the document was changed")
	}
	for i := range first {
		first[i] = 'x'
	}
	if _, err := ParseActivity([]byte(`{"type":"Note","id":"https://x.example/","content":"another"}`)); err != nil {
		t.Fatal(err)
	}
	b, again := parse(raw)
	if (err == nil) != (again == nil) || !reflect.DeepEqual(a, b) {
		t.Fatalf("parsed twice:\n%+v, %v\n%+v, %v", a, err, b, again)
	}
	if err != nil {
		if Reason(err) == "other" {
			t.Fatalf("no reason for %v", err)
		}
		if a != nil {
			t.Fatalf("%+v and %v", a, err)
		}
		if errors.Is(err, ErrNotJSON) && json.Valid(raw) {
			t.Fatalf("%v, but it is JSON", err)
		}
	}
	return a
}

func checkPost(t *testing.T, p *Post) {
	t.Helper()
	if p.URI == "" || p.URL == "" || p.Type == "" || p.Visibility > Public || len(p.Content) > maxHTML || len(p.Text) > maxHTML ||
		len(p.Tags) > maxHashtags || len(p.Mentions) > maxMentions || len(p.Links) > maxLinks ||
		len(p.Attachments) > maxAttachments || len(p.Emojis) > maxEmojis {
		t.Errorf("%+v", p)
	}
	if Sanitise(p.Content) != p.Content {
		t.Errorf("the content is not stable: %q", p.Content)
	}
	for i, tag := range p.Tags {
		if FoldTag(tag) != tag || tag == "" || slices.Contains(p.Tags[:i], tag) {
			t.Errorf("tags %q", p.Tags)
		}
	}
	if p.Language != LanguageTag(p.Language) {
		t.Errorf("language %q", p.Language)
	}
	if p.Poll != nil && (len(p.Poll.Options) == 0 || len(p.Poll.Options) > maxPollOptions) {
		t.Errorf("poll %+v", p.Poll)
	}
	if again := *p; again.Hash() != p.Hash() {
		t.Error("the hash is not one")
	}
}

// uriFields are the fields that hold nothing but URIs.
var uriFields = []string{
	"URI", "ID", "Actor", "ObjectID", "AttributedTo", "Target", "URL", "InReplyTo", "Quote", "Context", "Avatar", "Header", "MovedTo",
	"Inbox", "SharedInbox", "Outbox", "Followers", "Owner", "Preview", "To", "Cc", "Links", "AlsoKnownAs",
}

// checkTexts holds what is true of all that is parsed: texts are valid UTF-8
// without control characters, URIs are clean, dates can be written.
func checkTexts(t *testing.T, v reflect.Value, field string) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			checkTexts(t, v.Elem(), field)
		}
	case reflect.Slice:
		for i := range v.Len() {
			checkTexts(t, v.Index(i), field)
		}
	case reflect.Struct:
		if at, ok := v.Interface().(time.Time); ok {
			if !at.IsZero() && (at.Year() < 1900 || at.Year() > 9999 || at.Location() != time.UTC) {
				t.Errorf("%s: %v", field, at)
			}
			return
		}
		for i := range v.NumField() {
			checkTexts(t, v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.String:
		s := v.String()
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) {
			t.Errorf("%s: %q", field, s)
		}
		if slices.Contains(uriFields, field) && s != "" && cleanURI(s) != s {
			t.Errorf("%s: %q is no clean URI", field, s)
		}
	case reflect.Float64:
		if f := v.Float(); !(f >= -1 && f <= 1) {
			t.Errorf("%s: %v", field, f)
		}
	}
}

// mutate changes values of a document: each three bytes of script choose where,
// and what comes there.
func mutate(raw, script []byte) []byte {
	var doc any
	if len(script) < 3 || json.Unmarshal(raw, &doc) != nil {
		return raw
	}
	for ; len(script) >= 3; script = script[3:] {
		doc = replace(doc, int(script[0])|int(script[1])<<8, script[2])
	}
	out, err := json.Marshal(doc)
	if err != nil {
		return raw
	}
	return out
}

// replace walks down doc, n choosing the way, and puts another value where it
// ends.
func replace(doc any, n int, how byte) any {
	switch v := doc.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		if i := n % (len(keys) + 1); i < len(keys) {
			v[keys[i]] = replace(v[keys[i]], n/(len(keys)+1), how)
			return v
		}
	case []any:
		if i := n % (len(v) + 1); i < len(v) {
			v[i] = replace(v[i], n/(len(v)+1), how)
			return v
		}
	}
	return oddValue(doc, how)
}

func oddValue(old any, how byte) any {
	odd := []any{
		nil, true, false, 0, -1, 1e300, 12345678901234567, "", " ", "true", "x",
		[]any{},
		map[string]any{},
		[]any{nil},
		[]any{old},
		[]any{old, old},
		[]any{[]any{old}},
		map[string]any{"id": old},
		map[string]any{"@id": old},
		map[string]any{"@value": old},
		map[string]any{"@list": []any{old}},
		map[string]any{"type": "Link", "href": old},
		map[string]any{"und": old, "en": old},
		"https://www.w3.org/ns/activitystreams#Public", "as:Public", "did:key:z6Mk", "https://u:p@evil.example/", "javascript:alert(1)",
		"<script>alert(1)</script><p onclick=x>y", "\u0000\u0001\ufffd\u202e", "#nobot", strings.Repeat("é", 3000), strings.Repeat("<b>", 1000),
		"2026-13-45T99:99:99Z", "-0001-01-01T00:00:00Z", "Note", "Question", "Person", "Tombstone",
		[]any{"Note", "Create"},
		map[string]any{"type": "Note", "id": "https://a.example/inner", "content": old},
		map[string]any{"type": "Create", "actor": "https://a.example/u", "object": old},
		map[string]any{"type": "Person", "id": "https://a.example/u", "inbox": old, "summary": old},
	}
	if s, ok := old.(string); ok && how >= 128 {
		return strings.Map(func(r rune) rune {
			if unicode.IsLower(r) && how&1 == 0 {
				return unicode.ToUpper(r)
			}
			return r
		}, s) + string(rune(how))
	}
	return odd[int(how)%len(odd)]
}
