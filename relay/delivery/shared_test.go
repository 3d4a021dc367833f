package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tributary/ingest/signature"
)

// realSigner signs for tests that want a real one.
var realSigner = sync.OnceValue(func() *signature.Signer {
	key, err := signature.GenerateKey()
	if err != nil {
		panic(err)
	}
	return signature.NewSigner(testActor+"#main-key", key, 0)
})

// countingSigner counts RSA operations by form.
type countingSigner struct {
	*signature.Signer
	own, shared atomic.Int64
}

func (c *countingSigner) SignBy(ctx context.Context, keyID string, r *http.Request, digest string, form signature.Form) error {
	c.own.Add(1)
	return c.Signer.SignBy(ctx, keyID, r, digest, form)
}

func (c *countingSigner) SignShared(ctx context.Context, to *url.URL, digest string) (signature.Shared, error) {
	c.shared.Add(1)
	return c.Signer.SignShared(ctx, to, digest)
}

// A hundred that need a signature at once make one, and another when it is old.
func TestSharesMakeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, made := newShares(), 0
		get := func(ctx context.Context, key shareKey, sign func() error) error {
			_, err := s.get(ctx, key, func(context.Context) (signature.Shared, error) {
				made++
				time.Sleep(time.Millisecond)
				return signature.Shared{}, sign()
			})
			return err
		}
		good := func() error { return nil }
		key := shareKey{"SHA-256=x", "/inbox"}
		for range 100 {
			go func() {
				if err := get(t.Context(), key, good); err != nil {
					t.Error(err)
				}
			}()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for _, c := range []struct {
			what  string
			after time.Duration
			key   shareKey
			want  int // made in all
		}{
			{"all at once", 0, key, 1},
			{"another path", 0, shareKey{"SHA-256=x", "/inbox2"}, 2},
			{"another body", 0, shareKey{"SHA-256=y", "/inbox"}, 3},
			{"a little later", sharedFor - 3*time.Second, key, 3},
			{"too late", 3 * time.Second, key, 4},
		} {
			time.Sleep(c.after)
			if err := get(t.Context(), c.key, good); err != nil || made != c.want {
				t.Errorf("%s: %d made, want %d; %v", c.what, made, c.want, err)
			}
		}

		// Who waits for one that ends goes on alone.
		made = 0
		broken := errors.New("ended")
		results := make(chan error, 2)
		go func() { results <- get(t.Context(), shareKey{"z", "/"}, func() error { return broken }) }()
		synctest.Wait()
		go func() { results <- get(t.Context(), shareKey{"z", "/"}, good) }()
		if first, second := <-results, <-results; !errors.Is(first, broken) || second != nil || made != 2 {
			t.Errorf("%v, %v, %d made", first, second, made)
		}
		ended, cancel := context.WithCancel(t.Context())
		go func() { results <- get(t.Context(), shareKey{"w", "/"}, good) }()
		synctest.Wait()
		cancel()
		if err := get(ended, shareKey{"w", "/"}, good); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		<-results
		for i := range 2 * sharedMax {
			_ = get(t.Context(), shareKey{fmt.Sprint(i), "/"}, good)
		}
		if n := s.made.Len(); n != sharedMax {
			t.Errorf("%d are kept", n)
		}
	})
}

// inboxes are servers that note the headers that are signed, and refuse what
// refuse says.
func inboxes(t *testing.T, n int, refuse func(i int, signed string) int) (urls []string, signed func(i int) []string) {
	var mu sync.Mutex
	got := make([][]string, n)
	for i := range n {
		server, _ := sink(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, after, _ := strings.Cut(r.Header.Get("Signature"), `headers="`)
			names, _, _ := strings.Cut(after, `"`)
			if len(r.Header["Signature-Input"]) > 0 {
				names = "rfc9421"
			}
			mu.Lock()
			got[i] = append(got[i], names)
			mu.Unlock()
			w.WriteHeader(refuse(i, names))
		})
		urls = append(urls, server.URL+"/inbox")
	}
	return urls, func(i int) []string {
		mu.Lock()
		defer mu.Unlock()
		taken := got[i]
		got[i] = nil
		return taken
	}
}

const (
	ownNames    = "(request-target) host date digest content-type"
	sharedNames = "(request-target) date digest"
)

// One RSA operation for three servers; one of their own for those that want to be
// named, at once and from then on.
func TestSendShared(t *testing.T) {
	signer := &countingSigner{Signer: realSigner()}
	urls, signed := inboxes(t, 5, func(i int, names string) int {
		switch {
		case names != sharedNames || i < 3:
			return http.StatusAccepted
		case i == 3:
			return http.StatusUnauthorized
		}
		return http.StatusBadRequest
	})
	s := newSender(t, signer, 30*time.Second)
	send := func(i int, public bool) answer {
		l := letterTo(t, urls[i])
		l.public, l.target = public, "/inbox"
		return s.send(t.Context(), l)
	}
	for round := range 2 {
		for i := range urls {
			want := []string{sharedNames}
			if i >= 3 {
				if want = append(want, ownNames); round == 1 {
					want = want[1:]
				}
			}
			if a, got := send(i, true), signed(i); a.verdict != settled || !slices.Equal(got, want) {
				t.Errorf("round %d, server %d: %+v, signed %q", round, i, a, got)
			}
		}
	}
	if shared, own := signer.shared.Load(), signer.own.Load(); shared != 1 || own != 4 {
		t.Errorf("%d shared and %d own signatures were made", shared, own)
	}
	// What goes to one inbox alone names it.
	if a, got := send(0, false), signed(0); a.verdict != settled || !slices.Equal(got, []string{ownNames}) {
		t.Errorf("%+v, signed %q", a, got)
	}
}

