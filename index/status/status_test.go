package status_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tributary/index/status"
	"tributary/ingest"
	"tributary/ingest/ap"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var renderer = status.New("https://relay.example/")

var arrival = time.Date(2026, 11, 23, 10, 20, 30, 123e6, time.UTC)

// note is what Mastodon sends on a good day, with one of everything.
func note() *ingest.Record {
	return &ingest.Record{
		Kind: ingest.KindCreate, Object: "https://social.example/users/alice/statuses/1", ID: 123456789012345678,
		Actor: "https://social.example/users/alice", Domain: "social.example", Time: arrival,
		Author: &ap.Author{
			URI: "https://social.example/users/alice", Type: "Person", Username: "alice", Name: "Alice & Bob :cat:",
			Note: "<p>Hello</p>", URL: "https://social.example/@alice", Avatar: "https://files.example/a.png",
			Header: "https://files.example/h.png", Created: time.Date(2020, 2, 1, 0, 0, 0, 0, time.UTC),
			Discoverable: true, Indexable: true,
			Fields: []ap.Field{{Name: "web", Value: `<a href="https://alice.example/">alice.example</a>`}},
			Emojis: []ap.Emoji{{Shortcode: "cat", URL: "https://files.example/cat.png"}},
		},
		Post: &ap.Post{
			URI: "https://social.example/users/alice/statuses/1", Type: "Note", URL: "https://social.example/@alice/1",
			Visibility: ap.Public, Published: arrival.Add(-2 * time.Second), Updated: arrival.Add(-time.Second),
			InReplyTo: "https://other.example/notes/9", Summary: "cats \"inside\"", Sensitive: true, Language: "en",
			Content: `<p>Look: <a href="https://social.example/tags/katzen" class="mention hashtag" rel="tag">#<span>Katzen</span></a> 🐈 日本語</p>`,
			Tags:    []string{"katzen", "日本語"},
			Mentions: []ap.Mention{
				{URI: "https://other.example/users/bob", Name: "@bob@other.example"},
				{URI: "https://social.example/users/carol", Name: "@carol"},
				{URI: "https://third.example/ap/42"},
			},
			Attachments: []ap.Media{
				{
					URL: "https://files.example/1.jpg", MediaType: "image/jpeg", Type: "image", Description: "a cat\non a mat",
					Blurhash: "UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH", Width: 640, Height: 480, FocusX: 0.5, FocusY: -0.25,
				},
				{URL: "https://files.example/2.bin", Type: "Document"},
			},
			Emojis: []ap.Emoji{{Shortcode: "cat", URL: "https://files.example/cat.png"}},
		},
	}
}

func question() *ingest.Record {
	r := note()
	r.Post = &ap.Post{
		URI: "https://social.example/users/alice/statuses/2", Type: "Question", Visibility: ap.Unlisted,
		Published: arrival.Add(-time.Hour), Content: "<p>Tea?</p>",
		Poll: &ap.Poll{
			Options: []ap.PollOption{{Title: "yes", Votes: 3}, {Title: "no", Votes: 4}},
			Ends:    arrival.Add(time.Hour), Voters: 7,
		},
	}
	return r
}

func article() *ingest.Record {
	return &ingest.Record{
		Kind: ingest.KindCreate, Object: "https://blog.example/?p=7", ID: 7,
		Actor: "https://blog.example/?author=1", Domain: "blog.example:8443", Time: arrival,
		Author: &ap.Author{URI: "https://blog.example/?author=1", Type: "Group", Username: "eve@blog.example", Bot: true, Locked: true},
		Post: &ap.Post{
			URI: "https://blog.example/?p=7", Type: "Article", URL: "https://blog.example/hello?a=1&b=2",
			Title: "Fish & <chips>", Visibility: ap.Followers,
		},
	}
}

// hostile is what no parser of ours lets through, and still must not break a frame.
func hostile() *ingest.Record {
	bad := "\xff\x00\"\\</script>\u2028\n\x7f"
	return &ingest.Record{
		Object: bad, ID: math.MaxUint64, Actor: bad, Domain: bad, Time: arrival,
		Author: &ap.Author{
			URI: bad, Username: bad, Name: bad, Note: bad, URL: bad, Created: time.Time{}.AddDate(-5, 0, 0),
			Fields: []ap.Field{{Name: bad, Value: bad}}, Suspended: true, Memorial: true,
		},
		Post: &ap.Post{
			URI: bad, Title: bad, Summary: bad, Content: bad, Language: bad, Visibility: 200,
			Published: time.Date(292277026, 1, 1, 0, 0, 0, 0, time.UTC), Updated: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC),
			Tags: []string{bad, "", "a/b?c"}, Mentions: []ap.Mention{{URI: bad, Name: bad}, {}},
			Attachments: []ap.Media{{URL: bad, Type: bad, Width: math.MaxInt, Height: 1, FocusX: math.NaN(), FocusY: math.Inf(1)}},
			Poll: &ap.Poll{
				Options: []ap.PollOption{{Title: bad, Votes: math.MaxInt}, {Votes: math.MaxInt}, {Votes: -1}},
				Ends:    time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC),
			},
		},
	}
}

