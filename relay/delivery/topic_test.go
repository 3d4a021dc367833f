package delivery

import (
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ap"
)

func TestParseTopic(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"tag/golang":              "tag/golang",
		"tag/#GoLang":             "tag/golang",
		"tag/Zürich":              "tag/zurich",
		"tag/東京":                  "tag/東京",
		"tag/a/b":                 "tag/ab",
		"instance/Social.Example": "instance/social.example",
		"instance/bücher.example": "instance/xn--bcher-kva.example",
		"instance/a.example:443":  "instance/a.example",
		"instance/a.example:8443": "instance/a.example:8443",
		"language/pt_BR":          "language/pt-br",
	} {
		got, err := ParseTopic(in)
		if err != nil || got.String() != want {
			t.Errorf("%q is %q, %v", in, got, err)
		}
		if again, err := ParseTopic(got.String()); err != nil || again != got {
			t.Errorf("%q read again: %+v, %v", got, again, err)
		}
	}
	for _, in := range []string{
		"golang", "tag", "tag/", "tag/#", "tag/!", "topic/go", "Tag/go", "/go", "instance/", "instance/a b", "instance/a.example/x", "instance/u@a.example",
		"instance/..", "instance/a..example", "instance/%61.example", "instance/?", "language/", "language/x", "language/german", "language/und", "language/d1",
		"language/de/", "tag/" + strings.Repeat("a", 2000), "instance/" + strings.Repeat("a.", 200) + "example", "language/" + strings.Repeat("de-", 20) + "de",
	} {
		if got, err := ParseTopic(in); err == nil || got != (Topic{}) || len(err.Error()) > 600 {
			t.Errorf("%.50q is %q, %v", in, got, err)
		}
	}
}

func FuzzTopic(f *testing.F) {
	for _, s := range []string{"tag/golang", "tag/東京", "instance/bücher.example:80", "language/pt_BR", "tag/\u1100\u1161", "tag/ΣΑΣ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		topic, err := ParseTopic(s)
		if err != nil {
			return
		}
		if again, err := ParseTopic(topic.String()); err != nil || again != topic {
			t.Errorf("%q is %q, and that %q, %v", s, topic, again, err)
		}
		if len(topic.Name) > 300 {
			t.Errorf("%q has a name of %d bytes", s, len(topic.Name))
		}
	})
}

// about makes a record of a post with a hashtag and a language, on a host.
func about(seq uint64, kind ingest.Kind, host, tag, language string) *ingest.Entry {
	e := entry(seq, fmt.Sprintf("https://%s/notes/%d", host, seq), fmt.Sprintf("https://%s/users/%d", host, seq))
	e.Record.Kind, e.Record.Domain = kind, host
	if kind == ingest.KindDelete {
		e.Record.Activity = "Delete"
		return e
	}
	e.Record.Post = &ap.Post{Tags: []string{tag}, Language: language}
	return e
}

func TestTopicTakes(t *testing.T) {
	post := about(1, ingest.KindCreate, "a.example", "golang", "pt-br").Record
	bare := *post
	bare.Post = nil
	edit := about(2, ingest.KindUpdate, "a.example", "other", "en").Record
	gone := about(3, ingest.KindDelete, "a.example", "", "").Record
	// What is known to have had neither any hashtag nor a language that somebody follows.
	other := *gone
	other.PrevTopics = 1 << 40
	changed := *edit
	changed.PrevTopics = 1 << 40
	for _, c := range []struct {
		topic string
		takes []*ingest.Record
		not   []*ingest.Record
	}{
		{"", []*ingest.Record{post, &bare, edit, gone, &other, &changed}, nil},
		{"tag/golang", []*ingest.Record{post, edit, gone}, []*ingest.Record{&bare, &other, &changed}},
		{"tag/other", []*ingest.Record{edit, gone, &changed}, []*ingest.Record{post, &other}},
		{"tag/go", []*ingest.Record{edit, gone}, []*ingest.Record{post, &bare}},
		{"instance/a.example", []*ingest.Record{post, &bare, edit, gone, &other}, nil},
		{"instance/example", nil, []*ingest.Record{post, &bare, edit, gone}},
		{"instance/b.a.example", nil, []*ingest.Record{post, edit, gone}},
		{"language/pt", []*ingest.Record{post, edit, gone}, []*ingest.Record{&bare, &other, &changed}},
		{"language/pt-br", []*ingest.Record{post, edit, gone}, nil},
		{"language/en", []*ingest.Record{edit, gone, &changed}, []*ingest.Record{post, &other}},
	} {
		topic := follows(c.topic, StyleForward).Topic
		for want, list := range map[bool][]*ingest.Record{true: c.takes, false: c.not} {
			for _, r := range list {
				if got := topic.takes(r, func() string { return string(languageOf(r)) }); got != want {
					t.Errorf("%q takes a record of kind %d of %s: %v", c.topic, r.Kind, r.Domain, got)
				}
			}
		}
	}
}

