package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tributary/index"
	"tributary/index/status"
)

var aliceID = strconv.FormatUint(status.AccountID("https://social.example/users/alice"), 10)

func TestPages(t *testing.T) {
	h := mount(t, newFake(50))
	id := func(n int) uint64 { return firstID + uint64(n)*1000 }
	for _, tc := range []struct {
		query   string
		newest  int
		oldest  int
		message string // of a 400
	}{
		{"", 49, 30, ""},
		{"limit=5", 49, 45, ""},
		{"limit=0", -1, -1, ""},
		{"limit=1000", 49, 10, ""},
		{"limit=99999999999999999999999", 49, 10, ""},
		{"limit=", 49, 30, ""},
		{"limit=3&limit=2", 49, 48, ""},
		{"limit=-1", 0, 0, "Pagination values for `offset` and `limit` must be positive"},
		{"limit=ten", 0, 0, "limit is not a number"},
		{"limit=1e3", 0, 0, "limit is not a number"},
		{fmt.Sprintf("limit=3&max_id=%d", id(20)), 19, 17, ""},
		{fmt.Sprintf("limit=3&since_id=%d", id(20)), 49, 47, ""},
		{fmt.Sprintf("limit=3&min_id=%d", id(20)), 23, 21, ""},
		{fmt.Sprintf("since_id=%d", id(47)), 49, 48, ""},
		{fmt.Sprintf("min_id=%d&max_id=%d", id(20), id(23)), 22, 21, ""},
		{fmt.Sprintf("min_id=%d&since_id=%d&limit=1", id(20), id(40)), 21, 21, ""},
		{"min_id=0&limit=2", 1, 0, ""},
		{"since_id=0&limit=2", 49, 48, ""},
		{"max_id=0", -1, -1, ""},
		{"max_id=1", -1, -1, ""},
		{"max_id=99999999999999999999&limit=2", 49, 48, ""},
		{"max_id=&limit=2", 49, 48, ""},
		{"max_id=abc", 0, 0, "max_id is not an id"},
		{"since_id=-1", 0, 0, "since_id is not an id"},
		{"min_id=1.5", 0, 0, "min_id is not an id"},
	} {
		w := get(h, "/api/v1/timelines/public?"+tc.query)
		if tc.message != "" {
			if want := `{"error":"` + tc.message + `"}`; w.Code != 400 || w.Body.String() != want {
				t.Errorf("%s: %d %s, want %s", tc.query, w.Code, w.Body, want)
			}
			continue
		}
		got := ids(t, w.Body.Bytes())
		if tc.newest < 0 {
			if len(got) != 0 || w.Header().Get("Link") != "" {
				t.Errorf("%s: %v %v", tc.query, got, w.Header())
			}
			continue
		}
		if len(got) != tc.newest-tc.oldest+1 || got[0] != tc.newest || got[len(got)-1] != tc.oldest {
			t.Errorf("%s: %v", tc.query, got)
		}
	}
}

func TestLink(t *testing.T) {
	h := mount(t, newFake(3))
	tail := func(path, before string) string {
		return fmt.Sprintf(`<%s%s?%smax_id=6900000000000001001>; rel="next", <%s%s?%smin_id=6900000000000002001>; rel="prev"`,
			base, path, before, base, path, before)
	}
	for target, want := range map[string]string{
		"/api/v1/timelines/public?limit=2&since_id=5&access_token=x&x=y": tail("/api/v1/timelines/public", "limit=2&"),
		"/api/v1/timelines/public?limit=2&local=false":                   tail("/api/v1/timelines/public", "limit=2&local=false&"),
		"/api/v1/timelines/tag/CATS?limit=2":                             tail("/api/v1/timelines/tag/CATS", "limit=2&"),
		"/api/v1/timelines/tag/%E6%97%A5?limit=2&any[]=cats&none=x":      tail("/api/v1/timelines/tag/%E6%97%A5", "any%5B%5D=cats&limit=2&"),
	} {
		got := get(h, target).Header().Get("Link")
		if strings.Contains(target, "none") { // stands behind max_id and min_id
			want = strings.NewReplacer(">; rel=", "&none%5B%5D=x>; rel=").Replace(want)
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", target, got, want)
		}
	}
	trends := get(h, "/api/v1/trends/tags?limit=1&offset=1").Header().Get("Link")
	want := `<` + base + `/api/v1/trends/tags?limit=1&offset=2>; rel="next", <` + base + `/api/v1/trends/tags?limit=1&offset=0>; rel="prev"`
	if trends != want {
		t.Errorf("trends:\n got %s\nwant %s", trends, want)
	}
	// An author's list ends with a page that is not full.
	if got := get(h, "/api/v1/accounts/"+aliceID+"/statuses").Header().Get("Link"); strings.Contains(got, "next") || !strings.Contains(got, `min_id=6900000000000002001>; rel="prev"`) {
		t.Errorf("account: %s", got)
	}
}

