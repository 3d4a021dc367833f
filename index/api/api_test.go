package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tributary/index"
	"tributary/ingest"
	"tributary/ingest/token"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const base = "https://relay.example"

var config = Config{URL: base + "/", Title: "Test relay", Contact: "admin@relay.example", Version: "1.2.3", SourceURL: "https://git.example/tributary"}

// mount serves an API with this index and whatever change makes of it.
func mount(t testing.TB, f *fake, change ...func(*Config, *Deps)) http.Handler {
	t.Helper()
	cfg, deps := config, Deps{Log: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
	if f != nil {
		deps.Queries, deps.StatusByURI = f, f.statusByURI
	}
	for _, c := range change {
		c(&cfg, &deps)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	New(cfg, deps).Routes(mux)
	return mux
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func ask(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func get(h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	return ask(h, http.MethodGet, target, header...)
}

// ids are the ids of a list of entities, as numbers of the fake's posts.
func ids(t *testing.T, body []byte) []int {
	t.Helper()
	var list []struct {
		ID uint64 `json:"id,string"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	out := []int{}
	for _, s := range list {
		out = append(out, int(s.ID-firstID)/1000)
	}
	return out
}

func TestGolden(t *testing.T) {
	h := mount(t, newFake(12), func(_ *Config, d *Deps) {
		d.Stats = func(context.Context) Stats { return Stats{Users: 1, ActiveMonth: 2, Statuses: 3, Domains: 4} }
		d.Peers = func(context.Context) ([]string, error) { return []string{"social.example"}, nil }
	})
	for name, target := range map[string]string{
		"timeline_public": "/api/v1/timelines/public?limit=2",
		"timeline_tag":    "/api/v1/timelines/tag/Cats?limit=1&none[]=t3&only_media=true",
		"search":          "/api/v2/search?q=cats&limit=1",
		"search_handle":   "/api/v2/search?q=@alice@social.example&type=accounts",
		"status":          "/api/v1/statuses/6900000000000003001",
		"context":         "/api/v1/statuses/6900000000000003001/context",
		"account":         "/api/v1/accounts/lookup?acct=alice@social.example",
		"trends_tags":     "/api/v1/trends/tags?limit=2",
		"tag":             "/api/v1/tags/cats",
		"instance_v1":     "/api/v1/instance",
		"instance_v2":     "/api/v2/instance",
		"peers":           "/api/v1/instance/peers",
	} {
		t.Run(name, func(t *testing.T) {
			w := get(h, target)
			if w.Code != http.StatusOK {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			var pretty bytes.Buffer
			if link := w.Header().Get("Link"); link != "" {
				pretty.WriteString("Link: " + link + "\n")
			}
			if err := json.Indent(&pretty, w.Body.Bytes(), "", "  "); err != nil {
				t.Fatal(err)
			}
			pretty.WriteByte('\n')
			golden(t, name, pretty.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".txt")
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

// What every answer has, good or bad.
func TestHeaders(t *testing.T) {
	h := mount(t, newFake(3))
	for _, tc := range []struct {
		method, target string
		status         int
		cache          string
	}{
		{"GET", "/api/v1/timelines/public", 200, "private, no-store"},
		{"HEAD", "/api/v1/timelines/public", 200, "private, no-store"},
		{"GET", "/api/v1/instance", 200, "public, max-age=180"},
		{"GET", "/api/v1/trends/tags", 200, "public, max-age=60"},
		{"GET", "/api/v1/timelines/public?limit=x", 400, "no-store"},
		{"GET", "/api/v1/timelines/public?a=%zz", 400, "no-store"},
		{"GET", "/api/v1/timelines/public?a=" + strings.Repeat("a", maxQuery), 400, "no-store"},
		{"GET", "/api/v1/timelines/home", 404, "no-store"},
		{"POST", "/api/v1/timelines/public", 404, "no-store"},
		{"GET", "/api/v1/instance/peers", 404, "no-store"},
		{"GET", "/api/v1/custom_emojis", 200, "public, max-age=180"},
		{"GET", "/api/v1/announcements", 200, "public, max-age=180"},
		{"GET", "/api/v1/instance/translation_languages", 200, "public, max-age=180"},
	} {
		w := ask(h, tc.method, tc.target)
		head := w.Header()
		if w.Code != tc.status || head.Get("Cache-Control") != tc.cache {
			t.Errorf("%s %.80s: %d, %q", tc.method, tc.target, w.Code, head.Get("Cache-Control"))
		}
		if head.Get("Access-Control-Allow-Origin") != "*" || head.Get("X-Content-Type-Options") != "nosniff" ||
			head.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s %.80s: %v", tc.method, tc.target, head)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %.80s: no JSON: %s", tc.method, tc.target, w.Body)
		}
		if tc.status >= 400 && !strings.HasPrefix(w.Body.String(), `{"error":"`) {
			t.Errorf("%s %.80s: %s", tc.method, tc.target, w.Body)
		}
	}
}

func TestPreflight(t *testing.T) {
	for _, target := range []string{"/api/v1/timelines/public", "/api/v2/search", "/api/v1/nothing"} {
		w := ask(mount(t, nil), http.MethodOptions, target, "Origin", "https://app.example", "Access-Control-Request-Headers", "authorization")
		if w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Origin") != "*" ||
			!strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "Authorization") || w.Body.Len() != 0 {
			t.Errorf("%s: %d %v", target, w.Code, w.Header())
		}
	}
}

func TestTokens(t *testing.T) {
	broken := errors.New("database is locked")
	h := mount(t, newFake(3), func(_ *Config, d *Deps) {
		d.Authenticate = func(_ context.Context, secret string) error {
			return map[string]error{"good": nil, "old": token.ErrExpired, "narrow": token.ErrScope, "broken": broken, "bad": token.ErrUnknown}[secret]
		}
		d.Peers = func(context.Context) ([]string, error) { return nil, nil }
	})
	for secret, want := range map[string]int{"": 401, "good": 200, "old": 401, "narrow": 403, "broken": 503, "bad": 401} {
		for _, rt := range routes {
			target := strings.NewReplacer("{tag}", "cats", "{id}", "6900000000000002001").Replace(rt.path) + "?q=x&acct=alice@social.example"
			if strings.Contains(rt.path, "/accounts/{id}") {
				target = strings.Replace(target, "6900000000000002001", aliceID, 1)
			}
			want := want
			if rt.needs&needsToken == 0 {
				want = 200
			}
			w := get(h, target, "Authorization", "Bearer "+secret)
			if w.Code != want {
				t.Errorf("%s with %q: %d, want %d: %s", target, secret, w.Code, want, w.Body)
			}
			if (w.Code == 401) != (w.Header().Get("WWW-Authenticate") != "") || (w.Code == 503) != (w.Header().Get("Retry-After") != "") {
				t.Errorf("%s with %q: %v", target, secret, w.Header())
			}
			if bytes.Contains(w.Body.Bytes(), []byte("database")) {
				t.Errorf("%s tells strangers: %s", target, w.Body)
			}
		}
	}
	if w := get(h, "/api/v1/timelines/public?access_token=good&limit=1"); w.Code != 200 || strings.Contains(w.Header().Get("Link"), "good") {
		t.Errorf("token in the query: %d, %s", w.Code, w.Header())
	}
	if w := get(h, "/api/v2/instance"); !strings.Contains(w.Body.String(), `"live_feeds":{"local":"authenticated"`) {
		t.Errorf("instance does not say that a token is needed: %s", w.Body)
	}
}

func TestWithoutIndex(t *testing.T) {
	failing := newFake(1)
	failing.fail = fmt.Errorf("dial unix /secret/path: %w", index.ErrUnavailable)
	slow := newFake(1)
	slow.block = true
	for name, tc := range map[string]struct {
		h     http.Handler
		retry string
	}{
		"off":  {mount(t, nil), "3600"},
		"away": {mount(t, failing), "5"},
		"slow": {mount(t, slow, func(c *Config, _ *Deps) { c.Timeout = time.Millisecond }), "5"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, rt := range routes {
				target := strings.NewReplacer("{tag}", "cats", "{id}", "6900000000000000001").Replace(rt.path) + "?q=x&acct=alice@social.example"
				w := get(tc.h, target)
				if rt.needs&needsIndex == 0 {
					if w.Code == 503 {
						t.Errorf("%s needs the index", target)
					}
					continue
				}
				if w.Code != 503 || w.Header().Get("Retry-After") != tc.retry || strings.Contains(w.Body.String(), "secret") {
					t.Errorf("%s: %d %v %s", target, w.Code, w.Header(), w.Body)
				}
			}
		})
	}
}

// What is neither of the two is our own fault, and no reason to try again.
func TestInternalError(t *testing.T) {
	f := newFake(1)
	f.fail = errors.New("scan: column secret is missing")
	w := get(mount(t, f), "/api/v1/timelines/public")
	if w.Code != 500 || w.Header().Get("Retry-After") != "" || w.Body.String() != `{"error":"Something went wrong here"}` {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// A client that goes away is answered nothing, and logged nowhere.
func TestClientGone(t *testing.T) {
	f := newFake(1)
	f.block = true
	h := mount(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/timelines/public", nil).WithContext(ctx))
	if w.Body.Len() != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A request waits for its turn no longer than it may take.
func TestParallel(t *testing.T) {
	f := newFake(1)
	f.block = true
	h := mount(t, f, func(c *Config, _ *Deps) { c.Parallel = 1; c.Timeout = time.Hour })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/timelines/public", nil).WithContext(ctx))
	}()
	for asked := 0; asked == 0; {
		f.mu.Lock()
		asked = len(f.asked)
		f.mu.Unlock()
	}
	second, end := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer end()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/timelines/public", nil).WithContext(second))
	if w.Code != 503 || len(f.asked) != 1 {
		t.Errorf("%d after %d queries", w.Code, len(f.asked))
	}
	cancel()
	<-done
}

// The second fence of I4: what the index should not give is not shown.
func TestTiers(t *testing.T) {
	f := newFake(4)
	f.records[0].Tier, f.records[1].Tier, f.records[2].Tier = ingest.TierRelay, ingest.TierStats, ingest.TierLive
	f.records[3].Post.Text = "about"
	h := mount(t, f)
	if got := ids(t, get(h, "/api/v1/timelines/public").Body.Bytes()); len(got) != 2 {
		t.Errorf("timeline shows %v", got)
	}
	if got := ids(t, get(h, "/api/v1/accounts/"+aliceID+"/statuses").Body.Bytes()); len(got) != 1 {
		t.Errorf("account shows %v", got)
	}
	for target, want := range map[string]int{"/api/v1/statuses/6900000000000001001": 404, "/api/v1/statuses/6900000000000002001": 200} {
		if w := get(h, target); w.Code != want {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
	var found struct{ Statuses []json.RawMessage }
	if err := json.Unmarshal(get(h, "/api/v2/search?q=about").Body.Bytes(), &found); err != nil || len(found.Statuses) != 1 {
		t.Errorf("search shows %d (%v)", len(found.Statuses), err)
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := mount(t, newFake(3), func(_ *Config, d *Deps) { d.Registerer = reg })
	get(h, "/api/v1/timelines/public")
	get(h, "/api/v1/timelines/public?limit=x")
	get(h, "/api/v1/statuses/1")
	get(h, "/api/v1/evil-name-of-a-stranger")
	got := map[string]float64{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "tributary_api_requests_total" {
			continue
		}
		for _, m := range family.GetMetric() { // labels come in the order of their names
			got[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{"other 4xx": 1, "status 4xx": 1, "timeline_public 2xx": 1, "timeline_public 4xx": 1}
	if !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

// Mastodon.py ends each path of an instance with a slash, which Rails ignores.
func TestLastSlash(t *testing.T) {
	h := mount(t, newFake(3))
	for _, target := range []string{"/api/v1/instance", "/api/v2/instance", "/api/v1/timelines/public", "/api/v1/timelines/tag/cats"} {
		with, without := get(h, target+"/"), get(h, target)
		if with.Code != http.StatusOK || with.Body.String() != without.Body.String() {
			t.Errorf("%s/ is answered %d %s, want %s", target, with.Code, with.Body, without.Body)
		}
	}
	if got := get(h, "/api/v1/instance/else"); got.Code != http.StatusNotFound {
		t.Errorf("what is below a path is answered %d", got.Code)
	}
}

// Other packages have paths below /api too, whatever their methods.
func TestRoutesLeaveRoomForOthers(t *testing.T) {
	mux := http.NewServeMux()
	for _, pattern := range []string{"GET /api/v1/firehose", "/api/v1/streaming", "/api/v1/streaming/", "GET /api/v1/streaming/health", "POST /api/v1/apps"} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "other") })
	}
	New(config, Deps{Log: slog.New(slog.DiscardHandler)}).Routes(mux)
	if w := get(mux, "/api/v1/streaming/public"); w.Body.String() != "other" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]Config{
		"no url": {}, "a path": {URL: base + "/x"}, "a scheme": {URL: "ftp://a.example"},
		"streaming": {URL: base, StreamingURL: "https://a.example"}, "path of streaming": {URL: base, StreamingURL: "wss://a.example/api"},
		"negative": {URL: base, Parallel: -1},
	} {
		if err := c.Validate(); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for url, want := range map[string]string{"http://localhost:8420": "ws://localhost:8420", base: "wss://relay.example"} {
		if got := (Config{URL: url}).withDefaults().StreamingURL; got != want {
			t.Errorf("streaming of %s: %s", url, got)
		}
	}
}

func TestTagPage(t *testing.T) {
	for name, q := range map[string]*fake{"index": newFake(3), "no index": nil} {
		t.Run(name, func(t *testing.T) {
			h := mount(t, newFake(3), func(_ *Config, d *Deps) {
				if q == nil {
					d.Queries = nil
				}
			})
			w := get(h, "/tags/"+url.PathEscape(`C"ats`))
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<h1>#cats</h1>") || w.Header().Get("Content-Security-Policy") == "" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if w := get(h, "/tags/%3C%3E"); w.Code != http.StatusNotFound {
				t.Errorf("no hashtag: %d", w.Code)
			}
		})
	}
}
