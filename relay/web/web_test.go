package web

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/signature"
	"tributary/relay"
)

// site is the pages of a relay with members and blocks.
func site(t *testing.T, cfg relay.Config) (*Site, *httptest.Server) {
	t.Helper()
	log := ingesttest.New(t)
	err := log.DB.Write(t.Context(), func(tx *sql.Tx) error {
		for _, host := range []string{"b.example", "a.example", "waits.example"} {
			state := relay.StateAccepted
			if host == "waits.example" {
				state = relay.StatePending
			}
			if _, err := tx.Exec(`INSERT INTO subscribers (actor, host, inbox, delivery, follow, object, state, created_at, updated_at)
				VALUES ($1, $2, $3, $3, $1, 'Public', $4, 0, 0)`, "https://"+host+"/actor", host, "https://"+host+"/inbox", state); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO blocks (scope, key, reason, note, created_at)
			VALUES ($1, 'spam.example', '<script>alert(1)</script>', 'secret note', 0), ($2, 'https://c.example/users/d', 'person', '', 0)`,
			ingest.ScopeDomain, ingest.ScopeActor)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := relay.NewCommunity("https://relay.example")
	if err != nil {
		t.Fatal(err)
	}
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	r, err := relay.New(t.Context(), c, cfg, relay.Deps{
		DB: log.DB, Key: key, Admission: log.Admission, Next: func() uint64 { return 1 }, Wake: func() {},
		Enqueue: func(context.Context, *sql.Tx, string, string, []byte) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{
		Relay: r, Retention: 7 * 24 * time.Hour, Search: true,
		Figures: func(context.Context) (Figures, error) { return Figures{}, nil },
	})
	mux := http.NewServeMux()
	s.Routes(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return s, server
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestFront(t *testing.T) {
	for mode, says := range map[relay.Mode]string{
		relay.ModeOpen: "Every server is welcome", relay.ModeApproval: "approved by the operator", relay.ModeAllowList: "Ask the operator first",
	} {
		_, server := site(t, relay.Config{Mode: mode, Name: "Our <relay>", Contact: "ops@relay.example"})
		resp, page := get(t, server.URL+"/")
		if resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Fatalf("%s, %v", resp.Status, resp.Header)
		}
		for _, want := range []string{
			says, "https://relay.example/inbox", "https://relay.example/actor", "@relay@relay.example", "Our &lt;relay&gt;", "a.example",
			"&lt;script&gt;", "mailto:ops@relay.example", "7 days", "<strong>2</strong> servers subscribed",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q", mode, want)
			}
		}
		for _, not := range []string{"<script", "secret note", "c.example", "waits.example"} {
			if strings.Contains(page, not) {
				t.Errorf("%s: the page shows %q", mode, not)
			}
		}
	}
}

func TestLists(t *testing.T) {
	s, server := site(t, relay.Config{})
	now := time.Now()
	s.samples.add(sample{now.Add(-2 * time.Minute), Figures{Tip: 100, LogStart: 1, Delivered: 10}})
	s.samples.add(sample{now, Figures{Tip: 220, LogStart: 21, Delivered: 50, Failing: map[string]bool{"b.example": true}, Readers: 3}})
	var status Status
	read := func(path string, into any) {
		t.Helper()
		resp, body := get(t, server.URL+path)
		if resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %s", path, resp.Status)
		}
		if err := json.Unmarshal([]byte(body), into); err != nil {
			t.Errorf("%s: %v: %s", path, err, body)
		}
	}
	read("/api/v1/relay/status", &status)
	if status.Posts != 60 || status.Deliveries != 20 || status.Log.Records != 200 || status.Failing != 1 || status.Readers != 3 ||
		status.Subscribers != 2 || status.Log.RetentionHours != 168 || status.Mode != "open" || status.Inbox != "https://relay.example/inbox" {
		t.Errorf("%+v", status)
	}
	var members []Subscriber
	read("/api/v1/relay/subscribers", &members)
	if len(members) != 2 || members[0].Host != "a.example" || members[0].State != "live" || members[1].State != "failing" || members[0].Role != "both" {
		t.Errorf("%+v", members)
	}
	var blocks []Block
	read("/api/v1/relay/blocks", &blocks)
	if len(blocks) != 1 || blocks[0].Domain != "spam.example" {
		t.Errorf("%+v", blocks)
	}
}

// A log that began anew has no rate.
func TestRatesOfALogThatShrank(t *testing.T) {
	var s samples
	s.add(sample{time.Unix(0, 0), Figures{Tip: 100}})
	s.add(sample{time.Unix(60, 0), Figures{Tip: 10}})
	if _, r := s.read(); r != (rates{}) {
		t.Errorf("%+v", r)
	}
	for i := range 2 * samplesKept {
		s.add(sample{time.Unix(int64(120+i), 0), Figures{Tip: uint64(200 + i)}})
	}
	if last, r := s.read(); len(s.all) != samplesKept || last.Tip != uint64(199+2*samplesKept) || r.posts != 60 {
		t.Errorf("%d samples, %+v, %+v", len(s.all), last, r)
	}
}

func TestFormats(t *testing.T) {
	for got, want := range map[string]string{
		count(7): "7", count(1234567): "1\u202f234\u202f567", rate(0): "0", rate(2.34): "2.3", rate(1234.4): "1\u202f234",
		span(36 * time.Hour): "36 hours", span(7 * 24 * time.Hour): "7 days", span(90 * time.Minute): "1h30m0s",
		contactURL("ops@a.example"): "mailto:ops@a.example", contactURL("https://a.example/x"): "https://a.example/x",
		contactURL("javascript:alert(1)"): "", contactURL("call us"): "", contactURL("a@b.example?cc=c@d.example"): "",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
