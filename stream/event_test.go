package stream

import (
	"encoding/json"
	"strings"
	"testing"

	"tributary/ingest"
	"tributary/ingest/ap"
)

var testEvents = events{testEncoder}

// labelled is the frame of a record in one stream.
func labelled(name, tag string, r *ingest.Record) []byte {
	ch, _ := find(name, tag)
	body := testEvents.frame(r)
	if body == nil {
		return nil
	}
	label := ch.label(name, tag)
	return append(append(appendHeader(nil, len(label)+len(body)), label...), body...)
}

// The bytes on the wire: of the WebSocket as golden files, and that the payload is
// the status as server-sent events send it.
func TestEvents(t *testing.T) {
	const actor = "https://a.example/users/alice"
	gone := without(testPost(ingest.KindDelete, 0, live), func(r *ingest.Record) { r.Post = nil })
	withdrawn := withdrawal(ingest.ScopeObject, "https://a.example/notes/1", stats)
	withdrawn.ID = 1154
	for _, c := range []struct {
		name, stream, tag string
		record            *ingest.Record
		event             string // "": nothing is shown
	}{
		{"update", "public", "", testPost(ingest.KindCreate, live, 0), "update"},
		{"update in a tag", "hashtag", "Càts \"\u2028", testPost(ingest.KindUpgrade, search, relay), "update"},
		{"status update", "public:remote:media", "", testPost(ingest.KindUpdate, search, live), "status.update"},
		{"delete", "public:remote", "", gone, "delete"},
		{"delete for an edit", "public", "", testPost(ingest.KindUpdate, relay, search), "delete"},
		{"delete for a withdrawal", "public:local", "", withdrawn, "delete"},
		{"create below live", "public", "", testPost(ingest.KindCreate, stats, 0), ""},
		{"delete without an id", "public", "", without(testPost(ingest.KindDelete, 0, live), func(r *ingest.Record) { r.Post, r.ID = nil, 0 }), ""},
		{"delete of an actor", "public", "", without(testPost(ingest.KindDelete, 0, live), func(r *ingest.Record) { r.Post, r.Object = nil, r.Actor }), ""},
		{"withdraw an actor", "public", "", withdrawal(ingest.ScopeActor, actor, stats), ""},
		{"withdraw a domain", "public", "", withdrawal(ingest.ScopeDomain, "a.example", 0), ""},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			frame, chunk := labelled(c.stream, c.tag, c.record), string(unchunked(testEvents.chunk(c.record)))
			if c.event == "" {
				if frame != nil || chunk != "" {
					t.Errorf("%q %q", frame, chunk)
				}
				return
			}
			golden(t, "mastodon "+c.name, frame)
			var got struct {
				Stream         []string
				Event, Payload string
			}
			if err := json.Unmarshal(payload(t, frame), &got); err != nil {
				t.Fatal(err)
			}
			if got.Event != c.event || chunk != "event: "+got.Event+"\ndata: "+got.Payload+"\n\n" {
				t.Errorf("%+v, server-sent as %q", got, chunk)
			}
		})
	}
}

// The chunk's size is that of its content.
func TestChunk(t *testing.T) {
	got := testEvents.chunk(without(testPost(ingest.KindDelete, 0, live), func(r *ingest.Record) { r.Post = nil }))
	if want := "1a\r\nevent: delete\ndata: 1154\n\n\r\n"; string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := appendChunk([]byte("x"), ":)\n"); string(got) != "x3\r\n:)\n\r\n" {
		t.Errorf("%q", got)
	}
}

