package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"tributary/relay/simulator/model"
)

// town is servers of all softwares and natures, and one that takes what they send.
func town(t *testing.T, seed uint64, servers int) (*World, []*Server, *Server) {
	t.Helper()
	w := newWorld(t, seed)
	all, err := w.Populate(Population{Servers: servers, Slow: 0.1, Dead: 0.1, Lying: 0.2, Flooding: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	return w, all, newServerOf(t, w)
}

// What is wrong with a request is seen by who looks, and nothing is wrong with the others.
func TestTraffic(t *testing.T) {
	w, all, to := town(t, 1, 10)
	var mu sync.Mutex
	seen := map[string]int{}
	err := w.Run(t.Context(), Traffic{Inbox: to.Inbox(), Servers: all, Count: 300, Each: func(sent Sent) {
		mu.Lock()
		defer mu.Unlock()
		seen[string(sent.Spoil)]++
		seen[string(sent.Activity.Means.Kind)]++
		want := http.StatusAccepted
		if sent.Spoil != Sound {
			want = http.StatusUnauthorized
		}
		if sent.Activity.Means.Kind == model.Leave || sent.Response.Status == http.StatusServiceUnavailable {
			return // the key is gone
		}
		if sent.Err != nil || sent.Response.Status != want {
			t.Errorf("%s %s %s by %s: %d %s, %v; want %d", sent.Spoil, sent.Activity.Type, sent.Activity.ID, sent.Server.cfg.Name,
				sent.Response.Status, sent.Response.Body, sent.Err, want)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"Create", "Update", "Delete", "Bring", string(Stale), string(Tampered), string(Stranger)} {
		if seen[kind] == 0 {
			t.Errorf("no %s in %v", kind, seen)
		}
	}
	t.Log(seen)
}

// What happens is decided by the seed, whatever the ports and times.
func TestTrafficIsDecidedByItsSeed(t *testing.T) {
	run := func(seed uint64) (happened []string) {
		w, all, to := town(t, seed, 5)
		defer w.Close()
		one := map[string][]string{}
		var mu sync.Mutex
		if err := w.Run(t.Context(), Traffic{Inbox: to.Inbox(), Servers: all, Count: 60, Each: func(sent Sent) {
			mu.Lock()
			defer mu.Unlock()
			one[sent.Server.cfg.Name] = append(one[sent.Server.cfg.Name],
				fmt.Sprint(sent.Server.cfg.Name, sent.Spoil, sent.Activity.Type, sent.Repeated, sent.Activity.Means.Post.Mark, sent.Activity.Means.Consent))
		}}); err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			happened = append(happened, one[s.cfg.Name]...)
		}
		return happened
	}
	once, again := run(3), run(3)
	if !slices.Equal(once, again) {
		t.Errorf("one seed, two stories:\n%q\n%q", once, again)
	}
	if slices.Equal(once, run(4)) {
		t.Error("two seeds, one story")
	}
}
