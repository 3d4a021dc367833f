package simulator

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Softwares differ in whether a signature must name the host.
func TestSignatureWithoutHost(t *testing.T) {
	for software, want := range map[string]bool{"mastodon": true, "gotosocial": true, "hollo": true, "misskey": false, "pleroma": false} {
		from, to := siteOf(t, "activityrelay"), siteOf(t, software)
		a := from.accounts[Instance]
		body := []byte(`{}`)
		for _, host := range []bool{true, false} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://to.example/inbox", nil)
			if err != nil {
				t.Fatal(err)
			}
			way := dialect{[]string{"(request-target)", "host", "date", "digest"}, "rsa-sha256"}
			if !host {
				way.headers = []string{"(request-target)", "date", "digest"}
			}
			if err := a.signWith(way, r, body, time.Time{}); err != nil {
				t.Fatal(err)
			}
			sig, err := parseSignature(r)
			if err == nil {
				err = sig.check(to.software, r, body, clock())
			}
			if err == nil {
				err = sig.holds(r, len(body), &a.key.PublicKey)
			}
			if (err == nil) != (host || want) {
				t.Errorf("%s, host signed %v: %v", software, host, err)
			}
			if err == nil && sig.holds(spoilt(r), len(body), &a.key.PublicKey) == nil {
				t.Errorf("%s: a signature of another date holds", software)
			}
		}
	}
}

func spoilt(r *http.Request) *http.Request {
	other := r.Clone(r.Context())
	other.Header.Set("Date", strings.Replace(r.Header.Get("Date"), "GMT", "UTC", 1))
	return other
}