func TestChannelMatch(t *testing.T) {
	hosted := func(r *ingest.Record) { r.Grant = ingest.GrantHosted }
	remote := func(r *ingest.Record) { r.Grant = ingest.GrantSubscriber }
	media := func(r *ingest.Record) { remote(r); r.Post.Attachments = []ap.Media{{URL: "https://a.example/1.png"}} }
	post := func(change func(*ingest.Record)) *ingest.Record {
		return without(testPost(ingest.KindCreate, live, 0), change)
	}
	gone := func(change func(*ingest.Record)) *ingest.Record {
		return without(without(testPost(ingest.KindDelete, 0, live), change), func(r *ingest.Record) { r.Post = nil })
	}
	records := []struct {
		name   string
		record *ingest.Record
		in     string // the streams that show it, of those below
	}{
		{"remote", post(remote), "public public:remote cats"},
		{"hosted", post(hosted), "public public:local cats cats:local"},
		{"with media", post(media), "public public:media public:remote public:remote:media cats"},
		{"without tags", post(func(r *ingest.Record) { remote(r); r.Post.Tags = nil }), "public public:remote"},
		{"delete of a remote post", gone(remote), "public public:media public:remote public:remote:media cats dogs"},
		{"delete of a hosted post", gone(hosted), "public public:media public:local public:local:media cats dogs cats:local"},
		{"edit that leaves live", without(testPost(ingest.KindUpdate, relay, live), remote), "public public:media public:remote public:remote:media cats dogs"},
		{"withdrawal", withdrawal(ingest.ScopeObject, "https://a.example/notes/1", 0), "public public:media public:local public:local:media public:remote public:remote:media cats dogs cats:local"},
	}
	for _, c := range records {
		var in []string
		for _, s := range []struct{ short, name, tag string }{
			{"public", "public", ""},
			{"public:media", "public:media", ""},
			{"public:local", "public:local", ""},
			{"public:local:media", "public:local:media", ""},
			{"public:remote", "public:remote", ""},
			{"public:remote:media", "public:remote:media", ""},
			{"cats", "hashtag", "#CÁTS"},
			{"dogs", "hashtag", "dogs"},
			{"cats:local", "hashtag:local", "cats"},
		} {
			ch, f := open(s.name, s.tag, true)
			if f != nil {
				t.Fatal(f.text)
			}
			if ch.match(c.record) {
				in = append(in, s.short)
			}
		}
		if got := strings.Join(in, " "); got != c.in {
			t.Errorf("%s: in %q, want %q", c.name, got, c.in)
		}
	}
}

func TestParseCommand(t *testing.T) {
	for in, want := range map[string]command{
		`{"type":"subscribe","stream":"public"}`:                         {true, "public", ""},
		`{"type":"unsubscribe","stream":"hashtag","tag":"x","more":1}`:   {false, "hashtag", "x"},
		`{"type":"subscribe","stream":["hashtag",1],"tag":["a","b"]}`:    {true, "hashtag", "a"},
		`{"type":"subscribe","stream":"public","stream":"public:local"}`: {true, "public:local", ""},
		`{"type":"subscribe"}`:                             {true, "", ""},
		`{"type":"subscribe","stream":5,"tag":[]}`:         {true, "", ""},
		`{"type":"subscribe","stream":null,"tag":{"a":1}}`: {true, "", ""},
	} {
		if got, ok := parseCommand([]byte(in)); !ok || got != want {
			t.Errorf("%s: %+v %v", in, got, ok)
		}
	}
	for _, in := range []string{``, `null`, `5`, `"subscribe"`, `[]`, `{}`, `{`, `{"type":"ping"}`, `{"Type":"subscribe"}`, `{"type":["subscribe"]}`} {
		if got, ok := parseCommand([]byte(in)); ok {
			t.Errorf("%s: %+v, want it ignored", in, got)
		}
	}
}

func TestTruthy(t *testing.T) {
	for v, want := range map[string]bool{"": false, "0": false, "false": false, "off": false, "1": true, "true": true, "no": true} {
		if truthy(v) != want {
			t.Errorf("%q", v)
		}
	}
}

// FuzzCommand: whatever a client says, the answer is one frame of JSON, the
// subscriptions stay within their bound and open frames of JSON, and what was
// subscribed can be unsubscribed.
func FuzzCommand(f *testing.F) {
	for _, seed := range []string{
		`{"type":"subscribe","stream":"hashtag","tag":"Cats"}`, `{"type":"subscribe","stream":"user"}`,
		`{"type":"unsubscribe","stream":["list"],"list":"1"}`, "{\"type\":\"subscribe\",\"stream\":\"hashtag:local\",\"tag\":\"\xff\\ud800\"}",
	} {
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, scoped bool) {
		p := newMultiplex(nil, testEvents, scoped)
		asked, ok := parseCommand(data)
		if !ok {
			return
		}
		reply := p.do(asked)
		if reply != nil {
			payload(t, reply)
		}
		open := p.subscriptions()
		if want := asked.subscribe && reply == nil; want != (len(open) == 1) {
			t.Fatalf("%+v: %d streams, answer %q", asked, len(open), reply)
		}
		if len(open) == 0 {
			return
		}
		if frame := string(open[0].label) + `"event":"delete","payload":"1"}`; !json.Valid([]byte(frame)) {
			t.Errorf("frame %s", frame)
		}
		if asked.subscribe = false; p.do(asked) != nil || len(p.subscriptions()) != 0 {
			t.Errorf("%+v: still open", asked)
		}
	})
}

// What an event costs when it is encoded, once for all its readers.
func BenchmarkEncodeMastodon(b *testing.B) {
	r := benchPost()
	for name, encode := range map[string]func(*ingest.Record) []byte{"websocket": testEvents.frame, "event source": testEvents.chunk} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.SetBytes(int64(len(encode(r))))
			}
		})
	}
}
