package signature

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/dunglas/httpsfv"
)

// Form is a way to sign a request. Servers differ in what they accept, and say
// no by 401 or 403 only; who sends tries one after the other (ingest/remote).
type Form uint8

// The forms, in the order in which they are worth trying.
const (
	FormCavage  Form = iota // draft-cavage, which everybody speaks
	FormMessage             // RFC 9421
	FormBare                // draft-cavage with a target without its query, as Fedify reads it; a URL without one has no such form
	FormShared              // draft-cavage without the host: see Shared
	Forms                   // how many there are
)

// What is tried with a host in turn, the usual first.
var (
	FormsGet    = []Form{FormCavage, FormMessage}
	FormsQuery  = []Form{FormCavage, FormMessage, FormBare} // of a GET whose URL has a query
	FormsPost   = []Form{FormCavage, FormMessage}
	FormsPublic = []Form{FormShared, FormCavage, FormMessage} // of what may be sent in FormShared
)

// String names the form for logs.
func (f Form) String() string {
	switch f {
	case FormCavage:
		return "cavage"
	case FormMessage:
		return "rfc9421"
	case FormBare:
		return "cavage without query"
	case FormShared:
		return "cavage without host"
	}
	return "unknown"
}

// label of our signatures.
const messageLabel = "sig1"

// What we cover under RFC 9421.
var (
	messagePost = []string{"@method", "@target-uri", "content-type", "content-digest"}
	messageGet  = []string{"@method", "@target-uri"}
)

// SignAs signs a request in a form: like SignPost when there is a digest, else
// like SignGet. A request may be signed again in another form; nothing of the
// first is left.
func (s *Signer) SignAs(ctx context.Context, r *http.Request, digest string, form Form) error {
	for _, name := range []string{"Signature", "Signature-Input", "Content-Digest", "Digest", "Date"} {
		delete(r.Header, name)
	}
	switch {
	case form == FormMessage:
		return s.signMessage(ctx, r, digest)
	case form == FormShared:
		shared, err := s.SignShared(ctx, r.URL, digest)
		if err == nil {
			shared.Set(r.Header)
		}
		return err
	case digest != "":
		return s.SignPost(ctx, r, digest)
	case form == FormBare:
		return s.signBare(ctx, r)
	}
	return s.SignGet(ctx, r)
}

// SignBy is SignAs in the name of another of our actors, whose key is the same and has the
// id keyID there: "", or the signer's own id, is SignAs.
func (s *Signer) SignBy(ctx context.Context, keyID string, r *http.Request, digest string, form Form) error {
	if keyID == "" || keyID == s.keyID {
		return s.SignAs(ctx, r, digest, form)
	}
	return (&Signer{keyID, s.signing}).SignAs(ctx, r, digest, form)
}

// signBare signs a GET as if its URL had no query.
func (s *Signer) signBare(ctx context.Context, r *http.Request) error {
	bare := *r.URL
	bare.RawQuery = ""
	short := *r // shares the header, which is signed
	short.URL = &bare
	return s.SignGet(ctx, &short)
}

// signMessage sets Signature-Input and Signature (RFC 9421), and Content-Digest
// (RFC 9530) if there is a digest. Date is sent and not signed: created says it.
func (s *Signer) signMessage(ctx context.Context, r *http.Request, digest string) error {
	if r.URL.Scheme == "" || hostOf(r) == "" {
		return errors.New("signature: signing: the URL is not absolute")
	}
	components := messageGet
	if digest != "" {
		components = messagePost
		r.Header["Content-Digest"] = []string{ContentDigest(digest)}
		if len(r.Header["Content-Type"]) == 0 {
			r.Header["Content-Type"] = []string{activityType}
		}
	}
	var params string
	value, err := s.rsa(ctx, func(now time.Time) (_ string, err error) {
		if params, err = httpsfv.Marshal(s.messageInput(components, now)); err != nil {
			return "", fmt.Errorf("signature: signing: %w", err) // a keyId that is not ASCII
		}
		r.Header["Date"] = []string{now.UTC().Format(http.TimeFormat)}
		covered := Signature{headers: components, message: &message{params: params}}
		return covered.base(r, r.URL.Scheme), nil
	})
	if err != nil {
		return err
	}
	text, err := httpsfv.Marshal(httpsfv.NewItem(value))
	if err != nil {
		return fmt.Errorf("signature: signing: %w", err)
	}
	r.Header["Signature-Input"] = []string{messageLabel + "=" + params}
	r.Header["Signature"] = []string{messageLabel + "=" + text}
	return nil
}

func (s *Signer) messageInput(components []string, now time.Time) httpsfv.InnerList {
	list := httpsfv.InnerList{Params: httpsfv.NewParams()}
	for _, name := range components {
		list.Items = append(list.Items, httpsfv.NewItem(name))
	}
	list.Params.Add("created", now.Unix())
	list.Params.Add("keyid", s.keyID)
	list.Params.Add("alg", algorithmRSA)
	return list
}
