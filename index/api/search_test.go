package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"tributary/index"
)

type results struct {
	Accounts []struct{ Acct string }
	Statuses []struct{ URI string }
	Hashtags []struct{ Name string }
}

func TestSearch(t *testing.T) {
	h := mount(t, newFake(30))
	for _, tc := range []struct {
		q, rest string
		want    string // accounts, statuses, hashtags: how many
		first   string
	}{
		{"cats", "", "0 20 2", "cats"},
		{"cats", "&limit=5", "0 5 2", "cats"},
		{"cats", "&limit=0", "0 0 0", ""},
		{"cats", "&type=hashtags", "0 0 2", "cats"},
		{"cats", "&type=hashtags&offset=1", "0 0 1", "catsofmastodon"},
		{"cats", "&offset=1", "0 20 2", "cats"},
		{"cats", "&type=statuses&offset=25&limit=40", "0 5 0", ""},
		{"cats", "&type=statuses&max_id=6900000000000003001", "0 3 0", ""},
		{"cats", "&type=statuses&account_id=" + aliceID, "0 15 0", ""},
		{"cats", "&type=statuses&account_id=0", "0 0 0", ""},
		{"#CATS", "", "0 0 2", "cats"},
		{"  #cats ", "", "0 20 2", "cats"},
		{"alice", "", "1 0 0", "alice@social.example"},
		{"alice", "&following=true", "0 0 0", ""},
		{"@alice@social.example", "", "1 0 0", "alice@social.example"},
		{"Alice@SOCIAL.example", "", "1 0 0", "alice@social.example"},
		{"acct:alice@social.example", "", "1 0 0", "alice@social.example"},
		{"@social.example", "", "2 0 0", "alice@social.example"},
		{"alice@social.example", "&type=accounts&offset=1", "0 0 0", ""},
		{"nobody@nowhere.example", "", "0 0 0", ""},
		{"https://social.example/users/alice", "", "1 0 0", "alice@social.example"},
		{"https://social.example/@alice", "", "1 0 0", "alice@social.example"},
		{"https://social.example/@alice/", "&resolve=true", "1 0 0", "alice@social.example"},
		{"https://elsewhere.example/@alice@social.example", "", "1 0 0", "alice@social.example"},
		{"https://social.example/@alice", "&type=statuses", "0 0 0", ""},
		{"https://social.example/users/alice/statuses/2", "", "0 1 0", "https://social.example/users/alice/statuses/2"},
		{"https://social.example/@alice/2", "", "0 1 0", "https://social.example/users/alice/statuses/2"},
		{"https://social.example/@alice/2", "&type=accounts", "0 0 0", ""},
		{"http://social.example/@alice/2", "", "0 0 0", ""}, // another page than the post's
		{"https://social.example/@alice/x", "", "0 0 0", ""},
		{"https://social.example/nothing", "", "0 0 0", ""},
		{"https://", "", "0 0 0", ""},
	} {
		w := get(h, "/api/v2/search?q="+url.QueryEscape(tc.q)+tc.rest)
		var r results
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || w.Code != 200 {
			t.Errorf("%s%s: %d %v %s", tc.q, tc.rest, w.Code, err, w.Body)
			continue
		}
		if r.Accounts == nil || r.Statuses == nil || r.Hashtags == nil {
			t.Errorf("%s%s: a list is null: %s", tc.q, tc.rest, w.Body)
		}
		if got := fmt.Sprint(len(r.Accounts), len(r.Statuses), len(r.Hashtags)); got != tc.want {
			t.Errorf("%s%s: %s, want %s", tc.q, tc.rest, got, tc.want)
		}
		if tc.first != "" && !strings.Contains(first(r), tc.first) {
			t.Errorf("%s%s: first are %s", tc.q, tc.rest, first(r))
		}
	}
}

func first(r results) string {
	var s []string
	for _, a := range r.Accounts {
		s = append(s, a.Acct)
		break
	}
	if len(r.Hashtags) > 0 {
		s = append(s, r.Hashtags[0].Name)
	}
	if len(r.Statuses) > 0 {
		s = append(s, r.Statuses[0].URI)
	}
	return strings.Join(s, " ")
}

