package ap

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

const public = `"https://www.w3.org/ns/activitystreams#Public"`

// note parses a Note with some members.
func note(t *testing.T, members string) *Post {
	t.Helper()
	o, err := ParseObject([]byte(`{"id":"https://a.example/n/1","type":"Note","attributedTo":"https://a.example/u/1",` + members + `}`))
	if err != nil {
		t.Fatalf("%s: %v", members, err)
	}
	return o.Post
}

// person parses a Person with some members.
func person(t *testing.T, members string) *Actor {
	t.Helper()
	a, err := ParseActor([]byte(`{"id":"https://a.example/u/1","type":"Person","inbox":"https://a.example/u/1/inbox"` + members + `}`))
	if err != nil {
		t.Fatalf("%s: %v", members, err)
	}
	return a
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct {
		in                      string
		activity, object, actor error
	}{
		{`{}`, ErrNoType, ErrNoType, ErrNoType},
		{`{"id":"https://a.example/1"}`, ErrNoType, ErrNoType, ErrNoType},
		{`{"id":"https://a.example/1","type":{}}`, ErrNoType, ErrNoType, ErrNoType},
		{`{"id":"https://a.example/1","type":"no type"}`, ErrNoType, ErrNoType, ErrNoType},
		{`{"type":"Note"}`, ErrNoID, ErrNoID, ErrNoID},
		{`{"type":"Note","id":7}`, ErrNoID, ErrNoID, ErrNoID},
		{`{"type":"Note","id":["https://a.example/1"]}`, ErrNoID, ErrNoID, ErrNoID},
		{`{"type":"Note","id":"did:key:z6Mk"}`, ErrNoID, ErrNoID, ErrNoID},
		{`{"type":"Note","id":"https://u:p@a.example/1"}`, ErrNoID, ErrNoID, ErrNoID},
		{`{"type":"Note","as:id":"https://a.example/1"}`, ErrNoID, ErrNoID, ErrNoID},
		{`{"type":"Note","id":"https://a.example/1"}`, nil, nil, ErrNotActor},
		{`{"type":"Create","id":"https://a.example/1"}`, ErrNoActor, nil, ErrNotActor},
		{`{"type":"Create","id":"https://a.example/1","actor":"x"}`, ErrNoActor, nil, ErrNotActor},
		{`{"type":"Create","actor":"https://a.example/1"}`, nil, ErrNoID, ErrNoID},
		{`{"type":"Tombstone","id":"https://a.example/1"}`, nil, nil, ErrTombstone},
		{`{"type":"Person","id":"https://a.example/1"}`, nil, nil, nil},
		{`{"type":"Robot","id":"https://a.example/1","inbox":"https://a.example/1/in"}`, nil, nil, nil},
		{`[{"type":"Person","id":"https://a.example/1"}]`, nil, nil, nil},
	} {
		for name, got := range map[string][2]error{
			"activity": {second(ParseActivity([]byte(tc.in))), tc.activity},
			"object":   {second(ParseObject([]byte(tc.in))), tc.object},
			"actor":    {second(ParseActor([]byte(tc.in))), tc.actor},
		} {
			if !errors.Is(got[0], got[1]) {
				t.Errorf("%s as %s: %v, want %v", tc.in, name, got[0], got[1])
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestReason(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range reasons {
		if got := Reason(fmt.Errorf("x: %w", r.err)); got != r.label || seen[got] {
			t.Errorf("%v: %q", r.err, got)
		}
		seen[r.label] = true
	}
	if got := Reason(errors.New("x")); got != "other" {
		t.Error(got)
	}
	if got := Reason(nil); got != "" {
		t.Error(got)
	}
}

func TestTypes(t *testing.T) {
	for in, want := range map[string]string{
		`"Note"`:                  "Note",
		`"as:Note"`:               "Note",
		`["Note"]`:                "Note",
		`["Special","Note"]`:      "Note",
		`[null,7,{},"x:Special"]`: "Special",
		`"toot:Emoji"`:            "Emoji",
		`"https:\/\/www.w3.org\/ns\/activitystreams#Note"`: "Note",
	} {
		o, err := ParseObject([]byte(`{"id":"https://a.example/1","type":` + in + `}`))
		if err != nil || o.Type != want {
			t.Errorf("%s: %+v, %v", in, o, err)
		}
	}
}

func TestVisibility(t *testing.T) {
	for members, want := range map[string]Visibility{
		`"to":[` + public + `]`:      Public,
		`"to":` + public:             Public,
		`"to":"as:Public"`:           Public,
		`"to":["Public"]`:            Public,
		`"to":{"id":` + public + `}`: Public,
		`"to":"http://www.w3.org/ns/activitystreams#Public"`:                                             Public,
		`"to":["https://a.example/u/2"],"cc":` + public:                                                  Unlisted,
		`"to":[],"cc":["as:Public"]`:                                                                     Unlisted,
		`"to":"https://a.example/u/1/followers","cc":[]`:                                                 Followers,
		`"to":"https://a.example/followers/u"`:                                                           Followers,
		`"cc":["https://a.example/u/1/subscribers"]`:                                                     Followers,
		`"to":["https://a.example/u/2"]`:                                                                 Direct,
		`"to":"http://www.w3.org/ns/auth/acl#AuthenticatedAgent"`:                                        Direct,
		`"to":"http://www.w3.org/ns/auth/acl#AuthenticatedAgent","cc":"https://a.example/u/1/followers"`: Followers,
		`"audience":` + public:                                                                           Direct,
		`"bto":` + public:                                                                                Direct,
		`"to":"public"`:                                                                                  Direct,
		`"to":"https://evil.example/ns/activitystreams#Public"`:                                          Direct,
		`"to":true,"cc":7`:                                                                               Direct,
		`"content":"nothing"`:                                                                            Direct,
		`"to":[` + strings.Repeat(`"https://a.example/u/2",`, 3000) + public + `]`:                       Public,
	} {
		if got := note(t, members).Visibility; got != want {
			t.Errorf("%.100s: %d, want %d", members, got, want)
		}
	}
}

// TestInheritedAddressing holds that an object without addressing has that of
// its activity, field by field, as in Mastodon, and that one with none on
// purpose keeps it.
func TestInheritedAddressing(t *testing.T) {
	for object, want := range map[string]Visibility{
		``:           Public,
		`,"to":null`: Public,
		`,"to":[]`:   Direct,
		`,"to":["https://a.example/u/1/followers"]`: Followers,
	} {
		a, err := ParseActivity([]byte(`{"type":"Create","actor":"https://a.example/u/1","to":[` + public + `],
			"object":{"id":"https://a.example/n/1","type":"Note"` + object + `}}`))
		if err != nil || a.Object.Post.Visibility != want {
			t.Errorf("%s: %v, %v, want %v", object, a.Object.Post.Visibility, err, want)
		}
	}
}

func TestActivityShapes(t *testing.T) {
	for _, tc := range []struct {
		name, in, actor, object string
		embedded                bool
	}{
		{"object as URI", `"actor":"https://a.example/1","object":"https://a.example/2"`, "https://a.example/1", "https://a.example/2", false},
		{"object without a type", `"actor":"https://a.example/1","object":{"id":"https://a.example/2"}`, "https://a.example/1", "https://a.example/2", false},
		{"embedded actor", `"actor":{"id":"https://a.example/1","type":"Person"},"object":["https://a.example/2"]`, "https://a.example/1", "https://a.example/2", false},
		{"array of actors", `"actor":[null,"https://a.example/1"],"object":[{"id":"https://a.example/2","type":"Note"}]`, "https://a.example/1", "https://a.example/2", true},
		{"attributedTo", `"attributedTo":"https://a.example/1","object":{"@id":"https://a.example/2","@type":"Note"}`, "https://a.example/1", "https://a.example/2", true},
		{"object without an id", `"actor":"https://a.example/1","object":{"type":"Note","content":"x"}`, "https://a.example/1", "", true},
		{"no object", `"actor":"https://a.example/1"`, "https://a.example/1", "", false},
		{"object null", `"actor":"https://a.example/1","object":null`, "https://a.example/1", "", false},
		{"object a number", `"actor":"https://a.example/1","object":7`, "https://a.example/1", "", false},
		{"other scheme", `"actor":"https://a.example/1","object":"at://did:plc:x/app.bsky.feed.post/1"`, "https://a.example/1", "", false},
		{"host in capitals", `"actor":"https://A.example:443/1","object":"HTTPS://B.example./2"`, "https://a.example/1", "https://b.example/2", false},
		{"doubled member", `"actor":"https://a.example/0","actor":"https://a.example/1","object":"as:Public"`, "https://a.example/1", PublicURI, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, err := ParseActivity([]byte(`{"id":"https://a.example/act","type":"Create",` + tc.in + `}`))
			if err != nil {
				t.Fatal(err)
			}
			if a.Actor != tc.actor || a.ObjectID != tc.object || (a.Object != nil) != tc.embedded {
				t.Errorf("%+v", a)
			}
			if a.Object != nil && a.Object.ID == "" && a.Object.Post != nil {
				t.Error("a post without an id")
			}
		})
	}
}

// TestNesting holds that activities in activities are read three deep and no
// more.
func TestNesting(t *testing.T) {
	in := `{"type":"Note","id":"https://a.example/n"}`
	for _, typ := range []string{"Create", "Announce", "Undo", "Undo", "Undo"} {
		in = `{"type":"` + typ + `","id":"https://a.example/` + typ + `","actor":"https://a.example/1","object":` + in + `}`
	}
	a, err := ParseActivity([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	depth := 1
	for a.Object != nil && a.Object.Activity != nil {
		a = a.Object.Activity
		depth++
	}
	if depth != maxActivities || a.Object == nil || a.Object.Type != "Announce" {
		t.Errorf("%d activities, the last holds %+v", depth, a.Object)
	}
}

func TestLDSigned(t *testing.T) {
	const signature = `"signature":{"type":"RsaSignature2017","creator":"https://a.example/u#main-key","signatureValue":"x"}`
	for members, want := range map[string]bool{
		signature: true,
		`"signature":[` + signature[len(`"signature":`):] + `]`:                                                  true,
		strings.Replace(signature, "RsaSignature2017", "sec:RsaSignature2017", 1):                                true,
		strings.Replace(signature, `"https://a.example/u#main-key"`, `{"id":"https://a.example/u#main-key"}`, 1): true,
		strings.Replace(signature, "a.example", "b.example", 1):                                                  false,
		strings.Replace(signature, "https:", "http:", 1):                                                         false,
		strings.Replace(signature, "RsaSignature2017", "Ed25519Signature2018", 1):                                false,
		strings.Replace(signature, `"x"`, `""`, 1):                                                               false,
		strings.Replace(signature, `"signatureValue"`, `"other"`, 1):                                             false,
		`"signature":"RsaSignature2017"`:                                                                         false,
		`"proof":{"type":"DataIntegrityProof"}`:                                                                  false,
		signature + `,"@graph":[]`:                                                                               false,
		signature + `,"x":{"y":[{"@included":{}}]}`:                                                              false,
		signature + `,"@context":{"z":"@reverse"}`:                                                               false,
		signature + `,"object":{"\u0040graph":"x"}`:                                                              false,
	} {
		a, err := ParseActivity([]byte(`{"type":"Create","actor":"https://a.example/u",` + members + `}`))
		if err != nil || a.LDSigned != want {
			t.Errorf("%s: %v, %v", members, a.LDSigned, err)
		}
	}
}

func TestHasProof(t *testing.T) {
	for member, want := range map[string]bool{
		`"proof":{"type":"DataIntegrityProof","verificationMethod":"https://a.example/u#ed"}`: true,
		`"proof":{"verificationMethod":"https://b.example/u#ed"}`:                             false,
		`"proof":[{"verificationMethod":"https://a.example/u#ed"}]`:                           false,
		`"proof":"https://a.example/u#ed"`:                                                    false,
		`"to":[]`:                                                                             false,
	} {
		a, err := ParseActivity([]byte(`{"type":"Create","actor":"https://a.example/u",` + member + `}`))
		if err != nil || a.HasProof != want {
			t.Errorf("%s: %v, %v", member, a.HasProof, err)
		}
	}
}

func TestAssertions(t *testing.T) {
	const key = `{"id":"https://a.example/u#ed","type":"Multikey","controller":"https://a.example/u","publicKeyMultibase":"z6Mk"}`
	for in, want := range map[string]int{
		key: 1,
		`[` + key + `,"https://a.example/u#other",{"id":"https://a.example/u#x"}]`: 1,
		`[` + strings.Repeat(key+",", maxKeys) + key + `]`:                         maxKeys,
		`"https://a.example/u#ed"`:                                                 0,
		`null`:                                                                     0,
	} {
		a, err := ParseActor([]byte(`{"type":"Person","id":"https://a.example/u","inbox":"https://a.example/i","assertionMethod":` + in + `}`))
		if err != nil || len(a.Assertions) != want {
			t.Fatalf("%s: %+v, %v", in, a, err)
		}
		if want > 0 && a.Assertions[0] != (Key{ID: "https://a.example/u#ed", Owner: "https://a.example/u", Multibase: "z6Mk"}) {
			t.Errorf("%s: %+v", in, a.Assertions)
		}
	}
}

func TestAttributedTo(t *testing.T) {
	for in, want := range map[string]string{
		`"https://a.example/1"`:                             "https://a.example/1",
		`{"id":"https://a.example/1"}`:                      "https://a.example/1",
		`["https://a.example/1","https://a.example/2"]`:     "https://a.example/1",
		`["https://a.example/1","https://a.example/actor"]`: "https://a.example/actor",
		`[{"type":"Group","id":"https://a.example/g"},{"type":"Person","id":"https://a.example/p"}]`: "https://a.example/p",
		`[{"type":"Person"},"x",null,"https://a.example/1"]`:                                         "https://a.example/1",
		`7`: "",
	} {
		a, err := ParseActivity([]byte(`{"type":"Create","actor":"https://a.example/actor","object":{"id":"https://a.example/n","type":"Note","attributedTo":` + in + `}}`))
		if err != nil || a.Object.AttributedTo != want {
			t.Errorf("%s: %q, %v, want %q", in, a.Object.AttributedTo, err, want)
		}
	}
}

func TestDates(t *testing.T) {
	want := time.Date(2026, 11, 5, 11, 46, 50, 0, time.UTC)
	for in, want := range map[string]time.Time{
		`"2026-11-05T11:46:50Z"`:           want,
		`"2026-11-05t11:46:50z"`:           want,
		`"2026-11-05T12:46:50+01:00"`:      want,
		`"2026-11-05T12:46:50+0100"`:       want,
		`"2026-11-05T11:46:50"`:            want,
		`"2026-11-05 11:46:50"`:            want,
		`"2026-11-05 11:46:50 UTC"`:        want,
		`"2026-11-05 11:46:50+00:00"`:      want,
		`"Thu, 05 Nov 2026 11:46:50 GMT"`:  want,
		`"2026-11-05T11:46:50.123456789Z"`: want.Add(123 * time.Millisecond),
		`"2026-11-05T11:46Z"`:              want.Truncate(time.Minute),
		`"2026-11-05"`:                     want.Truncate(24 * time.Hour),
		`1793879210`:                       want,
		`1793879210123`:                    want.Add(123 * time.Millisecond),

		`{"@type":"xsd:dateTime","@value":"2026-11-05T11:46:50Z"}`: want,

		`["2026-11-05T11:46:50Z"]`:    want,
		`"yesterday"`:                 {},
		`"0000-00-00T00:00:00Z"`:      {},
		`"0001-01-01T00:00:00Z"`:      {},
		`"99999-01-01T00:00:00Z"`:     {},
		`"9999-12-31T23:59:59-12:00"`: {},
		`""`:                          {}, `null`: {}, `true`: {}, `-1`: {}, `1e300`: {}, `1e400`: {}, `{}`: {}, `[]`: {},
	} {
		if got := note(t, `"published":`+in).Published; !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %v, want %v", in, got, want)
		}
	}
	for members, want := range map[string]bool{
		`"published":"2026-11-05T11:46:50Z","updated":"2026-11-05T11:46:50Z"`: false,
		`"published":"2026-11-05T11:46:50Z","updated":"2026-11-04T11:46:50Z"`: false,
		`"published":"2026-11-05T11:46:50Z","updated":"2026-11-05T11:46:51Z"`: true,
		`"updated":"2026-11-05T11:46:51Z"`:                                    true,
	} {
		if got := note(t, members).Updated; got.IsZero() == want {
			t.Errorf("%s: updated %v", members, got)
		}
	}
}

func TestLanguage(t *testing.T) {
	for members, want := range map[string]string{
		`"content":"a"`:                                                       "",
		`"content":"a","contentMap":{"en":"a"}`:                               "en",
		`"content":"b","contentMap":{"en":"a","de":"b"}`:                      "de",
		`"content":"c","contentMap":{"en":"a","de":"b"}`:                      "en",
		`"contentMap":{"fr":"a","de":"b"}`:                                    "fr",
		`"contentMap":{"fr":" ","de":"b"}`:                                    "de",
		`"content":null,"contentMap":{"fr":null,"pt_BR":"b"}`:                 "pt-br",
		`"content":"a","contentMap":{"und":"a"},"language":"ja"`:              "ja",
		`"content":"a","contentMap":["en"],"language":"zh-TW"`:                "zh-tw",
		`"content":"a","language":{"identifier":"fr","name":"F"}`:             "fr",
		`"content":"a","language":[{"identifier":"und"},{"identifier":"de"}]`: "",
		`"content":"a","inLanguage":"ES"`:                                     "es",
		`"content":"a","nameMap":{"it":"x"}`:                                  "it",
		`"content":"a","summaryMap":{"sv":"x"}`:                               "sv",
		`"content":"a","@context":["x",{"@language":"pl"}]`:                   "pl",
		`"content":"a","@context":{"@language":"und"}`:                        "",
		`"content":"a","@context":{"@language":"<script>"}`:                   "",
		`"content":{"@value":"a","@language":"nl"}`:                           "nl",
		`"content":"a","contentMap":{"English":"a"}`:                          "",
		`"content":"a","contentMap":{"":"a"}`:                                 "",
		`"content":"a","contentMap":{"sr-Latn-RS":"a"}`:                       "sr-latn-rs",
		`"content":"a","language":7`:                                          "",
	} {
		if got := note(t, members).Language; got != want {
			t.Errorf("%s: %q, want %q", members, got, want)
		}
	}
	if p := note(t, `"contentMap":{"fr":" ","de":"<p>b</p>"}`); p.Content != "<p>b</p>" || p.Text != "b" {
		t.Errorf("content only in the map: %q", p.Content)
	}
}

func TestWords(t *testing.T) {
	for _, tc := range []struct{ members, title, summary, content string }{
		{`"summary":"a < b & <c>"`, "", "a < b & <c>", ""},
		{`"content":7,"summary":[],"name":{}`, "", "", ""},
		{`"content":["<p>a</p>","b"]`, "", "", "<p>a</p>"},
		{`"name":"vote"`, "vote", "", ""},
		{`"name":"hidden","content":"x"`, "", "", "x"},
		{`"content":"a\u0000b\u0007c\ufffe"`, "", "", "abc\ufffe"},
		{`"content":"a\ud800b"`, "", "", "a\uFFFDb"},
		{`"content":"1 < 2\n\n<b>","mediaType":"text/plain"`, "", "", "<p>1 &lt; 2</p><p>&lt;b&gt;</p>"},
		{`"content":"*a*\r\nb","mediaType":"text/markdown; x=y"`, "", "", "<p>*a*<br>b</p>"},
	} {
		p := note(t, tc.members)
		if p.Title != tc.title || p.Summary != tc.summary || p.Content != tc.content {
			t.Errorf("%s: title %q, summary %q, content %q", tc.members, p.Title, p.Summary, p.Content)
		}
	}
}

func TestSensitive(t *testing.T) {
	for in, want := range map[string]bool{
		`true`: true, `"true"`: true, `"True"`: true, `1`: true, `"1"`: true, `[true]`: true,
		`false`: false, `"false"`: false, `0`: false, `null`: false, `"yes"`: false, `{}`: false, `[]`: false, `[true,false]`: false,
	} {
		if got := note(t, `"sensitive":`+in).Sensitive; got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func TestTagsOfAPost(t *testing.T) {
	p := note(t, `"tag":[{"type":"Hashtag","name":"#A"},{"type":"Hashtag","name":"a"},{"type":"as:Hashtag","name":"Ü"},{"type":"Hashtag"},
		{"type":"Hashtag","name":"#!"},"#string",null,7,[],{"type":"Mention","href":"https://b.example/u"},{"type":"Mention","name":"@x"},
		{"type":["Mention"],"href":["https://c.example/u"],"name":["@c"]},
		{"type":"Emoji","name":":ok_1:","icon":{"url":"https://a.example/1.png"}},{"type":"Emoji","name":":ok_1:","icon":"https://a.example/2.png"},
		{"type":"toot:Emoji","id":null,"name":"plain","icon":[{"type":"Image","url":[{"type":"Link","href":"https://a.example/3.png"}]}]},
		{"type":"Emoji","name":":no icon:","icon":"https://a.example/4.png"},{"type":"Emoji","name":":none:"},{"type":"Emoji","name":":js:","icon":"javascript:x"}]`)
	if !slices.Equal(p.Tags, []string{"a", "u"}) {
		t.Errorf("tags %q", p.Tags)
	}
	if !slices.Equal(p.Mentions, []Mention{{URI: "https://b.example/u"}, {URI: "https://c.example/u", Name: "@c"}}) {
		t.Errorf("mentions %q", p.Mentions)
	}
	if !slices.Equal(p.Emojis, []Emoji{{"ok_1", "https://a.example/1.png"}, {"plain", "https://a.example/3.png"}}) {
		t.Errorf("emojis %q", p.Emojis)
	}
	if p = note(t, `"tag":{"type":"Hashtag","name":"#one"}`); !slices.Equal(p.Tags, []string{"one"}) {
		t.Errorf("a single tag: %q", p.Tags)
	}
}

func TestAttachments(t *testing.T) {
	for in, want := range map[string]Media{
		`{"type":"Document","mediaType":"image/PNG; x=1","url":"https://a.example/1","name":" alt "}`:      {URL: "https://a.example/1", MediaType: "image/png", Type: "image", Description: "alt"},
		`{"type":"Image","url":"https://a.example/1","summary":"s","name":"n"}`:                            {URL: "https://a.example/1", Type: "image", Description: "s"},
		`{"type":"Document","url":"https://a.example/1.WEBM?x"}`:                                           {URL: "https://a.example/1.WEBM?x", Type: "video"},
		`{"type":"Document","url":[{"type":"Link","href":"https://a.example/1","mediaType":"audio/ogg"}]}`: {URL: "https://a.example/1", MediaType: "audio/ogg", Type: "audio"},
		`{"type":"Document","url":{"href":"https://a.example/1"}}`:                                         {URL: "https://a.example/1", Type: "unknown"},
		`{"type":"Link","href":"https://a.example/1.jpg"}`:                                                 {URL: "https://a.example/1.jpg", Type: "image"},

		`"https://a.example/1.png"`: {URL: "https://a.example/1.png", Type: "image"},
		`{"type":"Image","url":"https://a.example/1","width":1e9,"height":-5,"focalPoint":[9,"-0.5"]}`: {URL: "https://a.example/1", Type: "image", Width: 1 << 16, FocusX: 1, FocusY: -0.5},
		`{"type":"Image","url":"https://a.example/1","focalPoint":[0.1],"blurhash":"<script>"}`:        {URL: "https://a.example/1", Type: "image"},
		`{"type":"Video","url":"https://a.example/1","icon":{"url":"https://a.example/2"}}`:            {URL: "https://a.example/1", Type: "video", Preview: "https://a.example/2"},
	} {
		for _, in := range []string{in, "[null,7," + in + "]"} {
			if p := note(t, `"attachment":`+in); len(p.Attachments) != 1 || p.Attachments[0] != want {
				t.Errorf("%s:\n got %+v\nwant %+v", in, p.Attachments, want)
			}
		}
	}
	for _, in := range []string{
		`{"type":"Image"}`, `{"type":"Image","url":"data:image/png;base64,x"}`, `{"type":"Place","url":"https://a.example/1"}`,
		`{"type":"PropertyValue","name":"x","value":"y"}`, `"x"`, `"https://a.example/page"`, `7`, `{}`,
	} {
		if p := note(t, `"attachment":`+in); len(p.Attachments) != 0 {
			t.Errorf("%s: %+v", in, p.Attachments)
		}
	}
}

func TestPolls(t *testing.T) {
	question := func(members string) *Poll {
		o, err := ParseObject([]byte(`{"id":"https://a.example/q","type":"Question","published":"2026-01-01T00:00:00Z",` + members + `}`))
		if err != nil {
			t.Fatal(err)
		}
		return o.Post.Poll
	}
	if p := question(`"oneOf":[{"name":"a","replies":{"totalItems":-1}},{"content":"b","replies":{"totalItems":1e99}},7,{}],"votersCount":"3","closed":true`); p == nil ||
		!slices.Equal(p.Options, []PollOption{{"a", 0}, {"b", maxVotes}}) || p.Multiple || p.Voters != 3 || p.Closed.Year() != 2026 {
		t.Errorf("%+v", p)
	}
	if p := question(`"anyOf":{"name":"only"},"endTime":"2027-01-01T00:00:00Z","closed":false`); p == nil || !p.Multiple || len(p.Options) != 1 ||
		!p.Closed.IsZero() || p.Ends.Year() != 2027 {
		t.Errorf("%+v", p)
	}
	if p := question(`"anyOf":[` + strings.Repeat(`{"name":"x"},`, 4000) + `{"name":"y"}]`); len(p.Options) != maxPollOptions {
		t.Errorf("%d options", len(p.Options))
	}
	if p := question(`"oneOf":[]`); p != nil {
		t.Errorf("%+v", p)
	}
}

func TestQuotes(t *testing.T) {
	const q = "https://b.example/n/9"
	for _, members := range []string{
		`"quote":"` + q + `"`, `"quote":{"id":"` + q + `","type":"Note"}`, `"quoteUrl":"` + q + `"`, `"quoteUri":"` + q + `"`,
		`"quoteURL":"` + q + `"`, `"_misskey_quote":"` + q + `"`, `"misskey:_misskey_quote":"` + q + `"`, `"quote":null,"quoteUrl":"` + q + `"`,
		`"tag":{"type":"Link","mediaType":"application/activity+json","href":"` + q + `"}`,
		`"tag":[{"type":"Link","mediaType":"application/ld+json; profile=\"x\"","rel":["https://misskey-hub.net/ns#_misskey_quote"],"href":"` + q + `"}]`,
	} {
		if got := note(t, members).Quote; got != q {
			t.Errorf("%s: %q", members, got)
		}
	}
	for _, members := range []string{
		`"quote":"x"`, `"tag":{"type":"Link","mediaType":"text/html","href":"` + q + `"}`,
		`"tag":{"type":"Link","mediaType":"application/activity+json","rel":"other","href":"` + q + `"}`,
	} {
		if got := note(t, members).Quote; got != "" {
			t.Errorf("%s: %q", members, got)
		}
	}
}

func TestLinks(t *testing.T) {
	p := note(t, `"tag":{"type":"Mention","href":"https://l.example/u/m"},"quoteUrl":"https://q.example/n","content":"`+strings.ReplaceAll(
		`<a href="https://a.example/x#y">1</a><a href="https://a.example/x#y">2</a><a class="mention" href="https://a.example/m">3</a>`+
			`<a rel="tag" href="https://a.example/t">4</a><a href="https://l.example/u/m">5</a><a href="magnet:?x">6</a>`+
			`<a href="https://q.example/n">7</a><a href="http://b.example">8</a>`, `"`, `\"`)+`"`)
	if want := []string{"https://a.example/x#y", "http://b.example"}; !slices.Equal(p.Links, want) {
		t.Errorf("%q, want %q", p.Links, want)
	}
}

func TestConsent(t *testing.T) {
	type consent struct{ Discoverable, Indexable, OptOut bool }
	for members, want := range map[string]consent{
		``:                                      {},
		`,"discoverable":true,"indexable":true`: {true, true, false},
		`,"discoverable":"true","toot:indexable":1`:                                                 {true, true, false},
		`,"discoverable":null,"indexable":"yes"`:                                                    {},
		`,"indexable":true,"indexable":false`:                                                       {},
		`,"summary":"<p>hi #nobot</p>"`:                                                             {OptOut: true},
		`,"summary":"<a href=\"https://a.example/tags/nobot\" rel=\"tag\">#<span>NoBot</span></a>"`: {OptOut: true},
		`,"summary":"#nobots"`:                                                                      {OptOut: true},
		`,"summary":"#NOINDEX!"`:                                                                    {OptOut: true},
		`,"summary":"(#nosearch)"`:                                                                  {OptOut: true},
		`,"summary":"a#noarchive"`:                                                                  {OptOut: true},
		`,"summary":"＃ｎｏｂｏｔ"`:                                                                       {OptOut: true},
		`,"summary":"#\u200bnobot"`:                                                                 {OptOut: true},
		`,"summary":"&#35;nobot"`:                                                                   {OptOut: true},
		`,"summary":"#no<b>bot</b>"`:                                                                {OptOut: true},
		`,"summary":"#a #b #c\n#nobot"`:                                                             {OptOut: true},
		`,"summary":"#nobotany nobot #no bot #nobot_"`:                                              {},
		`,"summary":"#nobridge"`:                                                                    {},
		`,"summaryMap":{"en":"#nobot"}`:                                                             {OptOut: true},
		`,"name":"Ada #nobot"`:                                                                      {OptOut: true},
		`,"tag":[{"type":"Hashtag","name":"#NoIndex"}]`:                                             {OptOut: true},

		`,"attachment":{"type":"PropertyValue","name":"Bots","value":"<p>#nobot</p>"}`:   {OptOut: true},
		`,"attachment":[{"type":"schema:PropertyValue","name":"#nosearch","value":"x"}]`: {OptOut: true},
		`,"attachment":[{"type":"Note","name":"#nosearch","value":"x"}]`:                 {},
		`,"noindex":true`:  {OptOut: true},
		`,"noindex":false`: {},
		`,"_misskey_requireSigninToViewContents":true`:                       {OptOut: true},
		`,"misskey:_misskey_requireSigninToViewContents":"true"`:             {OptOut: true},
		`,"_misskey_makeNotesFollowersOnlyBefore":-2592000`:                  {OptOut: true},
		`,"_misskey_makeNotesHiddenBefore":1700000000`:                       {OptOut: true},
		`,"_misskey_makeNotesHiddenBefore":null`:                             {},
		`,"_misskey_makeNotesHiddenBefore":0`:                                {},
		`,"labels":{"values":[{"val":"!no-unauthenticated"}]}`:               {OptOut: true},
		`,"labels":["!no-unauthenticated"]`:                                  {OptOut: true},
		`,"labels":[{"val":"porn"}]`:                                         {},
		`,"tag":{"name":"!no-unauthenticated"}`:                              {OptOut: true},
		`,"searchableBy":` + public:                                          {Indexable: true},
		`,"searchableBy":["as:Public"],"indexable":false`:                    {},
		`,"indexable":true,"searchableBy":[]`:                                {Indexable: true},
		`,"indexable":true,"searchableBy":"https://a.example/u/1/followers"`: {},
		`,"indexable":true,"fedibird:searchableBy":"as:Limited"`:             {},
		`,"xRobotsTag":"noai"`:                                               {OptOut: true},
		`,"xRobotsTag":["nosnippet","googlebot: NoIndex"]`:                   {OptOut: true},
		`,"xRobotsTag":"all"`:                                                {},
		`,"secGPC":1`:                                                        {OptOut: true},
		`,"secGPC":0`:                                                        {},
	} {
		a := person(t, members)
		if got := (consent{a.Discoverable, a.Indexable, a.OptOut}); got != want {
			t.Errorf("%s: %+v, want %+v", members, got, want)
		}
	}
	for members, want := range map[string]bool{
		`"searchableBy":` + public: false, `"searchableBy":[]`: false, `"searchableBy":["https://a.example/u/1"]`: true,
		`"searchableBy":["x",` + public + `]`: false, `"xRobotsTag":"noindex"`: true, `"secGPC":true`: true, `"content":"#nobot"`: false,
	} {
		if got := note(t, members).OptOut; got != want {
			t.Errorf("%s: %v", members, got)
		}
	}
}

// TestLongBiography holds that an opt-out at the end of a long biography counts
// although the biography is cut.
func TestLongBiography(t *testing.T) {
	a := person(t, `,"summary":"`+strings.Repeat("<p>word</p>", 5000)+`#nobot"`)
	if !a.OptOut || len(a.Note) > maxNote {
		t.Errorf("opt-out %v, %d bytes", a.OptOut, len(a.Note))
	}
}

func TestActorShapes(t *testing.T) {
	a := person(t, `,"preferredUsername":"ada","name":" Ada <3 ","url":{"type":"Link","href":"https://a.example/@ada"},
		"icon":"https://a.example/i.png","image":[{"url":"https://a.example/s.png","width":10},{"url":"https://a.example/b.png","width":"20"}],
		"endpoints":{"sharedInbox":"https://A.example/inbox"},"publicKey":[{"id":"https://a.example/u/1#a","owner":"https://a.example/u/1","publicKeyPem":"P"},
		"https://a.example/u/1/key",null,{"x":1}],"alsoKnownAs":"https://b.example/u","movedTo":{"id":"https://c.example/u"},
		"manuallyApprovesFollowers":"true","memorial":true,"suspended":1,"published":"2019-03-02","attachment":[{"type":"PropertyValue","name":"a","value":"<script>x</script>b"},{"type":"PropertyValue"}]`)
	want := Actor{
		Author: Author{
			URI: "https://a.example/u/1", Type: "Person", Username: "ada", Name: "Ada <3", URL: "https://a.example/@ada",
			Avatar: "https://a.example/i.png", Header: "https://a.example/b.png", Created: time.Date(2019, 3, 2, 0, 0, 0, 0, time.UTC),
			Locked: true, Memorial: true, Suspended: true, Fields: []Field{{"a", "b"}}, MovedTo: "https://c.example/u",
		},
		Inbox: "https://a.example/u/1/inbox", SharedInbox: "https://a.example/inbox", AlsoKnownAs: []string{"https://b.example/u"},
		Keys: []Key{{ID: "https://a.example/u/1#a", Owner: "https://a.example/u/1", PEM: "P"}, {ID: "https://a.example/u/1/key"}},
	}
	if got, want := asJSON(t, a), asJSON(t, &want); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	for _, members := range []string{`,"endpoints":"https://a.example/e"`, `,"endpoints":null`, `,"endpoints":[]`, `,"endpoints":{"sharedInbox":7}`} {
		if a := person(t, members); a.SharedInbox != "" || a.URL != a.URI {
			t.Errorf("%s: %+v", members, a)
		}
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHash(t *testing.T) {
	base := `"content":"a","published":"2026-01-01T00:00:00Z","to":` + public
	seen := map[uint64]string{}
	for _, members := range []string{
		base, base + `,"content":"b"`, base + `,"summary":"a"`, base + `,"sensitive":true`, base + `,"contentMap":{"en":"a"}`,
		base + `,"tag":{"type":"Hashtag","name":"a"}`, base + `,"attachment":{"type":"Image","url":"https://a.example/1"}`,
		base + `,"attachment":{"type":"Image","url":"https://a.example/1","name":"x"}`, base + `,"inReplyTo":"https://a.example/0"`,
		base + `,"quote":"https://a.example/0"`, base + `,"cc":[],"to":"https://a.example/2"`, base + `,"xRobotsTag":"noai"`,
	} {
		h := note(t, members).Hash()
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have one hash", members, other)
		}
		seen[h] = members
		if again := note(t, members+`,"published":"2026-01-02T00:00:00Z","updated":"2026-01-03T00:00:00Z"`).Hash(); again != h {
			t.Errorf("%s: the dates are in the hash", members)
		}
	}
	// The hash is in records of the log: a change of this number makes known posts look edited.
	if h := note(t, base).Hash(); h != 0x1963fe7202e116c {
		t.Errorf("the hash is %#x", h)
	}
	votes := func(n int, more string) uint64 {
		o, err := ParseObject(fmt.Appendf(nil, `{"id":"https://a.example/q","type":"Question","oneOf":[{"name":"a","replies":{"totalItems":%d}}]%s}`, n, more))
		if err != nil {
			t.Fatal(err)
		}
		return o.Post.Hash()
	}
	if votes(1, "") != votes(2, "") || votes(1, "") == votes(1, `,"closed":"2026-01-01T00:00:00Z"`) {
		t.Error("votes are no edit, closing is one")
	}
}

// TestLimitsFitARecord holds the sum that limits.go promises: a document of 256
// KiB, the post read out of it and a snapshot of its author are less than 1 MiB.
func TestLimitsFitARecord(t *testing.T) {
	uri := "https://a.example/" + strings.Repeat("x", maxURI-60)
	list := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+",", fmt.Sprint(uri, i), i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	pad := func(s string) []byte {
		head, tail, _ := strings.Cut(s, "PADDING")
		const unit = `<a href=http://a.b>`
		n := (MaxDocument - len(head) - len(tail)) / len(unit)
		return []byte(head + strings.Repeat(unit, max(n, 0)) + tail)
	}
	author := 0
	for _, in := range []string{
		`{"id":"https://a.example/u","type":"Person","inbox":"https://a.example/i","summary":"PADDING","tag":[` +
			list(40, `{"type":"Emoji","name":":x%[2]d:","icon":"%[1]s"}`) + `]}`,
		`{"id":"https://a.example/u","type":"Person","inbox":"https://a.example/i","summary":"` + strings.Repeat("&", 20<<10) + `","name":"` + strings.Repeat("é", 5000) + `",
			"attachment":[` + strings.Repeat(`{"type":"PropertyValue","name":"`+strings.Repeat("x", 5000)+`","value":"`+strings.Repeat("&", 5000)+`"},`, 16) + `7],"x":"PADDING"}`,
	} {
		in := pad(in)
		a, err := ParseActor(in)
		if err != nil {
			t.Fatal(err)
		}
		b, err := cbor.Marshal(a.Author)
		if err != nil {
			t.Fatal(err)
		}
		author = max(author, len(b))
	}
	t.Logf("an author takes up to %d bytes", author)
	for _, in := range []string{
		`{"id":"https://a.example/n","type":"Note","content":"PADDING"}`,
		`{"id":"https://a.example/n","type":"Note","attachment":[` + list(40, `{"type":"Image","url":"%[1]s","height":%[2]d}`) + `],"content":"PADDING"}`,
		`{"id":"https://a.example/n","type":"Note","tag":[` + list(60, `{"type":"Mention","href":"%[1]s","name":"%[1]s%[2]d"}`) + `],"content":"PADDING"}`,
	} {
		raw := pad(in)
		o, err := ParseObject(raw)
		if err != nil {
			t.Fatal(err)
		}
		post, err := cbor.Marshal(o.Post)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("a document of %d bytes holds a post of %d", len(raw), len(post))
		if sum := len(raw) + len(post) + author; sum > 1<<20-32<<10 {
			t.Errorf("%.60s: %d bytes + post %d + author %d = %d", in, len(raw), len(post), author, sum)
		}
	}
}

func TestLanguageKinds(t *testing.T) {
	for code, want := range map[string][]string{"": nil, "de": {"de"}, "pt-br": {"pt", "pt-br"}, "zh-hant-tw": {"zh", "zh-hant", "zh-hant-tw"}} {
		if got := slices.Collect(LanguageKinds(code)); !slices.Equal(got, want) {
			t.Errorf("%s: %v", code, got)
		}
	}
}
