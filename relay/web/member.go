package web

import (
	"bytes"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tributary/relay"
	"tributary/relay/delivery"
)

//go:embed files/member.html
var memberText string

var memberPage = template.Must(template.New("member").Funcs(template.FuncMap{
	"lines": func(list []string) string { return strings.Join(list, "\n") },
}).Parse(memberText))

// memberPolicy lets the page send its own form, and nothing else.
const memberPolicy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// formMax bounds a form that is sent.
const formMax = 128 << 10

type member struct {
	Name, Host, Token string
	Topic             string // "" for all that passes
	Filter            delivery.Filter
	Saved             bool
	Fault             string // what is wrong with what was sent
}

// member shows which posts a server gets, and takes a change, for who has its
// link. The link is all that is needed and the form repeats it: there is no cookie
// by which another page could send one.
func (s *Site) member(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, formMax)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	token := r.Form.Get("token")
	sub, err := s.cfg.Relay.Member(token)
	if err != nil {
		http.Error(w, "This link is not valid, or not any more. The operator of the relay can make another.", http.StatusForbidden)
		return
	}
	m := member{Name: s.about.Name, Host: sub.Host, Topic: sub.Topic.String(), Token: token, Saved: r.Form.Get("saved") != ""}
	if r.Method != http.MethodPost {
		m.Filter, _ = delivery.ParseFilter(sub.Filter) // what a later program wrote shows as empty
		showMember(w, http.StatusOK, m)
		return
	}
	m.Filter = filterOf(r.PostForm)
	switch err := s.cfg.Relay.Subscriptions().SetFilter(r.Context(), sub.Actor, m.Filter, sub.Topic); {
	case errors.Is(err, delivery.ErrFilter):
		m.Fault = err.Error()
		showMember(w, http.StatusUnprocessableEntity, m)
	case err != nil:
		http.Error(w, "this cannot be saved now; send it again later", http.StatusServiceUnavailable)
	default:
		http.Redirect(w, r, relay.MemberPath+"?saved=1&token="+url.QueryEscape(token), http.StatusSeeOther)
	}
}

// filterOf reads the form; a number that is none counts as too many, so that the sender hears of it.
func filterOf(form url.Values) delivery.Filter {
	list := func(name string) []string {
		return strings.FieldsFunc(form.Get(name), func(r rune) bool { return strings.ContainsRune(" ,;\r\n\t", r) })
	}
	f := delivery.Filter{
		Languages: list("languages"), Tags: list("tags"), NotTags: list("not_tags"), Domains: list("domains"), NotDomains: list("not_domains"),
		NoBots: form.Has("no_bots"), NoSensitive: form.Has("no_sensitive"), NoReplies: form.Has("no_replies"), OnlyMedia: form.Has("only_media"),
	}
	if text := strings.TrimSpace(form.Get("per_minute")); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			n = -1
		}
		f.PerMinute = n
	}
	return f
}

func showMember(w http.ResponseWriter, status int, m member) {
	var b bytes.Buffer
	if err := memberPage.Execute(&b, m); err != nil {
		http.Error(w, "the page cannot be shown now", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", memberPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // the address is the key
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a gone client is no news
}