var rels = regexp.MustCompile(`<([^>]*)>; rel="(\w+)"`)

// follow returns what the pages give that one link leads to, from target on.
func follow(t *testing.T, h http.Handler, target, rel string) []int {
	t.Helper()
	var all []int
	for range 100 {
		w := get(h, target)
		if w.Code != 200 {
			t.Fatalf("%s: %d %s", target, w.Code, w.Body)
		}
		page := ids(t, w.Body.Bytes())
		if !slices.IsSortedFunc(page, func(a, b int) int { return b - a }) {
			t.Fatalf("%s: not newest first: %v", target, page)
		}
		all = append(all, page...)
		target = ""
		for _, m := range rels.FindAllStringSubmatch(w.Header().Get("Link"), -1) {
			if m[2] == rel {
				target = strings.TrimPrefix(m[1], base)
			}
		}
		if target == "" {
			return all
		}
	}
	t.Fatal("no end")
	return nil
}

// Following the links gives everything once, in both directions, whatever the filter.
func TestWalk(t *testing.T) {
	const posts = 97
	h := mount(t, newFake(posts))
	for path, match := range map[string]func(n int) bool{
		"/api/v1/timelines/public?x=1":                           func(int) bool { return true },
		"/api/v1/timelines/public?only_media=1":                  func(n int) bool { return n%3 == 0 },
		"/api/v1/timelines/tag/t1?any[]=t2":                      func(n int) bool { return n%4 == 1 || n%4 == 2 },
		"/api/v1/timelines/tag/cats?none[]=t0&none[]=T1":         func(n int) bool { return n%4 > 1 },
		"/api/v1/timelines/tag/cats?all[]=t3":                    func(n int) bool { return n%4 == 3 },
		"/api/v1/accounts/" + aliceID + "/statuses?x=1":          func(n int) bool { return n%2 == 0 },
		"/api/v1/accounts/" + aliceID + "/statuses?tagged=t2":    func(n int) bool { return n%4 == 2 },
		"/api/v1/accounts/" + aliceID + "/statuses?only_media=t": func(n int) bool { return n%6 == 0 },
		"/api/v1/accounts/" + aliceID + "/statuses?exclude_replies=true": func(n int) bool {
			return n%2 == 0 && n%5 != 0
		},
	} {
		for _, limit := range []int{1, 2, 7, 40} {
			var want []int
			for n := range posts {
				if match(n) {
					want = append(want, n)
				}
			}
			up := follow(t, h, fmt.Sprintf("%s&limit=%d&min_id=0", path, limit), "prev")
			slices.Sort(up) // pages come newest first
			if !slices.Equal(up, want) {
				t.Errorf("%s by %d upwards: %v", path, limit, up)
			}
			slices.Reverse(want)
			if down := follow(t, h, fmt.Sprintf("%s&limit=%d", path, limit), "next"); !slices.Equal(down, want) {
				t.Errorf("%s by %d downwards: %v", path, limit, down)
			}
		}
	}
}

// A page of which nothing is shown costs a bounded number of queries, and the
// link leads on behind what was read.
func TestRepliesOnly(t *testing.T) {
	f := newFake(200)
	for _, r := range f.records[:190] {
		r.Post.InReplyTo = "https://other.example/1"
	}
	f.records[0].Post.InReplyTo = ""
	h := mount(t, f)
	if got := follow(t, h, "/api/v1/accounts/"+aliceID+"/statuses?exclude_replies=1&limit=5", "next"); got[len(got)-1] != 0 {
		t.Errorf("not to the end: %v", got)
	}
}

