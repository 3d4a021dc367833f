package remote

import (
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"
)

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestGateBounds(t *testing.T) {
	clock := &clock{}
	cfg := Config{MaxFetches: 20, MaxFetchesPerHost: 4, MaxFetchesPerSite: 6}.withDefaults()
	g := newGate(cfg, clock.now)
	var leaves []func(fault)
	enter := func(host string, why purpose) error {
		leave, err := g.enter(mustURL(t, "https://"+host+"/"), why)
		if err == nil {
			leaves = append(leaves, leave)
		}
		return err
	}
	f := func(host string, why purpose, want error) {
		t.Helper()
		if err := enter(host, why); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", host, err, want)
		}
	}
	f("a.example.com", forObject, nil)
	f("a.example.com", forObject, nil)
	f("a.example.com", forObject, errBusy) // the rest is for actors
	f("a.example.com", forActor, nil)
	f("a.example.com", forActor, nil)
	f("a.example.com", forActor, errBusy)
	f("b.example.com", forActor, nil)
	f("c.example.com", forActor, nil)
	f("d.example.com", forActor, errBusy) // the site
	f("d.example.org", forActor, nil)
	for i := range 13 {
		f(fmt.Sprintf("127.0.0.1:%d", 1000+i), forActor, nil) // no site
	}
	f("e.example.net", forActor, errBusy) // all
	for _, leave := range leaves {
		leave(noFault)
	}
	if len(g.hosts) != 0 || len(g.sites) != 0 || g.fetches != 0 {
		t.Errorf("left over: %d hosts, %d sites, %d fetches", len(g.hosts), len(g.sites), g.fetches)
	}
}

func TestGateBackoff(t *testing.T) {
	clock := &clock{}
	g := newGate(Config{}.withDefaults(), clock.now)
	u := mustURL(t, "https://a.example/")
	try := func(f fault) error {
		leave, err := g.enter(u, forActor)
		if err == nil {
			leave(f)
		}
		return err
	}
	rest := func() time.Duration {
		if h := g.hosts[u.Host]; h != nil {
			return max(0, h.until.Sub(clock.now())).Round(time.Second)
		}
		return 0
	}
	// Slow answers count from the third on.
	for i, want := range []time.Duration{0, 0, time.Second, 2 * time.Second, 4 * time.Second} {
		clock.forward(rest() + time.Second)
		if err := try(slow); err != nil || rest() != want {
			t.Errorf("slow answer %d: rest %s, %v", i, rest(), err)
		}
	}
	if err := try(noFault); !errors.Is(err, ErrTemporary) || errors.Is(err, errBusy) {
		t.Errorf("while resting: %v", err)
	}
	clock.forward(time.Minute)
	if err := try(noFault); err != nil || len(g.hosts) != 0 {
		t.Errorf("an answer is not forgiven: %v, %d hosts", err, len(g.hosts))
	}
	// No connection counts at once.
	for i, want := range []time.Duration{time.Second, 8 * time.Second, backoffMax, backoffMax} {
		clock.forward(rest() + time.Second)
		if err := try(unreachable); err != nil || rest() != want {
			t.Errorf("unreachable %d: rest %s, %v", i, rest(), err)
		}
	}
	if _, _, resting := g.counts(); resting != 1 {
		t.Errorf("%d hosts rest", resting)
	}
	// What began before the host answered says nothing.
	clock.forward(2 * backoffMax)
	late, err := g.enter(u, forActor)
	if err != nil {
		t.Fatal(err)
	}
	clock.forward(time.Second)
	hold, err := g.enter(u, forActor)
	if err != nil {
		t.Fatal(err)
	}
	if err := try(noFault); err != nil {
		t.Fatal(err)
	}
	late(unreachable)
	if rest() != 0 {
		t.Error("an old failure counts after a new answer")
	}
	hold(unknown)
}

// TestGateForgets: hosts that do not answer are bounded in number.
func TestGateForgets(t *testing.T) {
	g := newGate(Config{}.withDefaults(), time.Now)
	for i := range 3 * maxHosts {
		leave, err := g.enter(mustURL(t, fmt.Sprintf("https://h%d.example/", i)), forActor)
		if err != nil {
			t.Fatal(err)
		}
		leave(unreachable)
	}
	if len(g.hosts) > maxHosts {
		t.Errorf("%d hosts", len(g.hosts))
	}
}

func TestSiteOf(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.b.example.com/":   "example.com",
		"https://example.co.uk/":     "example.co.uk",
		"https://x.y.example.co.uk/": "example.co.uk",
		"https://10.0.0.1/":          "10.0.0.1",
		"https://10.0.0.1:8443/":     "10.0.0.1:8443",
		"https://[2a00::1]:8443/":    "[2a00::1]:8443",
		"http://localhost:3000/":     "localhost:3000",
		"https://me.github.io/":      "me.github.io",
	} {
		if got := siteOf(mustURL(t, in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