func samples() map[string]*ingest.Record {
	return map[string]*ingest.Record{
		"note": note(), "question": question(), "article": article(), "hostile": hostile(),
		"bare": {Kind: ingest.KindDelete, Object: "https://a.example/1", Actor: "https://a.example/", Time: arrival},
	}
}

func TestGolden(t *testing.T) {
	for name, r := range samples() {
		t.Run(name, func(t *testing.T) {
			got := check(t, r)
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, got, "", "  "); err != nil {
				t.Fatal(err)
			}
			pretty.WriteByte('\n')
			path := filepath.Join("testdata", "golden", name+".json")
			if *update {
				if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(pretty.Bytes(), want) {
				t.Errorf("differs from %s (go test -update):\n%s", path, pretty.Bytes())
			}
		})
	}
}

// check asserts what holds for every record, and returns its rendering.
func check(t *testing.T, r *ingest.Record) []byte {
	t.Helper()
	got := renderer.AppendJSON([]byte("x"), r)[1:]
	if !json.Valid(got) || !utf8.Valid(got) {
		t.Fatalf("not JSON in UTF-8: %q", got)
	}
	s := renderer.Render(r)
	std, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	a, b := decode(t, got), decode(t, std)
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("AppendJSON says\n%s\nencoding/json says\n%s", got, std)
	}
	clientsNeed(t, a)
	return got
}

func decode(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// clientsNeed asserts the fields that Tusky (Kotlin, non-null) and toot (Python
// dataclasses) read without looking, and Mastodon's types.
func clientsNeed(t *testing.T, s map[string]any) {
	t.Helper()
	have(t, s, "", "id uri created_at content visibility spoiler_text url")
	have(t, s, false, "sensitive")
	have(t, s, 0.0, "reblogs_count favourites_count replies_count")
	have(t, s, []any{}, "media_attachments mentions tags emojis")
	account, ok := s["account"].(map[string]any)
	if !ok {
		t.Fatalf("account is %T", s["account"])
	}
	have(t, account, "", "id username acct display_name url note avatar avatar_static header header_static created_at")
	have(t, account, false, "locked bot group discoverable indexable")
	have(t, account, []any{}, "fields emojis")
	have(t, account, 0.0, "statuses_count followers_count following_count")
	for _, key := range strings.Fields("in_reply_to_id in_reply_to_account_id reblog poll card application language edited_at quote") {
		if _, ok := s[key]; !ok {
			t.Errorf("no %s: it may be null, not missing", key)
		}
	}
	for _, m := range s["media_attachments"].([]any) {
		have(t, m.(map[string]any), "", "id type url preview_url")
		have(t, m.(map[string]any), map[string]any{}, "meta")
	}
	if account["id"] == "0" || account["username"] == "" || strings.HasPrefix(account["acct"].(string), "@") {
		t.Errorf("account without an id or a handle: %v", account)
	}
	instant(t, s["created_at"])
	instant(t, account["created_at"])
}

func have(t *testing.T, m map[string]any, like any, keys string) {
	t.Helper()
	for _, key := range strings.Fields(keys) {
		if reflect.TypeOf(m[key]) != reflect.TypeOf(like) {
			t.Errorf("%s is %T, not %T", key, m[key], like)
		}
	}
}

func instant(t *testing.T, v any) {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05.000Z", v.(string))
	if err != nil || at.Year() < 1900 || at.Year() > 9999 {
		t.Errorf("time %v: %v", v, err)
	}
}

func TestFieldsClientsNeed(t *testing.T) {
	check(t, &ingest.Record{})
	check(t, &ingest.Record{Post: &ap.Post{}, Author: &ap.Author{}})
}

func TestTimes(t *testing.T) {
	at := func(published time.Time) string {
		s := renderer.Render(&ingest.Record{Time: arrival, Post: &ap.Post{Published: published}})
		return string(status.AppendTime(nil, s.CreatedAt.Time))
	}
	const arrived = "2026-11-23T10:20:30.123Z"
	for _, c := range []struct {
		name      string
		published time.Time
		want      string
	}{
		{"absent: the arrival", time.Time{}, arrived},
		{"year 1", time.Time{}.Add(time.Hour), "1900-01-01T00:00:00.000Z"},
		{"future: the arrival", arrival.Add(time.Second), arrived},
		{"year 10000", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), arrived},
		{"other zone, microseconds", time.Date(2026, 1, 2, 3, 4, 5, 678901e3, time.FixedZone("", 3600)), "2026-01-02T02:04:05.678Z"},
	} {
		if got := at(c.published); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := string(status.AppendTime(nil, time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC))); got != "9999-12-30T00:00:00.000Z" {
		t.Error("far future:", got)
	}
}

