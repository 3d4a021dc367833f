package stream

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tributary/index/status"
	"tributary/ingest"
	"tributary/ingest/ap"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var testEncoder = encoder{status.New("https://relay.example")}

var testTime = time.Date(2026, 11, 23, 10, 20, 30, 123e6, time.UTC)

// testPost is a record as Tail gives it to readers.
func testPost(kind ingest.Kind, tier, before ingest.Tier) *ingest.Record {
	return &ingest.Record{
		Kind: kind, Object: "https://a.example/notes/1", ID: 1154, Actor: "https://a.example/users/alice",
		Domain: "a.example", Tier: tier, PrevTier: before, Seq: 7, Time: testTime,
		Author: &ap.Author{URI: "https://a.example/users/alice", Username: "alice"},
		Post: &ap.Post{
			URI: "https://a.example/notes/1", Visibility: ap.Public, Published: testTime,
			Content: "<p>hi</p>", Language: "en", Tags: []string{"cats", "日本"},
		},
	}
}

func withdrawal(scope ingest.Scope, key string, tier ingest.Tier) *ingest.Record {
	return &ingest.Record{
		Kind: ingest.KindWithdraw, Scope: scope, Object: key, Tier: tier,
		PrevTier: ingest.TierSearch, Reason: "the operator's own words", Seq: 9, Time: testTime,
	}
}

func without(r *ingest.Record, change func(*ingest.Record)) *ingest.Record {
	change(r)
	return r
}

const live, stats, search, relay = ingest.TierLive, ingest.TierStats, ingest.TierSearch, ingest.TierRelay

func TestFrames(t *testing.T) {
	const actor = "https://a.example/users/alice"
	for _, c := range []struct {
		name   string
		record *ingest.Record
	}{
		{"create", testPost(ingest.KindCreate, live, 0)},
		{"create without a language and tags", without(testPost(ingest.KindCreate, search, 0), func(r *ingest.Record) { r.Post.Language, r.Post.Tags = "", nil })},
		{"create below live", testPost(ingest.KindCreate, stats, 0)},
		{"upgrade to live", testPost(ingest.KindUpgrade, live, relay)},
		{"upgrade above live", testPost(ingest.KindUpgrade, search, live)},
		{"update", testPost(ingest.KindUpdate, search, live)},
		{"update of what was not shown", testPost(ingest.KindUpdate, search, stats)},
		{"update below live", testPost(ingest.KindUpdate, relay, relay)},
		{"update that leaves live", testPost(ingest.KindUpdate, relay, search)},
		{"update of an actor", without(testPost(ingest.KindUpdate, search, search), func(r *ingest.Record) { r.Post, r.Object = nil, r.Actor })},
		{"delete", without(testPost(ingest.KindDelete, 0, live), func(r *ingest.Record) { r.Post = nil })},
		{"delete of what was not shown", without(testPost(ingest.KindDelete, 0, stats), func(r *ingest.Record) { r.Post = nil })},
		{"delete of an actor", without(testPost(ingest.KindDelete, 0, live), func(r *ingest.Record) { r.Post, r.Object = nil, r.Actor })},
		{"delete by a gone origin", &ingest.Record{Kind: ingest.KindDelete, Object: "https://a.example/notes/1", PrevTier: live, Seq: 8, Time: testTime}},
		{"withdraw an object", withdrawal(ingest.ScopeObject, "https://a.example/notes/1", stats)},
		{"withdraw an actor", withdrawal(ingest.ScopeActor, actor, stats)},
		{"withdraw a domain", withdrawal(ingest.ScopeDomain, "a.example", ingest.TierNone)},
		{"withdraw from search only", withdrawal(ingest.ScopeActor, actor, live)},
		{"epoch", &ingest.Record{Kind: ingest.KindEpoch, Seq: 10, Time: testTime}},
		{"heartbeat record", &ingest.Record{Kind: ingest.KindHeartbeat, Seq: 11, Time: testTime}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			golden(t, c.name, testEncoder.encode(c.record))
		})
	}
	t.Run("heartbeat", func(t *testing.T) { golden(t, "heartbeat", appendHeartbeat(nil, 12, testTime)) })
	t.Run("gap", func(t *testing.T) {
		golden(t, "gap", appendGap(nil, ingest.Event{Name: ingest.EventExpired, From: 128, To: 200}, testTime))
	})
}

