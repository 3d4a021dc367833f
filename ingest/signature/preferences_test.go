package signature

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// server accepts some forms, and notes what it was asked in.
type server struct {
	accepts []Form
	tried   []Form
	other   Answer // to what it does not accept
}

func (s *server) send(f Form) Answer {
	s.tried = append(s.tried, f)
	if slices.Contains(s.accepts, f) {
		return Accepted
	}
	return s.other
}

func TestKnock(t *testing.T) {
	now := time.Now()
	p := NewPreferences(func() time.Time { return now })
	f := func(what string, s *server, withQuery bool, want ...Form) {
		t.Helper()
		s.tried = nil
		forms := FormsGet
		if withQuery {
			forms = FormsQuery
		}
		p.Knock("a.example", forms, s.send)
		if !slices.Equal(s.tried, want) {
			t.Errorf("%s: tried %v, want %v", what, s.tried, want)
		}
	}
	cavage := &server{accepts: []Form{FormCavage}, other: Refused}
	message := &server{accepts: []Form{FormMessage}, other: Refused}
	bare := &server{accepts: []Form{FormBare}, other: Refused}
	nobody := &server{other: Refused}

	f("speaks cavage", cavage, false, FormCavage)
	f("cannot be reached", &server{other: Unclear}, false, FormCavage)
	f("speaks RFC 9421", message, false, FormCavage, FormMessage)
	f("remembered", message, false, FormMessage)
	f("back again", cavage, false, FormMessage, FormCavage)
	f("remembered", cavage, false, FormCavage)
	f("reads no query", bare, true, FormCavage, FormMessage, FormBare)
	f("remembered", bare, true, FormBare)
	f("no query", cavage, false, FormCavage)
	f("blocks us", nobody, true, FormBare, FormCavage, FormMessage)
	f("remembered", nobody, true, FormCavage)
	f("asks", &server{accepts: []Form{FormMessage}, other: Asked}, false, FormCavage, FormMessage)
	now = now.Add(preferredFor)
	f("forgotten", message, false, FormCavage, FormMessage)
	p.hosts.Purge()
	f("blocks us without a query", nobody, false, FormCavage, FormMessage)
	now = now.Add(refusedFor)
	f("asked again after an hour", nobody, false, FormCavage, FormMessage)
	p.hosts.Purge()
	f("answers 400 to what it does not know", &server{other: Refused, accepts: nil}, false, FormCavage, FormMessage)
	for i := range 2 * maxPreferences {
		p.Knock(fmt.Sprint(i), FormsGet, message.send)
	}
	if n := p.hosts.Len(); n != maxPreferences {
		t.Errorf("%d hosts remembered", n)
	}
}

// A server that is away when it is asked a second time is asked so again soon, but
// not each time: it may be one that answers 400 to what it does not know.
func TestKnockUnclear(t *testing.T) {
	now := time.Now()
	p := NewPreferences(func() time.Time { return now })
	for _, want := range []int{2, 1, 2} {
		n := 0
		p.Knock("a.example", FormsGet, func(f Form) Answer {
			n++
			if f == FormCavage {
				return Refused
			}
			return Unclear
		})
		if n != want {
			t.Errorf("tried %d times, want %d", n, want)
		}
		if n == 1 {
			now = now.Add(unclearFor)
		}
	}
}

// Who refuses a signature that is shared gets one of its own at once, and from then on.
func TestKnockShared(t *testing.T) {
	refused := map[Form]Answer{FormShared: Refused, FormMessage: Refused}
	for _, c := range []struct {
		what    string
		answers map[Form]Answer // Accepted where it says nothing
		tried   []Form
		then    []Form // the next time
	}{
		{"takes it", nil, []Form{FormShared}, []Form{FormShared}},
		{"is away", map[Form]Answer{FormShared: Unclear}, []Form{FormShared}, []Form{FormShared}},
		{"wants its name", refused, []Form{FormShared, FormCavage}, []Form{FormCavage}},
		{"says 400 where its name is missing", map[Form]Answer{FormShared: Doubted}, []Form{FormShared, FormCavage}, []Form{FormCavage}},
		{"says 400 to the document", map[Form]Answer{FormShared: Doubted, FormCavage: Doubted}, []Form{FormShared, FormCavage}, []Form{FormShared, FormCavage}},
		{"goes away meanwhile", map[Form]Answer{FormShared: Refused, FormCavage: Unclear, FormMessage: Unclear}, FormsPublic, []Form{FormCavage}},
		{"reads RFC 9421 alone", map[Form]Answer{FormShared: Refused, FormCavage: Refused}, FormsPublic, []Form{FormMessage}},
		{"blocks us", map[Form]Answer{FormShared: Refused, FormCavage: Refused, FormMessage: Refused}, FormsPublic, []Form{FormCavage}},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := NewPreferences(nil)
			for i, want := range [][]Form{c.tried, c.then} {
				var tried []Form
				p.Knock("a.example", FormsPublic, func(f Form) Answer {
					tried = append(tried, f)
					return c.answers[f]
				})
				if !slices.Equal(tried, want) {
					t.Errorf("time %d: tried %v, want %v", i, tried, want)
				}
			}
		})
	}
	// What is known of a host holds for what is never shared, too.
	p := NewPreferences(nil)
	p.Knock("a.example", FormsPublic, func(f Form) Answer { return refused[f] })
	if form, ok := p.Known("a.example"); form != FormCavage || !ok {
		t.Errorf("%v, %v", form, ok)
	}
	p.Knock("a.example", FormsPost, func(f Form) Answer {
		if f != FormCavage {
			t.Errorf("tried %v", f)
		}
		return Accepted
	})
	if _, ok := p.Known("b.example"); ok {
		t.Error("known without a reason")
	}
}

func TestAnswerOf(t *testing.T) {
	for status, want := range map[int]Answer{
		200: Accepted, 202: Accepted, 404: Accepted, 410: Accepted, 422: Accepted, 429: Accepted,
		401: Refused, 403: Refused, 400: Doubted, 500: Unclear, 503: Unclear,
	} {
		if got := AnswerOf(status, http.Header{}); got != want {
			t.Errorf("%d: %d, want %d", status, got, want)
		}
	}
	for value, want := range map[string]Answer{
		`sig1=("@method" "@target-uri" "content-digest");created;keyid`: Asked,
		`sig1=("@method");alg="rsa-v1_5-sha256"`:                        Asked,
		`a=("@status"), b=("@method")`:                                  Asked,
		`sig1=("@method" "@query-param";name="x")`:                      Refused,
		`sig1=("@method");alg="ed25519"`:                                Refused,
		`sig1=("@method");nonce="x"`:                                    Refused,
		`sig1="@method"`:                                                Refused,
		`(`:                                                             Refused,
	} {
		if got := AnswerOf(401, http.Header{"Accept-Signature": {value}}); got != want {
			t.Errorf("%s: %d, want %d", value, got, want)
		}
	}
}