// The numbers are the contract: they are in clients' databases.
func TestAccountID(t *testing.T) {
	for uri, want := range map[string]uint64{
		"https://social.example/users/alice": 0x23295d3782c84d31 >> 1, // sha256sum
		"":                                   0xe3b0c44298fc1c14 >> 1,
	} {
		got := status.AccountID(uri)
		if got == 0 || got >= 1<<63 {
			t.Errorf("%q: %d is no positive 63-bit id", uri, got)
		}
		if got != want {
			t.Errorf("%q: %d, want %d", uri, got, want)
		}
	}
}

func TestHandles(t *testing.T) {
	for _, c := range []struct{ uri, username, domain, want string }{
		{"https://a.example/users/alice", "alice", "a.example", "alice@a.example"},
		{"https://a.example/users/alice", "", "a.example", "alice@a.example"},
		{"https://a.example/@alice/", "al ice", "a.example", "alice@a.example"},
		{"https://a.example:8443/users/x", "", "", "x@a.example:8443"},
		{"https://a.example/?author=1", "", "", "a.example@a.example"},
		{"http://[::1]:80/u", "", "", "u@[::1]:80"},
		{"https://user:pw@A.example/u", "", "", "u@a.example"},
		{"https://a.example/café", "café", "a.example", "café@a.example"},
		{"garbage", "", "", "unknown@"},
	} {
		if got := renderer.Account(&ap.Author{URI: c.uri, Username: c.username}, c.domain).Acct; got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":                      `""`,
		"<b>&amp;</b>":          `"<b>&amp;</b>"`,
		"a\"b\\c\n\r\t\x00\x1f": `"a\"b\\c\n\r\t\u0000\u001f"`,
		"日本\xff語\xe6\x97":       `"日本` + "\uFFFD" + `語` + "\uFFFD\uFFFD" + `"`,
		"\uFFFD\u2028":          "\"\uFFFD\u2028\"",
	} {
		if got := string(status.AppendString(nil, in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// FuzzRender holds the invariants of the package doc against any record.
func FuzzRender(f *testing.F) {
	f.Add("https://a.example/1", "alice", "<p>x</p>", int64(0), int64(0), 0.5, uint8(3))
	f.Add("\xff", "@\x00", "\"\\\u2028", int64(math.MinInt64), int64(math.MaxInt64), math.NaN(), uint8(0))
	f.Fuzz(func(t *testing.T, uri, name, text string, seconds, number int64, float float64, n uint8) {
		at := time.Unix(seconds%1e15, number%1e9)
		r := &ingest.Record{Object: uri, Actor: uri, Domain: name, ID: uint64(number), Time: time.Unix(number%1e12, 0)}
		if n&1 != 0 {
			r.Author = &ap.Author{
				URI: text, Type: name, Username: name, Name: text, Note: text, URL: uri, Avatar: name, Created: at,
				Fields: []ap.Field{{Name: name, Value: text}}, Emojis: []ap.Emoji{{Shortcode: name, URL: uri}}, Suspended: true,
			}
		}
		if n&2 != 0 {
			r.Post = &ap.Post{
				URI: uri, URL: name, Visibility: ap.Visibility(n), Published: at, Updated: at, Title: name,
				Summary: text, Content: text, Language: name, Sensitive: n&4 != 0, Tags: []string{text, name},
				Mentions: []ap.Mention{{URI: uri, Name: name}, {URI: name, Name: text}},
				Attachments: []ap.Media{{
					URL: uri, Type: name, Description: text, Blurhash: name,
					Width: int(number), Height: int(seconds), FocusX: float, FocusY: -float,
				}},
				Poll: &ap.Poll{
					Options: []ap.PollOption{{Title: text, Votes: int(number)}, {Votes: int(seconds)}},
					Ends:    at, Voters: int(number), Multiple: n&8 != 0,
				},
			}
		}
		check(t, r)
	})
}

// What a frame costs when it is encoded, once for all its readers. JSON is what
// AppendJSON saves.
func BenchmarkAppendJSON(b *testing.B) {
	r := note()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = renderer.AppendJSON(buf[:0], r)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkEncodingJSON(b *testing.B) {
	r := note()
	b.ReportAllocs()
	for b.Loop() {
		out, err := json.Marshal(renderer.Render(r))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(out)))
	}
}