// An answer to the server's own signature counts, not the one to the shared one.
func TestSendSharedAnswers(t *testing.T) {
	for _, c := range []struct {
		shared, own int
		want        verdict
		status      int
		forms       int
	}{
		{401, 400, judgedRecord, 400, 3},
		{400, 400, judgedRecord, 400, 2},
		{401, 503, judgedServer, 503, 3},
		{403, 403, judgedServer, 403, 3},
		{500, 202, judgedServer, 500, 1},
		{422, 202, judgedRecord, 422, 1},
	} {
		urls, signed := inboxes(t, 1, func(_ int, names string) int {
			switch names {
			case sharedNames:
				return c.shared
			case ownNames:
				return c.own
			}
			return http.StatusUnauthorized
		})
		l := letterTo(t, urls[0])
		l.public, l.target = true, "/inbox"
		a := newSender(t, realSigner(), 30*time.Second).send(t.Context(), l)
		if forms := signed(0); a.verdict != c.want || a.status != c.status || len(forms) != c.forms {
			t.Errorf("%+v: %+v, signed %q", c, a, forms)
		}
	}
}

// Who shares, as the operator sees it.
func TestLanesShare(t *testing.T) {
	urls := []string{"https://a.example/inbox", "https://b.example/inbox", "https://c.example/inbox", "https://d.example/users/d/inbox", "https://e.example/users/e/inbox", "https://f.example/users/f/inbox"}
	takes := Signing{Shared: true, Why: "mastodon 4.5.0"}
	anywhere := Signing{Shared: true, Anywhere: true, Why: "gotosocial 0.20"}
	all := map[string]Signing{urls[0]: takes, urls[1]: takes, urls[2]: {Why: "misskey"}, urls[3]: takes, urls[4]: anywhere, urls[5]: anywhere}
	for _, c := range []struct {
		what string
		full bool
		want map[string]string
	}{
		{"auto", false, map[string]string{"a.example": "shared: mastodon 4.5.0", "b.example": "shared: mastodon 4.5.0", "c.example": "full: misskey", "d.example": "full: " + whyAlone, "e.example": "shared: gotosocial 0.20", "f.example": "shared: gotosocial 0.20"}},
		{"off", true, map[string]string{"a.example": "full: " + whyOff, "b.example": "full: " + whyOff, "c.example": "full: misskey", "d.example": "full: " + whyOff, "e.example": "full: " + whyOff}},
	} {
		t.Run(c.what, func(t *testing.T) {
			bubble(t, urls, func(t *testing.T, r *rig) {
				r.subs.signings, r.cfg.FullSignatures = all, c.full
				r.start()
				for host, want := range c.want {
					if s := r.lane(host); s.Form+": "+s.FormWhy != want {
						t.Errorf("%s: %s: %s, want %s", host, s.Form, s.FormWhy, want)
					}
				}
				r.log.posts(3)
				r.pass(time.Minute)
				shared, full := r.metric("tributary_delivery_signed_requests_total", "shared"), r.metric("tributary_delivery_signed_requests_total", "full")
				if want := map[bool]float64{false: 12, true: 0}[c.full]; shared != want || shared+full != 18 {
					t.Errorf("%v shared, %v full", shared, full)
				}
				if c.full {
					return
				}
				for _, host := range []string{"a.example", "e.example"} {
					if got := r.web.of(host); !got[0].shared {
						t.Errorf("%s got %+v", host, got[0])
					}
				}
				r.web.behave(func(d delivered) (int, bool) {
					if d.host == "b.example" && d.shared {
						return http.StatusUnauthorized, false
					}
					return http.StatusAccepted, false
				})
				r.log.posts(1)
				r.pass(time.Minute)
				if s := r.lane("b.example"); s.Form != "full" || s.FormWhy != whyKnown || s.Lag != 0 || s.State != StateLive || s.LastError != "" {
					t.Errorf("after a refusal: %+v", s)
				}
				if n := r.metric("tributary_delivery_refused_signatures_total", "shared"); n != 1 {
					t.Errorf("%v refusals counted", n)
				}
				if s := r.lane("a.example"); s.Form != "shared" {
					t.Errorf("the others: %+v", s)
				}
				// What was sent before and not taken is signed anew.
				r.web.behave(func(d delivered) (int, bool) {
					if d.host == "a.example" && d.try == 1 {
						return http.StatusServiceUnavailable, false
					}
					return http.StatusAccepted, false
				})
				r.log.posts(1)
				r.pass(time.Minute)
				if got := r.web.of("a.example"); len(got) != 6 || !got[4].shared || got[5].shared || got[5].status != http.StatusAccepted {
					t.Errorf("after a failure: %+v", got[4:])
				}
			})
		})
	}
}
