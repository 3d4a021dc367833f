package delivery

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ap"
)

func TestFilterWants(t *testing.T) {
	post := ingest.Record{
		Kind: ingest.KindCreate, Domain: "sub.a.example", Author: &ap.Author{Bot: true},
		Post: &ap.Post{Language: "pt-br", Tags: []string{"go", "fedi"}, Sensitive: true, InReplyTo: "https://x.example/1"},
	}
	for _, c := range []struct {
		filter Filter
		want   bool
	}{
		{Filter{}, true},
		{Filter{Languages: []string{"pt"}}, true},
		{Filter{Languages: []string{"pt-br"}}, true},
		{Filter{Languages: []string{"p", "en"}}, false},
		{Filter{Tags: []string{"go", "x"}}, true},
		{Filter{Tags: []string{"x"}}, false},
		{Filter{NotTags: []string{"fedi"}}, false},
		{Filter{Domains: []string{"a.example"}}, true},
		{Filter{Domains: []string{"b.a.example", "ub.a.example"}}, false},
		{Filter{NotDomains: []string{"a.example"}}, false},
		{Filter{NoBots: true}, false},
		{Filter{NoSensitive: true}, false},
		{Filter{NoReplies: true}, false},
		{Filter{OnlyMedia: true}, false},
		{Filter{Languages: []string{"pt"}, Tags: []string{"x"}}, false},
	} {
		got := c.filter.wants(&post, func() string { return string(languageOf(&post)) })
		if got != c.want {
			t.Errorf("%s: %v", c.filter, got)
		}
	}
}

func TestFilterTidy(t *testing.T) {
	f, err := Filter{Languages: []string{" EN", "pt-BR", "en"}, Tags: []string{"#Go", ""}, Domains: []string{"BÜCHER.example"}}.Tidy()
	want := Filter{Languages: []string{"en", "pt-br"}, Tags: []string{"go"}, Domains: []string{"xn--bcher-kva.example"}}
	if err != nil || !reflect.DeepEqual(f, want) {
		t.Errorf("%+v, %v", f, err)
	}
	if back, err := ParseFilter(f.String()); err != nil || !reflect.DeepEqual(back, f) {
		t.Errorf("%+v, %v", back, err)
	}
	if f, err := (Filter{Tags: []string{" "}}).Tidy(); err != nil || !f.Empty() {
		t.Errorf("%+v, %v", f, err)
	}
	for _, bad := range []Filter{
		{Languages: []string{"e n"}},
		{Tags: []string{"#"}},
		{Domains: []string{"https://a.example/"}},
		{Domains: []string{"@"}},
		{PerMinute: -1},
		{Tags: slices.Repeat([]string{"x"}, filterListMax+1)},
		{Tags: []string{strings.Repeat("x", filterTextMax+1)}},
	} {
		if _, err := bad.Tidy(); !errors.Is(err, ErrFilter) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := ParseFilter("{"); !errors.Is(err, ErrFilter) {
		t.Error(err)
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{"", "{}", `{"tags":["go"]}`, `{"domains":["A.example"],"per_minute":5}`, `{"languages":["pt-BR"]}`, `[]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		filter, err := ParseFilter(s)
		if err != nil {
			return
		}
		if again, err := ParseFilter(filter.String()); err != nil || again.String() != filter.String() {
			t.Errorf("%q became %q, then %q, %v", s, filter, again, err)
		}
	})
}

// A filter keeps posts back, never what becomes of them; of two receivers of one
// inbox each gets what it wants.
func TestFilteredLane(t *testing.T) {
	bubble(t, []string{inboxA, inboxB}, func(t *testing.T, r *rig) {
		r.subs.filter(inboxA, Filter{Tags: []string{"go"}})
		r.start()
		tags := [][]string{{"go"}, {"x"}, nil, {"x", "go"}}
		for i, of := range tags {
			e := entry(uint64(i+1), string(rune('a'+i)), "author")
			e.Record.Post = &ap.Post{Tags: of}
			r.log.append(e)
		}
		remove := entry(5, "b", "author")
		remove.Record.Kind, remove.Record.Activity = ingest.KindDelete, "Delete"
		r.log.append(remove)
		r.pass(time.Minute)
		if got := seqs(r.web.of("a.example")); !slices.Equal(got, []uint64{1, 4, 5}) {
			t.Errorf("filtered: %v", got)
		}
		if got := seqs(r.web.of("b.example")); !slices.Equal(got, upTo(1, 5)) {
			t.Errorf("unfiltered: %v", got)
		}
		if s := r.lane("a.example"); s.Lag != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAtMostSoManyAMinute(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.subs.filter(inboxA, Filter{PerMinute: 3})
		r.start()
		r.log.posts(10)
		r.pass(10 * time.Second)
		if got := len(r.web.of("a.example")); got != 3 {
			t.Errorf("%d posts in a minute", got)
		}
		r.pass(time.Minute)
		r.log.posts(10)
		r.pass(10 * time.Second)
		if got := len(r.web.of("a.example")); got != 6 {
			t.Errorf("%d posts in two minutes", got)
		}
		if n := r.metric("tributary_delivery_skipped_records_total", skipRate); n != 14 {
			t.Errorf("%v were passed over", n)
		}
	})
}