// got is what a host has, by seq, and whose key signed it.
func (r *rig) got(host string) map[uint64]string {
	r.t.Helper()
	got := make(map[uint64]string)
	for _, d := range r.web.of(host) {
		seq := d.seq
		if seq == 0 { // an Announce tells its object alone
			if _, err := fmt.Sscanf(d.object[strings.LastIndex(d.object, "/")+1:], "%d", &seq); err != nil {
				r.t.Fatalf("%s got %s", host, d.body)
			}
		}
		if by, twice := got[seq]; twice {
			r.t.Errorf("%s got %d twice, by %s and %s", host, seq, by, d.keyID)
		}
		got[seq] = strings.TrimSuffix(strings.TrimPrefix(d.keyID, "https://relay.example/"), "#main-key")
	}
	return got
}

// Each inbox gets each record once, by an actor that somebody there follows: the relay's if
// it takes the record, else who was followed first.
func TestTopicsOfOneInbox(t *testing.T) {
	records := []*ingest.Entry{
		about(1, ingest.KindCreate, "x.example", "go", "en"),
		about(2, ingest.KindCreate, "x.example", "cats", "de"),
		about(3, ingest.KindCreate, "y.example", "cats", "fr"),
		about(4, ingest.KindCreate, "y.example", "none", "fr"),
		about(5, ingest.KindUpdate, "y.example", "none", "fr"),
		about(6, ingest.KindDelete, "x.example", "", ""),
	}
	german := follows("", StyleForward)
	german.Filter = Filter{Languages: []string{"de"}}
	slow := follows("", StyleForward)
	slow.Filter = Filter{PerMinute: 1}
	quiet := follows("tag/cats", StyleForward)
	quiet.Filter = Filter{NoBots: true, NotDomains: []string{"y.example"}}
	tag, instance, language := follows("tag/cats", StyleForward), follows("instance/x.example", StyleForward), follows("language/fr", StyleForward)
	for name, c := range map[string]struct {
		of   []Receiver
		want map[uint64]string
	}{
		"a tag":          {[]Receiver{tag}, map[uint64]string{2: "tag/cats", 3: "tag/cats", 5: "tag/cats", 6: "tag/cats"}},
		"a server":       {[]Receiver{instance}, map[uint64]string{1: "instance/x.example", 2: "instance/x.example", 6: "instance/x.example"}},
		"a language":     {[]Receiver{language}, map[uint64]string{3: "language/fr", 4: "language/fr", 5: "language/fr", 6: "language/fr"}},
		"all and topics": {[]Receiver{tag, language, german, follows("", StyleForward)}, map[uint64]string{1: "actor", 2: "actor", 3: "actor", 4: "actor", 5: "actor", 6: "actor"}},
		"in order":       {[]Receiver{instance, tag, language}, map[uint64]string{1: "instance/x.example", 2: "instance/x.example", 3: "tag/cats", 4: "language/fr", 5: "tag/cats", 6: "instance/x.example"}},
		"some of all":    {[]Receiver{tag, german}, map[uint64]string{2: "actor", 3: "tag/cats", 5: "actor", 6: "actor"}},
		"with a filter":  {[]Receiver{quiet}, map[uint64]string{2: "tag/cats", 5: "tag/cats", 6: "tag/cats"}},
		"with a limit":   {[]Receiver{slow}, map[uint64]string{1: "actor", 5: "actor", 6: "actor"}},
		"of one of them": {[]Receiver{slow, tag}, map[uint64]string{1: "actor", 2: "actor", 3: "actor", 5: "actor", 6: "actor"}},
		"in another style": {
			[]Receiver{follows("tag/cats", StyleAnnounce), follows("language/fr", StyleForward)},
			map[uint64]string{2: "tag/cats", 3: "language/fr", 4: "language/fr", 5: "language/fr", 6: "language/fr"},
		},
		"of a stranger": {[]Receiver{{Actor: "https://other.example/actor"}, tag}, map[uint64]string{2: "tag/cats", 3: "tag/cats", 5: "tag/cats", 6: "tag/cats"}},
	} {
		for _, shared := range []bool{false, true} {
			t.Run(fmt.Sprint(name, shared), func(t *testing.T) {
				bubble(t, []string{inboxA, inboxB}, func(t *testing.T, r *rig) {
					r.subs.of = map[string][]Receiver{inboxA: c.of}
					r.subs.signings = map[string]Signing{inboxA: {Shared: shared}, inboxB: {Shared: shared}}
					r.start()
					r.log.append(records...)
					r.pass(time.Second)
					if got := r.got("a.example"); fmt.Sprint(got) != fmt.Sprint(c.want) {
						t.Errorf("got %v, want %v", got, c.want)
					}
					if n := len(r.got("b.example")); n != len(records) {
						t.Errorf("another got %d", n)
					}
					if s := r.lane("a.example"); s.Lag != 0 || len(s.Brings) == 0 || len(s.Brings) > len(c.of) {
						t.Errorf("lane %+v", s)
					}
				})
			})
		}
	}
}

