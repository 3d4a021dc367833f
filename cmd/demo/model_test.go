package main

import (
	"strings"
	"testing"
	"time"

	"tributary/relay/admin"
)

func parsed(t *testing.T, text string) metrics {
	t.Helper()
	m, err := parseMetrics(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMetrics(t *testing.T) {
	m := parsed(t, `# HELP a_total x
a_total{result="ok",via="lane"} 3
a_total{result="ok",via="outbox"} 4
a_total{result="given_up",via="lane"} 1e+02
a_total_more 7
a_seconds_bucket{le="1"} 9
plain 2.5
broken line
`)
	for _, c := range []struct {
		name, labels string
		want         float64
	}{
		{"a_total", `result="ok"`, 7}, {"a_total", `result="ok",via="lane"`, 3}, {"a_total", "", 107}, {"plain", "", 2.5}, {"missing", "", 0},
	} {
		if got := m.sum(c.name, c.labels); got != c.want {
			t.Errorf("%s{%s} = %v, want %v", c.name, c.labels, got, c.want)
		}
	}
	if !m.has("plain") || m.has("broken") {
		t.Errorf("series %v", m)
	}
}

// A relay that was started again counts from zero; what is shown goes on.
func TestTotalsGoOnOverARestart(t *testing.T) {
	m := newModel(1, moment)
	for i, n := range []string{"10", "15", "5", "6"} {
		m.sample(moment.Add(time.Duration(i)*time.Second), parsed(t, `tributary_stream_frames_total `+n+"\n"))
	}
	f := m.look(moment).flows[flowStreamed]
	if f.total != 10+5+5+1 {
		t.Errorf("total %v, want 21", f.total)
	}
	if want := (5.0 + 5 + 1) / 3; f.rate != want {
		t.Errorf("rate %v, want %v", f.rate, want)
	}
}

func created(uri string) frame {
	f := frame{Kind: "create", URI: uri, Actor: "https://a.example/" + uri}
	f.Post.Content, f.Post.Account.Acct = "<p>text of "+uri+"</p>", uri+"@a.example"
	return f
}

// What is on the screen changes with what becomes of it (I5).
func TestPostsAreEditedAndDeleted(t *testing.T) {
	m := newModel(1, moment)
	now := moment
	for _, uri := range []string{"edited", "deleted", "left", "opted-out", "blocked", "waiting"} {
		f := created(uri)
		f.Domain = uri + ".example"
		m.frame(f, now)
		if uri != "waiting" {
			m.look(now)
		}
		now = now.Add(paceMin)
	}
	edited := created("edited")
	edited.Kind, edited.Post.Content = "update", "<p>better</p>"
	for _, f := range []frame{
		edited,
		{Kind: "delete", Scope: "object", URI: "deleted"},
		{Kind: "delete", Scope: "actor", URI: "https://a.example/left", Actor: "https://a.example/left"},
		{Kind: "withdraw", Scope: "actor", Actor: "https://a.example/opted-out"},
		{Kind: "withdraw", Scope: "domain", Domain: "blocked.example"},
		{Kind: "delete", Scope: "object", URI: "waiting"},
	} {
		m.frame(f, now)
	}
	posts := m.look(now).posts
	if len(posts) != 6 {
		t.Fatalf("%d posts", len(posts))
	}
	for _, p := range posts {
		if p.uri == "edited" {
			if p.text != "better" || p.fate != "edited" || p.erased {
				t.Errorf("edited: %+v", p)
			}
		} else if !p.erased || p.text != "" {
			t.Errorf("%s is still there: %+v", p.uri, p)
		}
	}
}

// Posts come faster than anybody reads: some are passed over, and that is told.
func TestPace(t *testing.T) {
	m := newModel(1, moment)
	for i := range 10 {
		m.frame(created(string(rune('a'+i))), moment)
		m.look(moment)
	}
	if v := m.look(moment); len(v.posts) != 1 || v.skipped != 8 {
		t.Fatalf("%d posts, %d skipped; want 1 and 8", len(v.posts), v.skipped)
	}
	m.hold()
	m.frame(created("x"), moment)
	if v := m.look(moment.Add(time.Hour)); len(v.posts) != 1 || v.held != 1 {
		t.Fatalf("held: %d posts, %d newer", len(v.posts), v.held)
	}
	m.hold()
	if v := m.look(moment.Add(time.Hour)); len(v.posts) != 2 || v.posts[0].uri != "x" {
		t.Fatalf("let go: %+v", v.posts)
	}
}

// The frame can be here before the answer to the POST is.
func TestDelay(t *testing.T) {
	m := newModel(1, moment)
	m.sentOut("one", moment)
	m.frame(created("one"), moment.Add(30*time.Millisecond))
	m.frame(created("two"), moment.Add(50*time.Millisecond))
	m.sentOut("two", moment.Add(20*time.Millisecond))
	if v := m.look(moment); v.delay != 30*time.Millisecond {
		t.Errorf("delay %s", v.delay)
	}
	for i := range 3 * halvesMax {
		m.sentOut(strings.Repeat("x", i), moment)
	}
	if len(m.sent) > halvesMax {
		t.Errorf("%d halves are kept", len(m.sent))
	}
}

func TestSubscribersInTroubleComeFirst(t *testing.T) {
	m := newModel(1, moment)
	m.subscribers([]admin.Subscriber{
		{Host: "a", Lane: &admin.Lane{State: "live", LastSuccess: moment, LastFailure: moment.Add(-time.Hour), LastError: "old"}},
		{Host: "b"},
		{Host: "c", Lane: &admin.Lane{State: "catching_up", Lag: 3}},
		{Host: "d\x1b[m", Lane: &admin.Lane{State: "failing", LastError: `Post "http://d/inbox": dial tcp d:80: connect: connection refused`}},
	})
	var hosts, troubles []string
	for _, s := range m.look(moment).servers {
		hosts, troubles = append(hosts, s.host), append(troubles, s.trouble)
	}
	if strings.Join(hosts, " ") != "d[m c a b" || strings.Join(troubles, "|") != "connection refused|||" {
		t.Errorf("%q %q", hosts, troubles)
	}
}
