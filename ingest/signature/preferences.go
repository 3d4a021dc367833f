package signature

import (
	"net/http"
	"slices"
	"time"

	"github.com/dunglas/httpsfv"
	lru "github.com/hashicorp/golang-lru/v2"
)

// Bounds of what is remembered of hosts.
const (
	maxPreferences = 4096
	preferredFor   = 24 * time.Hour // then draft-cavage is tried first again: servers are updated
	refusedFor     = time.Hour      // how long a host that refused all forms is asked in one only
	unclearFor     = 5 * time.Minute
)

// Preferences remembers in memory which form of signature each host accepts. Nearly
// all accept the usual one; of these nothing is remembered. It may be used by many
// goroutines; those that meet a host at the same time may each find out for themselves.
type Preferences struct {
	hosts *lru.Cache[string, preference]
	now   func() time.Time
}

type preference struct {
	form  Form
	none  bool // it refused every form: what it refuses is us
	until time.Time
}

// NewPreferences returns an empty memory. A nil now is time.Now.
func NewPreferences(now func() time.Time) *Preferences {
	hosts, err := lru.New[string, preference](maxPreferences)
	if err != nil {
		panic("signature: BUG: " + err.Error()) // only for a size that is not positive
	}
	if now == nil {
		now = time.Now
	}
	return &Preferences{hosts: hosts, now: now}
}

// Answer is what a server's answer says of the form of a signature.
type Answer uint8

// The answers.
const (
	Accepted Answer = iota // or refused for a reason that is not the signature
	Refused                // 401 or 403
	Unclear                // no answer, or one that judges neither
	Asked                  // Refused, and it asks for RFC 9421 (Accept-Signature)
	Doubted                // 400: some servers answer so to a header that they do not know
)

// AnswerOf reads it off a status and its header.
func AnswerOf(status int, header http.Header) Answer {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		if asksForMessage(header) {
			return Asked
		}
		return Refused
	case status == http.StatusBadRequest:
		return Doubted
	case status >= 500:
		return Unclear
	}
	return Accepted
}

// asksForMessage reports whether a server asks for a signature that we would make
// (RFC 9421 §5): over components that we cover, without a nonce.
func asksForMessage(header http.Header) bool {
	values := header["Accept-Signature"]
	if len(values) == 0 || len(values[0]) > maxHeaderBytes {
		return false
	}
	dict, err := httpsfv.UnmarshalDictionary(values)
	if err != nil {
		return false
	}
	for _, label := range dict.Names() {
		member, _ := dict.Get(label)
		if list, ok := member.(httpsfv.InnerList); ok && covers(list) {
			return true
		}
	}
	return false
}

func covers(list httpsfv.InnerList) bool {
	for _, item := range list.Items {
		name, ok := item.Value.(string)
		if !ok || len(item.Params.Names()) > 0 || !slices.Contains(messagePost, name) {
			return false
		}
	}
	for _, name := range list.Params.Names() {
		switch v, _ := list.Params.Get(name); name {
		case "nonce", "tag":
			return false
		case "alg":
			if v != algorithmRSA {
				return false
			}
		}
	}
	return true
}

// Known is the form that a host is known to need, false if it is asked in the usual one.
func (p *Preferences) Known(host string) (Form, bool) {
	known, ok := p.recall(host)
	return known.form, ok
}

func (p *Preferences) recall(host string) (preference, bool) {
	known, ok := p.hosts.Get(host)
	if ok && !p.now().Before(known.until) {
		return preference{}, false
	}
	return known, ok
}

// Knock calls send with the form that the host accepted last, or the first of forms, and
// if it is refused once with each other one of forms, until one is accepted. A host that refuses all of
// them is not tried again for an hour, unless it asks for a form.
//
// FormShared is the one that is tried on no grounds but the name of a software. So
// Doubted counts against it too, and when the next form gets no better answer than
// that, it is the document that the server does not like.
func (p *Preferences) Knock(host string, forms []Form, send func(Form) Answer) {
	known, ok := p.recall(host)
	first := forms[0]
	if ok && slices.Contains(forms, known.form) {
		first = known.form
	}
	answer := send(first)
	switch {
	case answer == Asked:
	case answer == Doubted && first == FormShared:
	case answer == Refused && !(ok && known.none):
	default:
		return
	}
	again := refusedFor
	for _, form := range forms {
		if form == first {
			continue
		}
		before := answer
		switch answer = send(form); answer {
		case Accepted:
			p.hosts.Add(host, preference{form: form, until: p.now().Add(preferredFor)})
			return
		case Unclear, Doubted:
			if before == Doubted && answer == Doubted && first == FormShared {
				return
			}
			again = unclearFor // it may be away
		}
	}
	p.hosts.Add(host, preference{form: FormCavage, none: true, until: p.now().Add(again)})
}