// What a lane brings changes while it runs, and after a restart goes on where it stood.
func TestTopicsChange(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		tag, language := follows("tag/cats", StyleForward), follows("language/de", StyleForward)
		r.subs.of = map[string][]Receiver{inboxA: {tag, language}}
		r.start()
		r.log.append(about(1, ingest.KindCreate, "x.example", "cats", "en"), about(2, ingest.KindCreate, "x.example", "dogs", "de"))
		r.pass(time.Second)
		r.subs.of = map[string][]Receiver{inboxA: {language}}
		r.subs.set(inboxA)
		r.pass(time.Second)
		r.log.append(about(3, ingest.KindCreate, "x.example", "cats", "en"), about(4, ingest.KindCreate, "x.example", "cats", "de"))
		r.pass(time.Second)
		r.close()
		r.log.append(about(5, ingest.KindCreate, "x.example", "cats", "de"))
		r.start()
		r.pass(time.Second)
		want := map[uint64]string{1: "tag/cats", 2: "language/de", 4: "language/de", 5: "language/de"}
		if got := r.got("a.example"); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if s := r.lane("a.example"); !slices.Equal(s.Brings, []string{"language/de"}) {
			t.Errorf("brings %v", s.Brings)
		}
	})
}

// Edits and deletions follow their post, whichever actor brings them.
func TestTopicsKeepOrder(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.subs.of = map[string][]Receiver{inboxA: {follows("tag/cats", StyleForward), follows("language/de", StyleAnnounce)}}
		r.web.behave(func(d delivered) (int, bool) {
			if d.seq == 2 && d.try < 4 {
				return http.StatusServiceUnavailable, false
			}
			return http.StatusAccepted, false
		})
		r.start()
		list := []*ingest.Entry{about(1, ingest.KindCreate, "x.example", "dogs", "de"), about(2, ingest.KindUpdate, "x.example", "cats", "de"), about(3, ingest.KindDelete, "x.example", "", "")}
		for _, e := range list {
			e.Record.Object = "https://x.example/notes/1"
		}
		r.log.append(list...)
		r.pass(time.Minute)
		var order []string
		for _, d := range r.web.of("a.example", http.StatusAccepted) {
			order = append(order, fmt.Sprint(d.seq))
		}
		if got := strings.Join(order, " "); got != "0 2 3" { // the Announce says no seq
			t.Errorf("in the order %s", got)
		}
	})
}

