package relay

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"tributary/ingest/remote"
)

func TestSigningOf(t *testing.T) {
	for _, c := range []struct {
		name, version string
		shared        bool
	}{
		{"mastodon", "4.5.0", true},
		{"mastodon", "3.5.0", true},
		{"mastodon", "v4.4.1+glitch", true},
		{"mastodon", "3.5rc1", true},
		{"mastodon", "10.0", true},
		{"mastodon", "3.4.6", false},
		{"mastodon", "2.9.3", false},
		{"mastodon", "", false},
		{"mastodon", "nightly", false},
		{"mastodon", "3", false},
		{"hometown", "1.1.1", true},
		{"gotosocial", "0.20.1+git-1a2b3c4", true},
		{"hollo", "0.6.6", true},
		{"misskey", "2026.6.0", false},
		{"sharkey", "2026.2.1", false},
		{"iceshrimp.net", "2026.1", false},
		{"akkoma", "3.15.2", false},
		{"tributary", "1.0.0", false},
		{"never heard of", "1", false},
		{"", "", false},
	} {
		if signingOf(remote.Software{Name: c.name, Version: c.version}).Anywhere != (c.name == "gotosocial") {
			t.Errorf("%s: any path", c.name)
		}
		got := signingOf(remote.Software{Name: c.name, Version: c.version})
		if got.Shared != c.shared || !strings.Contains(got.Why, c.name) || got.Why == "" {
			t.Errorf("%s %s: %+v", c.name, c.version, got)
		}
	}
}

// servers stand for what NodeInfo says, by host.
type servers struct {
	mu    sync.Mutex
	runs  map[string]remote.Software // what is not here does not answer
	asked int
}

func (s *servers) NodeInfo(_ context.Context, server string) (remote.Software, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if runs, ok := s.runs[hostOf(server)]; ok {
		return runs, nil
	}
	return remote.Software{}, errors.New("no answer")
}

// What subscribers run is asked once a week, and soon again where it failed.
func TestSurvey(t *testing.T) {
	e := newEnv(t, nil)
	first, second := newPeer(t), newPeer(t)
	e.subscribe(first.account("a", nil))
	e.subscribe(first.account("b", nil))
	e.subscribe(second.account("a", nil))
	runs := &servers{runs: map[string]remote.Software{first.host(): {Name: "mastodon", Version: "4.5.0"}}}
	now := time.Now()
	s := &survey{db: e.ingest.DB, subs: e.subscriptions, blocks: e.blocks, ask: runs, log: e.log, now: func() time.Time { return now }}
	round := func(what string, asked int, next time.Duration) {
		t.Helper()
		runs.asked = 0
		at, err := s.round(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if wait := at.Sub(now); runs.asked != asked || wait > next || wait < next/2 {
			t.Errorf("%s: %d asked, want %d; next in %v, want %v", what, runs.asked, asked, wait, next)
		}
	}
	signing := func(what string, want ...string) {
		t.Helper()
		receivers, err := e.Subscriptions().Receivers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range receivers {
			if r.Signing.Shared {
				r.Signing.Why = "shared: " + r.Signing.Why
			}
			got = append(got, r.Signing.Why)
		}
		equal(t, what, got, want...)
	}
	signing("not asked", "its software is not known", "its software is not known", "its software is not known")
	changed := e.Subscriptions().Changed()
	round("all are new", 2, surveyRetry)
	signing("one answered", "shared: mastodon 4.5.0", "shared: mastodon 4.5.0", "its software is not known")
	select {
	case <-changed:
	default:
		t.Error("the lanes were not told")
	}
	round("nobody is due", 0, surveyRetry)
	now = now.Add(surveyRetry)
	round("the second try", 1, surveyRetry)
	round("waits longer", 0, 4*surveyRetry)
	now = now.Add(4 * surveyRetry)
	runs.runs[second.host()] = remote.Software{Name: "misskey", Version: "2026.6.0"}
	round("the third", 1, surveyRetry)
	signing("both", "shared: mastodon 4.5.0", "shared: mastodon 4.5.0", "misskey 2026.6.0 wants its host signed")

	// Another node that looks at the same moment asks nobody.
	now = now.Add(2 * surveyEvery)
	for _, host := range []string{first.host(), second.host()} {
		if _, mine, err := s.claim(t.Context(), host); err != nil || !mine {
			t.Fatalf("%v, %v", mine, err)
		}
		if _, mine, err := s.claim(t.Context(), host); err != nil || mine {
			t.Errorf("claimed twice: %v", err)
		}
	}
	round("claimed by another", 0, surveyClaim)

	// A server that goes away keeps what is known of it.
	now = now.Add(surveyClaim)
	clear(runs.runs)
	round("gone", 2, surveyRetry)
	signing("still known", "shared: mastodon 4.5.0", "shared: mastodon 4.5.0", "misskey 2026.6.0 wants its host signed")

	// Who leaves is forgotten.
	if err := e.Subscriptions().Remove(t.Context(), second.URL+"/users/a"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	known, err := software(t.Context(), e.ingest.DB.Read())
	if err != nil || len(known) != 1 || known[first.host()].Name != "mastodon" {
		t.Errorf("%v, %v", known, err)
	}
}