// golden compares a frame's payload with its file; nothing shown is an empty file.
func golden(t *testing.T, name string, frame []byte) {
	t.Helper()
	got := append(payload(t, frame), '\n')
	if len(frame) == 0 {
		got = nil
	}
	path := filepath.Join("testdata", "frames", strings.ReplaceAll(name, " ", "_")+".json")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s (go test -update):\n%s", path, got)
	}
}

// payload takes a server's frame apart.
func payload(t testing.TB, frame []byte) []byte {
	t.Helper()
	if len(frame) == 0 {
		return nil
	}
	if frame[0] != 0x81 {
		t.Fatalf("first byte %#x: not a whole text frame", frame[0])
	}
	n, header := int(frame[1]), 2
	switch {
	case n == 126:
		n, header = int(frame[2])<<8|int(frame[3]), 4
	case n == 127:
		n, header = 0, 10
		for _, b := range frame[2:10] {
			n = n<<8 | int(b)
		}
	}
	if n != len(frame)-header {
		t.Fatalf("header says %d bytes, the payload has %d", n, len(frame)-header)
	}
	if p := frame[header:]; !json.Valid(p) || !utf8.Valid(p) {
		t.Fatalf("not JSON in UTF-8: %q", p)
	}
	return frame[header:]
}

// Every length of header, and the shortest one that each may be used for (RFC 6455 §5.2).
func TestFrameHeaders(t *testing.T) {
	for _, c := range []struct{ n, header int }{{2, 2}, {125, 2}, {126, 4}, {65535, 4}, {65536, 10}, {300000, 10}} {
		text := `"` + strings.Repeat("x", c.n-2) + `"`
		frame := finishFrame(append(startFrame(nil), text...))
		if got := payload(t, frame); string(got) != text {
			t.Errorf("%d: payload differs", c.n)
		}
		if len(frame) != c.n+c.header {
			t.Errorf("%d: header of %d bytes, want %d", c.n, len(frame)-c.n, c.header)
		}
	}
	for _, n := range []int{2, 125, 126, 60000} {
		text := `"` + strings.Repeat("x", n-2) + `"`
		frame := appendSmall([]byte("before"), func(b []byte) []byte { return append(b, text...) })
		if got := payload(t, frame[len("before"):]); string(got) != text {
			t.Errorf("small %d: %q", n, got)
		}
	}
	if got := appendControl(nil, 9, make([]byte, 200)); len(got) != 127 {
		t.Errorf("control frame of %d bytes", len(got))
	}
}

// FuzzFrame: whatever a record holds, its frame is one whole text frame of JSON,
// and nothing below live has a post in it.
func FuzzFrame(f *testing.F) {
	f.Add(uint8(1), uint8(3), uint8(0), uint8(0), "https://a.example/1", "<p>x</p>", true)
	f.Add(uint8(5), uint8(1), uint8(4), uint8(2), "\xff\"", "\u2028", false)
	f.Fuzz(func(t *testing.T, kind, tier, before, scope uint8, uri, text string, post bool) {
		r := &ingest.Record{
			Kind: ingest.Kind(kind), Tier: ingest.Tier(tier % 5), PrevTier: ingest.Tier(before % 5),
			Scope: ingest.Scope(scope), Object: uri, Actor: text, Domain: text, Seq: uint64(kind), Time: testTime,
		}
		if post {
			r.Post = &ap.Post{URI: uri, Content: text, Language: text, Tags: []string{text, uri}}
		}
		p := payload(t, testEncoder.encode(r))
		if p == nil {
			return
		}
		var frame struct {
			Kind string
			Post json.RawMessage
		}
		if err := json.Unmarshal(p, &frame); err != nil {
			t.Fatal(err)
		}
		if frame.Post != nil && r.Tier < live {
			t.Errorf("a post of tier %d is shown", r.Tier)
		}
	})
}

// What a record costs when it is encoded, once for all its readers.
func BenchmarkEncode(b *testing.B) {
	r := benchPost()
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(testEncoder.encode(r))))
	}
}

// benchPost is a post of the usual size: 2.5 KB of JSON.
func benchPost() *ingest.Record {
	r := testPost(ingest.KindCreate, search, 0)
	r.Post.Content = strings.Repeat(`<p>Some words <a href="https://a.example/tags/cats" class="mention hashtag" rel="tag">#<span>cats</span></a></p>`, 9)
	r.Author.Note = strings.Repeat("<p>I write things.</p>", 10)
	return r
}