func TestTimelineParameters(t *testing.T) {
	for query, want := range map[string]index.Timeline{
		"public?":                                             {},
		"public?local=true":                                   {Local: true},
		"public?local=t":                                      {Local: true},
		"public?remote=1&only_media=on":                       {Remote: true, OnlyMedia: true},
		"public?local=1&remote=1":                             {},
		"public?local=false&remote=0":                         {},
		"tag/Z%C3%BCrich":                                     {Any: []string{"zurich"}},
		"tag/%23Cats?any[]=Dogs&any[]=dogs":                   {Any: []string{"cats", "dogs"}},
		"tag/a1?any=b1&all=c1&none[]=%23D1":                   {Any: []string{"a1", "b1"}, All: []string{"c1"}, None: []string{"d1"}},
		"tag/a1?any[]=b1&any[]=c1&any[]=d1&any[]=e1&any[]=f1": {Any: []string{"a1", "b1", "c1", "d1"}},
		"tag/a1?all[]=&all[]=!&all[]=1a&all[]=2a&all[]=3a&all[]=4a&all[]=5a": {
			Any: []string{"a1"}, All: []string{"1a", "2a", "3a", "4a"},
		},
	} {
		f := newFake(1)
		w := get(mount(t, f), "/api/v1/timelines/"+query)
		want.Limit = 20
		if w.Code != 200 || len(f.asked) != 1 || fmt.Sprint(f.asked[0]) != fmt.Sprint(want) {
			t.Errorf("%s: %d, asked %+v, want %+v", query, w.Code, f.asked, want)
		}
	}
	f := newFake(1)
	if w := get(mount(t, f), "/api/v1/timelines/tag/!!!"); w.Code != 200 || w.Body.String() != "[]" || len(f.asked) != 0 {
		t.Errorf("a tag without letters: %d %s", w.Code, w.Body)
	}
}

// Whatever the query, the answer is JSON, 200 or 400, and never more than 40.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		"limit=40&max_id=6900000000000001001", "min_id=0", "any[]=a&all[]=b&none[]=c", "q=%40alice%40social.example&type=accounts",
		"q=https%3A%2F%2Fsocial.example%2F%40alice", "limit=-1", "offset=99999", "q=%ff%00", "a;b", "%zz", "acct=@a@b@c", "q=%23&limit=0",
		"q=x&account_id=0", "exclude_replies=1&pinned=0&tagged=%E6%97%A5",
	} {
		f.Add(s, "cats")
	}
	h := mount(f, newFake(60))
	f.Fuzz(func(t *testing.T, query, tag string) {
		for _, path := range []string{
			"/api/v1/timelines/public", "/api/v1/timelines/tag/" + url.PathEscape(tag), "/api/v2/search", "/api/v1/accounts/lookup",
			"/api/v1/accounts/search", "/api/v1/accounts/" + aliceID + "/statuses", "/api/v1/trends/tags", "/api/v1/tags/" + url.PathEscape(tag),
		} {
			r, _ := http.NewRequest(http.MethodGet, base+path, nil)
			if r == nil {
				continue
			}
			r.URL.RawQuery = query
			checkFuzzed(t, h, r)
		}
	})
}

func checkFuzzed(t *testing.T, h http.Handler, r *http.Request) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	switch w.Code {
	case 200, 400, 404:
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s: no JSON: %s", r.URL, w.Body)
		}
		if n := strings.Count(w.Body.String(), `"in_reply_to_id"`); n > pageLimitMax {
			t.Fatalf("%s: %d statuses", r.URL, n)
		}
		if strings.ContainsAny(w.Header().Get("Link"), "\r\n") {
			t.Fatalf("%s: %q", r.URL, w.Header().Get("Link"))
		}
	case 301, 307, 308: // the mux cleans a path ("." as a tag)
	default:
		t.Fatalf("%s: %d %s", r.URL, w.Code, w.Body)
	}
}
