package stream

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ap"
)

func TestQuery(t *testing.T) {
	many := strings.Repeat("tag=x&", maxFilterValues+1)
	for _, c := range []struct {
		in      string
		want    query
		message string // part of the refusal
	}{
		{in: "", want: query{fromTip: true}},
		{in: "cursor=0", want: query{}},
		{in: "cursor=18446744073709551615&heartbeat=60&access_token=x", want: query{cursor: 1<<64 - 1, heartbeat: time.Minute, token: "x"}},
		{in: "language=EN&language=pt-BR&tag=%23Caf%C3%A9&domain=A.example:8443", want: query{fromTip: true, filter: filter{
			languages: []string{"en", "pt-br"}, tags: []string{"cafe"}, domains: []string{"a.example:8443"},
		}}},
		{in: "cursor=", message: "not a seq"},
		{in: "cursor=-1", message: "not a seq"},
		{in: "cursor=+1", message: "not a seq"},
		{in: "cursor=1.5", message: "not a seq"},
		{in: "cursor=18446744073709551616", message: "not a seq"},
		{in: "cursor=1&cursor=2", message: "more than once"},
		{in: "cursor=" + strings.Repeat("9", 500), message: "…"},
		{in: "cursr=1", message: `unknown parameter "cursr"`},
		{in: "heartbeat=0", message: "1 to 60"},
		{in: "heartbeat=61", message: "1 to 60"},
		{in: "heartbeat=x", message: "1 to 60"},
		{in: "tag=%23", message: "cannot be meant"},
		{in: "domain=" + strings.Repeat("a", 300), message: "cannot be meant"},
		{in: "language=", message: "cannot be meant"},
		{in: many, message: "more than 100"},
	} {
		v, err := url.ParseQuery(c.in)
		if err != nil {
			t.Fatal(err)
		}
		got, f := parseQuery(v)
		switch {
		case f == nil && c.message != "":
			t.Errorf("%.60s: accepted", c.in)
		case f != nil && (c.message == "" || !strings.Contains(f.message, c.message) || f.status != 400 || len(f.message) > 200):
			t.Errorf("%.60s: %d %s", c.in, f.status, f.message)
		case f == nil && !reflect.DeepEqual(got, c.want):
			t.Errorf("%.60s: %+v, want %+v", c.in, got, c.want)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("cursor=1&language=en&tag=%23x")
	f.Fuzz(func(t *testing.T, raw string) {
		v, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		q, refusal := parseQuery(v)
		if refusal == nil {
			q.filter.match(testPost(ingest.KindCreate, live, 0))
		}
	})
}

func TestFilter(t *testing.T) {
	post := func(domain, language string, tags ...string) *ingest.Record {
		return &ingest.Record{Kind: ingest.KindCreate, Tier: live, Domain: domain, Post: &ap.Post{Language: language, Tags: tags}}
	}
	gone := &ingest.Record{Kind: ingest.KindDelete, PrevTier: live, Domain: "b.example"}
	for _, c := range []struct {
		name   string
		filter filter
		record *ingest.Record
		want   bool
	}{
		{"none", filter{}, post("a.example", ""), true},
		{"language", filter{languages: []string{"de", "en"}}, post("", "en"), true},
		{"other language", filter{languages: []string{"de"}}, post("", "en"), false},
		{"primary language", filter{languages: []string{"pt"}}, post("", "pt-br"), true},
		{"regional language", filter{languages: []string{"pt-br"}}, post("", "pt-pt"), false},
		{"undeclared", filter{languages: []string{"und"}}, post("", ""), true},
		{"one of the tags", filter{tags: []string{"x", "y"}}, post("", "", "z", "y"), true},
		{"none of the tags", filter{tags: []string{"x"}}, post("", "", "z"), false},
		{"domain", filter{domains: []string{"a.example"}}, post("a.example", ""), true},
		{"other domain", filter{domains: []string{"a.example"}}, post("b.example", ""), false},
		{"axes are ANDed", filter{domains: []string{"a.example"}, tags: []string{"x"}}, post("a.example", ""), false},
		{"delete passes a language", filter{languages: []string{"de"}, tags: []string{"x"}}, gone, true},
		{"delete of another domain", filter{domains: []string{"a.example"}}, gone, false},
		{"delete of an unknown domain", filter{domains: []string{"a.example"}}, &ingest.Record{Kind: ingest.KindDelete, PrevTier: live}, true},
		{"withdrawal passes", filter{domains: []string{"a.example"}, tags: []string{"x"}}, withdrawal(ingest.ScopeDomain, "a.example", 0), true},
		{"update that leaves live", filter{tags: []string{"x"}}, without(post("", ""), func(r *ingest.Record) {
			r.Kind, r.Tier, r.PrevTier = ingest.KindUpdate, stats, live
		}), true},
	} {
		if got := c.filter.match(c.record); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
