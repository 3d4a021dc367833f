package web

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tributary/relay"
	"tributary/relay/delivery"
)

//go:embed files/relay.css
var css []byte

//go:embed files/front.html
var frontText string

var frontPage = template.Must(template.New("front").Funcs(template.FuncMap{
	"count": count, "rate": rate, "span": span,
}).Parse(frontText))

// policy is the page's security header: no script, nothing from elsewhere.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// shownMost bounds the lists on the page; the JSON has all.
const shownMost = 200

type front struct {
	Status
	Summary    string
	Contact    string
	ContactURL string // "" when Contact is no address
	Handle     string
	Base       string
	Search     bool
	Members    []Subscriber
	Blocks     []Block
	MoreBlocks int
	More       int
	Retention  time.Duration
	Open       bool
	Approval   bool
	Topics     []topic
}

// topic is an example of what a server may subscribe to.
type topic struct {
	What                 string
	Inbox, Actor, Handle string
}

func examples(c relay.Community) (list []topic) {
	for _, e := range []struct {
		what  string
		topic delivery.Topic
	}{
		{"with the hashtag #caturday", delivery.Topic{Kind: delivery.TopicTag, Name: "caturday"}},
		{"of the server social.example", delivery.Topic{Kind: delivery.TopicInstance, Name: "social.example"}},
		{"in German", delivery.Topic{Kind: delivery.TopicLanguage, Name: "de"}},
	} {
		list = append(list, topic{e.what, c.TopicInbox(e.topic), c.TopicActor(e.topic), c.TopicHandle(e.topic)})
	}
	return list
}

func (s *Site) front(w http.ResponseWriter, _ *http.Request) {
	c := s.cfg.Relay.Community()
	f := front{
		Status: s.status(), Summary: s.about.Summary, Contact: s.about.Contact, ContactURL: contactURL(s.about.Contact),
		Handle: c.Handle(), Base: c.Base(), Search: s.cfg.Search, Retention: s.cfg.Retention,
		Open: s.about.Mode == relay.ModeOpen, Approval: s.about.Mode == relay.ModeApproval,
		Topics:  examples(c),
		Members: s.subscribers(), Blocks: s.blocks(),
	}
	f.More, f.MoreBlocks = max(0, len(f.Members)-shownMost), max(0, len(f.Blocks)-shownMost)
	f.Members, f.Blocks = f.Members[:len(f.Members)-f.More], f.Blocks[:len(f.Blocks)-f.MoreBlocks]
	var b bytes.Buffer
	if err := frontPage.Execute(&b, f); err != nil {
		http.Error(w, "the page cannot be shown now", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "public, max-age=10")
	_, _ = w.Write(b.Bytes()) // a gone client is no news
}

func style(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(css) // a gone client is no news
}

// contactURL makes a link of an e-mail address or of a web address.
func contactURL(contact string) string {
	if u, err := url.Parse(contact); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
		return contact
	}
	if user, host, ok := strings.Cut(contact, "@"); ok && user != "" && strings.Contains(host, ".") && !strings.ContainsAny(contact, " <>?&") {
		return "mailto:" + contact
	}
	return ""
}

// count groups the digits of a number by three, with narrow spaces.
func count(n any) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// rate is a figure per minute, with a digit behind the point when it is small.
func rate(x float64) string {
	if x > 0 && x < 10 {
		return fmt.Sprintf("%.1f", x)
	}
	return count(int64(x + 0.5))
}

// span is a duration in days or hours.
func span(d time.Duration) string {
	switch days := int(d.Hours() / 24); {
	case days >= 2:
		return fmt.Sprintf("%d days", days)
	case d.Hours() >= 2:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return d.String()
}