// Fifty servers that follow five topics: raw bytes are signed once for all of them, what
// an actor announces once for all that follow it.
func TestTopicsShareSignatures(t *testing.T) {
	var inboxes []string
	for i := range 50 {
		inboxes = append(inboxes, fmt.Sprintf("https://s%d.example/inbox", i))
	}
	bubble(t, inboxes, func(t *testing.T, r *rig) {
		signer := &countingSigner{Signer: realSigner()}
		r.signer, r.subs.of, r.subs.signings = signer, make(map[string][]Receiver), make(map[string]Signing)
		for i, inbox := range inboxes {
			r.subs.of[inbox] = []Receiver{follows([]string{"", "tag/cats", "tag/all", "instance/x.example", "language/de"}[i%5], StyleForward)}
			r.subs.signings[inbox] = Signing{Shared: true}
		}
		r.start()
		raw := about(1, ingest.KindCreate, "x.example", "cats", "de")
		raw.Record.Post.Tags = append(raw.Record.Post.Tags, "all")
		r.log.append(raw)
		r.pass(time.Second)
		keys := make(map[string]int)
		for i := range inboxes {
			for _, d := range r.web.of(fmt.Sprintf("s%d.example", i)) {
				keys[d.keyID]++
			}
		}
		if len(keys) != 5 || keys["https://relay.example/tag/all#main-key"] != 10 || keys[testActor+"#main-key"] != 10 {
			t.Errorf("keys %v", keys)
		}
		if shared, own := signer.shared.Load(), signer.own.Load(); shared != 1 || own != 0 {
			t.Errorf("%d shared and %d own signatures for raw bytes", shared, own)
		}
		unsigned := about(2, ingest.KindCreate, "x.example", "cats", "de")
		unsigned.Record.Post.Tags, unsigned.Record.LDSigned = append(unsigned.Record.Post.Tags, "all"), false
		r.log.append(unsigned)
		r.pass(time.Second)
		if shared, own := signer.shared.Load(), signer.own.Load(); shared != 6 || own != 0 {
			t.Errorf("%d shared and %d own signatures in all", shared, own)
		}
		if n := r.engine.announces.made.Len(); n != 4 { // the relay's own is with the record
			t.Errorf("%d Announces of topics are kept", n)
		}
		for i := range inboxes {
			d := r.web.of(fmt.Sprintf("s%d.example", i))[1]
			actor := strings.TrimSuffix(d.keyID, "#main-key")
			if !strings.Contains(d.body, `"actor":"`+actor+`"`) || !strings.Contains(d.body, `"id":"`+actor+`/announces/`) {
				t.Errorf("signed by %s: %s", d.keyID, d.body)
			}
		}
	})
}

// A record that very many topics want is encoded for each of them, and not kept for all.
func TestAnnouncesAreBounded(t *testing.T) {
	a := newAnnounces()
	rec := entry(1, "https://x.example/1", "https://x.example/u").Record
	first := a.of("https://relay.example/tag/0", rec)
	if again := a.of("https://relay.example/tag/0", rec); &again[0] != &first[0] {
		t.Error("encoded twice")
	}
	for i := range 2 * announcesMax {
		digest, body := splitForm(rec, a.of(fmt.Sprint("https://relay.example/tag/", i), rec))
		if !strings.Contains(string(body), fmt.Sprintf(`"actor":"https://relay.example/tag/%d"`, i)) || len(digest) != digestLen {
			t.Fatalf("%s", body)
		}
	}
	if n := a.made.Len(); n != announcesMax {
		t.Errorf("%d are kept", n)
	}
}

// The outbox signs as whom a row says, and gives up what is of nobody here.
func TestOutboxSignsAsEachActor(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		actors := []string{testActor, "https://relay.example/tag/cats", "https://other.example/actor"}
		err := r.db.Write(t.Context(), func(tx *sql.Tx) error {
			for i, actor := range actors {
				if err := Enqueue(t.Context(), tx, actor, inboxA, fmt.Appendf(nil, `{"seq":%d}`, i+1)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r.engine.Wake()
		r.pass(time.Second)
		if got := r.got("a.example"); fmt.Sprint(got) != "map[1:actor 2:tag/cats]" || r.outboxRows() != 0 {
			t.Errorf("sent %v, %d rows stay", got, r.outboxRows())
		}
	})
}
