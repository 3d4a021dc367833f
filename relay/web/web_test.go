package web

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/signature"
	"tributary/relay"
	"tributary/relay/delivery"
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
		for _, host := range []string{"a.example", "topics.example"} {
			for _, topic := range []string{"tag/cats", "language/de"} {
				if _, err := tx.Exec(`INSERT INTO subscribers (actor, topic, host, inbox, delivery, follow, object, state, created_at, updated_at)
					VALUES ($1, $2, $3, $4, $4, $1, 'Public', 'accepted', 0, 0)`, "https://"+host+"/actor", topic, host, "https://"+host+"/inbox"); err != nil {
					return err
				}
			}
		}
		_, err := tx.Exec(`INSERT INTO blocks (scope, key, reason, note, created_at)
			VALUES ($1, 'spam.example', '<script>alert(1)</script>', 'secret note', 0), ($2, 'https://c.example/users/d', 'person', '', 0),
				($3, 'spamware', 'floods', '', 0)`,
			ingest.ScopeDomain, ingest.ScopeActor, relay.ScopeSoftware)
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
			"&lt;script&gt;", "mailto:ops@relay.example", "7 days", "<strong>3</strong> servers subscribed",
			"https://relay.example/tag/caturday/inbox", "https://relay.example/language/de", "@instance-social.example@relay.example",
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
	s.samples.add(sample{now, Figures{
		Tip: 220, LogStart: 21, Delivered: 50, Lanes: map[string]string{"b.example": "failing", "a.example": "catching_up"}, Readers: 3,
		Day: ingest.TierCounts{ingest.TierRelay: 1, ingest.TierStats: 2, ingest.TierLive: 4, ingest.TierSearch: 8},
	}})
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
		status.Subscribers != 3 || status.Log.RetentionHours != 168 || status.Mode != "open" || status.Inbox != "https://relay.example/inbox" {
		t.Errorf("%+v", status)
	}
	if day := status.Tiers.Day; day != (Tiers{1, 2, 4, 8, 3, 7}) || status.Tiers.Ever != (Tiers{}) || status.Stale != 0 {
		t.Errorf("%+v", status.Tiers)
	}
	if _, page := get(t, server.URL+"/"); !strings.Contains(page, "Of 15 posts in the last day, 3 were passed on between servers and shown nowhere, and\n7 are") {
		t.Error("the page does not say what is withheld")
	}
	s.samples.add(sample{now, Figures{Lanes: map[string]string{"b.example": "stale", "a.example": "paused"}}})
	read("/api/v1/relay/status", &status)
	if status.Stale != 1 || status.Paused != 1 || status.Failing != 0 {
		t.Errorf("%+v", status)
	}
	if _, page := get(t, server.URL+"/"); !strings.Contains(page, "has not answered for long") || !strings.Contains(page, "is left alone") {
		t.Error("the page does not say who is stale")
	}
	s.samples.add(sample{now, Figures{Lanes: map[string]string{"b.example": "failing"}}})
	var sources Sources
	read("/api/v1/relay/sources", &sources)
	if strings.Join(sources.Members, " ") != "a.example b.example topics.example" || sources.LastDay != 0 {
		t.Errorf("%+v", sources)
	}
	var members []Subscriber
	read("/api/v1/relay/subscribers", &members)
	if len(members) == 3 {
		topics := members[2]
		members = members[:2]
		if topics.All || len(topics.Topics) != 2 || !members[0].All || len(members[0].Topics) != 2 || !members[1].All || members[1].Topics != nil {
			t.Errorf("%+v, %+v", topics, members)
		}
	}
	if len(members) != 2 || members[0].Host != "a.example" || members[0].State != "live" || members[1].State != "failing" || members[0].Role != "both" {
		t.Errorf("%+v", members)
	}
	var blocks []Block
	read("/api/v1/relay/blocks", &blocks)
	if len(blocks) != 2 || blocks[0].Software != "spamware" || blocks[0].Domain != "" || blocks[1].Domain != "spam.example" {
		t.Errorf("%+v", blocks)
	}
}

// Who has the link of a member sets its filter, and nobody else.
func TestMember(t *testing.T) {
	s, server := site(t, relay.Config{})
	link, err := s.cfg.Relay.MemberLink("https://a.example/actor", delivery.Topic{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	link = strings.Replace(link, "https://relay.example", server.URL, 1)
	resp, page := get(t, link)
	if resp.StatusCode != 200 || resp.Header.Get("Cache-Control") != "no-store" || !strings.Contains(page, "What a.example gets") {
		t.Fatalf("%s: %s", resp.Status, page)
	}
	token, _ := url.QueryUnescape(link[strings.Index(link, "token=")+6:])
	post := func(form url.Values) (*http.Response, string) {
		t.Helper()
		resp, err := http.PostForm(server.URL+relay.MemberPath, form)
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
	resp, page = post(url.Values{"token": {token}, "languages": {"EN, fr"}, "tags": {"#Go\nfedi"}, "no_bots": {"on"}, "per_minute": {"30"}})
	if resp.StatusCode != 200 || !strings.Contains(page, "Saved.") || !strings.Contains(page, "fedi\ngo") || !strings.Contains(page, `value="30"`) {
		t.Errorf("%s: %s", resp.Status, page)
	}
	const want = `{"languages":["en","fr"],"tags":["fedi","go"],"no_bots":true,"per_minute":30}`
	if sub, _ := s.cfg.Relay.Subscriptions().Actor("https://a.example/actor"); sub.Filter != want {
		t.Errorf("kept %s", sub.Filter)
	}
	for _, bad := range []url.Values{{"token": {token}, "domains": {"https://x"}}, {"token": {token}, "per_minute": {"many"}}} {
		if resp, page := post(bad); resp.StatusCode != 422 || !strings.Contains(page, `role="alert"`) {
			t.Errorf("%v: %s", bad, resp.Status)
		}
	}
	if resp, _ := post(url.Values{"token": {token + "x"}}); resp.StatusCode != 403 {
		t.Errorf("another token: %s", resp.Status)
	}
	if resp, _ := post(url.Values{"token": {token}, "tags": {strings.Repeat("x ", formMax)}}); resp.StatusCode != 400 {
		t.Errorf("a huge form: %s", resp.Status)
	}
	if sub, _ := s.cfg.Relay.Subscriptions().Actor("https://a.example/actor"); sub.Filter != want {
		t.Errorf("kept %s", sub.Filter)
	}
	if _, err := s.cfg.Relay.MemberLink("https://nobody.example/actor", delivery.Topic{}, time.Hour); err == nil {
		t.Error("a link for nobody")
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
