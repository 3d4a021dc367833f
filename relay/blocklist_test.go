package relay

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParseBlockList(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		want    []ListedDomain
		skipped []int
	}{
		"lines": {"# ours\nspam.example\n\n Evil.Example \nspam.example\nbücher.example\n", []ListedDomain{
			{"spam.example", "suspend", "", 2}, {"evil.example", "suspend", "", 4}, {"xn--bcher-kva.example", "suspend", "", 6},
		}, nil},
		"Mastodon": {"#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\n" +
			"spam.example,suspend,false,false,\"spam, lots\",false\nquiet.example,silence,false,false,,false\nhid*en.example,suspend,false,false,,true\n", []ListedDomain{
			{"spam.example", "suspend", "spam, lots", 2}, {"quiet.example", "silence", "", 3},
		}, []int{4}},
		"other order": {"severity,domain\nsuspend,spam.example\n", []ListedDomain{{"spam.example", "suspend", "", 2}}, nil},
		"with BOM":    {"\ufeffdomain\nspam.example\n", []ListedDomain{{"spam.example", "suspend", "", 2}}, nil},
		"no domains":  {"https://a.example/users/b\nnot a domain\n@\n", nil, []int{1, 2, 3}},
		"empty":       {"", nil, nil},
	} {
		got, skipped, err := ParseBlockList(strings.NewReader(c.text))
		var lines []int
		for _, s := range skipped {
			lines = append(lines, s.Line)
		}
		if err != nil || !reflect.DeepEqual(got, c.want) || !reflect.DeepEqual(lines, c.skipped) {
			t.Errorf("%s: %+v, skipped %+v, %v", name, got, skipped, err)
		}
	}
	if _, _, err := ParseBlockList(strings.NewReader(strings.Repeat("a", BlockListBytesMax+1))); !errors.Is(err, ErrBlockList) {
		t.Errorf("too large: %v", err)
	}
	if _, _, err := ParseBlockList(strings.NewReader(strings.Repeat("@\n", blockListEntriesMax+1))); !errors.Is(err, ErrBlockList) {
		t.Errorf("lines without end that are no domains: %v", err)
	}
}

func FuzzParseBlockList(f *testing.F) {
	for _, s := range []string{"a.example\n", "#domain,#severity\na.example,suspend\n", "\"a\nb\",c\n", "\ufeff#domain\n*.example", "a.example,\"", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, skipped, err := ParseBlockList(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, d := range list {
			if _, again, err := ParseBlockKey(d.Domain); err != nil || again != d.Domain || len(d.Comment) > blockListTextMax {
				t.Errorf("%+v: %v", d, err)
			}
		}
		for _, s := range skipped {
			if s.Line < 1 || s.Why == "" || len(s.Text) > blockListTextMax {
				t.Errorf("%+v", s)
			}
		}
	})
}