func TestStatusURI(t *testing.T) {
	for page, want := range map[string]string{
		"https://a.example/@bob/12": "https://a.example/users/bob/statuses/12",
		"https://a.example/@bob":    "", "https://a.example/bob/12": "", "https://a.example/@/12": "", "https://a.example/@bob/12/x": "", "": "",
	} {
		if got := statusURI(page); got != want {
			t.Errorf("%q: %q", page, got)
		}
	}
}

func TestBadSearch(t *testing.T) {
	h := mount(t, newFake(3))
	for query, want := range map[string]string{
		"":                               "param is missing or the value is empty: q",
		"q=+":                            "param is missing or the value is empty: q",
		"q=x&type=posts":                 "type must be accounts, hashtags or statuses",
		"q=x&limit=-2":                   "Pagination values for `offset` and `limit` must be positive",
		"q=x&offset=-2":                  "Pagination values for `offset` and `limit` must be positive",
		"q=x&offset=1001":                "offset must be at most 1000",
		"q=x&account_id=bob":             "account_id is not an id",
		"q=x&max_id=bob":                 "max_id is not an id",
		"q=" + strings.Repeat("x", 1001): "q is longer than 1000 bytes",
	} {
		if w := get(h, "/api/v2/search?"+query); w.Code != 400 || w.Body.String() != `{"error":"`+want+`"}` {
			t.Errorf("%.40s: %d %s", query, w.Code, w.Body)
		}
	}
}

func TestSearchArguments(t *testing.T) {
	f := newFake(3)
	get(mount(t, f), "/api/v2/search?q=two+words&type=statuses&limit=7&offset=3&min_id=9&account_id=5")
	want := index.Search{Page: index.Page{MinID: 9, Limit: 7}, Text: "two words", Offset: 3, AccountID: 5}
	if len(f.searched) != 1 || f.searched[0] != want {
		t.Errorf("%+v", f.searched)
	}
}

func TestAccounts(t *testing.T) {
	h := mount(t, newFake(10), func(c *Config, _ *Deps) { c.URL = "https://social.example" })
	for target, want := range map[string]int{
		"/api/v1/accounts/" + aliceID:                            200,
		"/api/v1/accounts/" + aliceID + "/statuses":              200,
		"/api/v1/accounts/1":                                     404,
		"/api/v1/accounts/1/statuses":                            404,
		"/api/v1/accounts/0":                                     404,
		"/api/v1/accounts/alice":                                 404,
		"/api/v1/accounts/verify_credentials":                    404,
		"/api/v1/accounts/99999999999999999999999":               404,
		"/api/v1/accounts/lookup":                                404,
		"/api/v1/accounts/lookup?acct=@alice@social.example":     200,
		"/api/v1/accounts/lookup?acct=ALICE":                     200, // of this server
		"/api/v1/accounts/lookup?acct=alice@elsewhere":           404,
		"/api/v1/accounts/lookup?acct=alice@social.example/@bob": 404,
		"/api/v1/accounts/lookup?acct=alice@b@c":                 404,
		"/api/v1/accounts/lookup?acct=alice@":                    404,
		"/api/v1/statuses/0":                                     404,
		"/api/v1/statuses/x":                                     404,
		"/api/v1/statuses/1/context":                             404,
		"/api/v1/tags/!":                                         404,
	} {
		w := get(h, target)
		if w.Code != want || want == 404 && w.Body.String() != `{"error":"Record not found"}` {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	if w := get(h, "/api/v1/accounts/"+aliceID+"/statuses?pinned=true"); w.Body.String() != "[]" {
		t.Errorf("pinned: %s", w.Body)
	}
	if w := get(h, "/api/v1/accounts/search?q=social.example&limit=1"); strings.Count(w.Body.String(), `"acct"`) != 1 {
		t.Errorf("search: %s", w.Body)
	}
	if w := get(h, "/api/v1/tags/never"); w.Code != 200 || !strings.Contains(w.Body.String(), `"history":[]`) {
		t.Errorf("unknown tag: %d %s", w.Code, w.Body)
	}
}
