package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tributary/index/language"
	"tributary/ingest"
	"tributary/ingest/ap"
)

// Filter says which posts a subscriber wants. What is empty asks for nothing; a
// post must satisfy all that is asked. Edits, deletions and moves are never
// filtered: whoever has a post must hear what became of it.
type Filter struct {
	Languages   []string `json:"languages,omitempty"`    // one of these ("pt" takes "pt-br"); declared, else what the text looks like
	Tags        []string `json:"tags,omitempty"`         // with one of these hashtags, folded
	NotTags     []string `json:"not_tags,omitempty"`     // with none of these
	Domains     []string `json:"domains,omitempty"`      // from one of these hosts, or below them
	NotDomains  []string `json:"not_domains,omitempty"`  // from none of these, nor below them
	NoBots      bool     `json:"no_bots,omitempty"`      // not by a Service or an Application
	NoSensitive bool     `json:"no_sensitive,omitempty"` // neither marked nor with a content warning
	NoReplies   bool     `json:"no_replies,omitempty"`
	OnlyMedia   bool     `json:"only_media,omitempty"`
	PerMinute   int      `json:"per_minute,omitempty"` // at most so many posts a minute; 0: all
}

// Bounds of a filter. A subscriber's admin may set it.
const (
	filterListMax = 200
	filterTextMax = 200
	perMinuteMax  = 100_000
)

// ErrFilter marks a filter that cannot be.
var ErrFilter = errors.New("not a filter")

// ParseFilter reads what String wrote; "" is the one that wants all.
func ParseFilter(s string) (f Filter, err error) {
	if s == "" {
		return Filter{}, nil
	}
	if err := json.Unmarshal([]byte(s), &f); err != nil {
		return Filter{}, fmt.Errorf("delivery: filter: %w: %w", ErrFilter, err)
	}
	return f.Tidy()
}

// Empty reports whether every post is wanted.
func (f Filter) Empty() bool { return f.String() == "" }

// String is the filter as it is kept: JSON, or "" when it wants all.
func (f Filter) String() string {
	b, err := json.Marshal(f)
	if err != nil {
		panic("delivery: BUG: a filter does not encode: " + err.Error())
	}
	if string(b) == "{}" {
		return ""
	}
	return string(b)
}

// Tidy brings a filter as people write it into its one form, or says what is wrong.
func (f Filter) Tidy() (Filter, error) {
	for _, list := range []struct {
		name string
		of   *[]string
		tidy func(string) (string, error)
	}{
		{"languages", &f.Languages, tidyLanguage},
		{"tags", &f.Tags, tidyTag},
		{"not_tags", &f.NotTags, tidyTag},
		{"domains", &f.Domains, tidyDomain},
		{"not_domains", &f.NotDomains, tidyDomain},
	} {
		if err := tidyList(list.of, list.tidy); err != nil {
			return Filter{}, fmt.Errorf("delivery: filter: %s: %w", list.name, err)
		}
	}
	if f.PerMinute < 0 || f.PerMinute > perMinuteMax {
		return Filter{}, fmt.Errorf("delivery: filter: per_minute: %w: between 0 and %d", ErrFilter, perMinuteMax)
	}
	return f, nil
}

func tidyList(list *[]string, tidy func(string) (string, error)) error {
	if len(*list) > filterListMax {
		return fmt.Errorf("%w: more than %d", ErrFilter, filterListMax)
	}
	var out []string
	for _, s := range *list {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if len(s) > filterTextMax {
			return fmt.Errorf("%w: one is longer than %d bytes", ErrFilter, filterTextMax)
		}
		s, err := tidy(s)
		if err != nil {
			return err
		}
		out = append(out, s)
	}
	slices.Sort(out)
	*list = slices.Compact(out)
	return nil
}

func tidyLanguage(s string) (string, error) {
	for _, r := range s {
		if r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return "", fmt.Errorf("%w: %q is no code such as en or pt-br", ErrFilter, s)
		}
	}
	return strings.ToLower(s), nil
}

func tidyTag(s string) (string, error) {
	tag := ap.FoldTag(strings.TrimPrefix(s, "#"))
	if tag == "" {
		return "", fmt.Errorf("%w: %.100q is no hashtag", ErrFilter, s)
	}
	return tag, nil
}

func tidyDomain(s string) (string, error) {
	host, err := ap.Host("https://" + s)
	if u, bad := url.Parse("https://" + s); err != nil || bad != nil || u.Host == "" || strings.ContainsAny(s, "/?#@") {
		return "", fmt.Errorf("%w: %.100q is no host", ErrFilter, s)
	}
	return host, nil
}

// wants reports whether a post passes, but for PerMinute. language is asked only
// where the filter needs it.
func (f *Filter) wants(r *ingest.Record, language func() string) bool {
	p := r.Post
	if p == nil {
		return true
	}
	switch {
	case f.NoBots && r.Author != nil && r.Author.Bot,
		f.NoSensitive && (p.Sensitive || p.Summary != ""),
		f.NoReplies && p.InReplyTo != "",
		f.OnlyMedia && len(p.Attachments) == 0,
		len(f.Domains) > 0 && !underAny(r.Domain, f.Domains),
		underAny(r.Domain, f.NotDomains),
		len(f.Tags) > 0 && !haveOne(p.Tags, f.Tags),
		haveOne(p.Tags, f.NotTags),
		len(f.Languages) > 0 && !speaks(language(), f.Languages):
		return false
	}
	return true
}

// minute counts posts in the minute under way.
type minute struct {
	began time.Time
	count int
}

// take counts one more, unless there were most of them.
func (m *minute) take(most int, now time.Time) bool {
	if now.Sub(m.began) >= time.Minute {
		m.began, m.count = now, 0
	}
	if m.count >= most {
		return false
	}
	m.count++
	return true
}

func underAny(host string, domains []string) bool {
	for _, d := range domains {
		if host == d || strings.HasSuffix(host, "."+d) {
			return true
		}
	}
	return false
}

func haveOne(a, b []string) bool {
	for _, x := range a {
		if slices.Contains(b, x) {
			return true
		}
	}
	return false
}

func speaks(code string, languages []string) bool {
	for _, l := range languages {
		if code == l || strings.HasPrefix(code, l+"-") {
			return true
		}
	}
	return false
}

// languageOf is the language of a record's post, kept with its entry (ingest.FormLanguage).
func languageOf(r *ingest.Record) []byte {
	if r.Post == nil {
		return nil
	}
	return []byte(language.Of(r.Post.Language, r.Post.Text))
}
