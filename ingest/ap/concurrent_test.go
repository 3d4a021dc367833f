package ap

import (
	"sync"
	"testing"
)

// TestConcurrentParsing has something to say under the race detector: parsed
// documents share pooled memory and the policy.
func TestConcurrentParsing(t *testing.T) {
	names := []string{"mastodon-create", "misskey-actor", "peertube-create", "lemmy-announce"}
	var wg sync.WaitGroup
	for i := range 8 {
		name := names[i%len(names)]
		raw := document1(t, name)
		wg.Go(func() {
			var want string
			for range 20 {
				a, err := ParseActivity(raw)
				if err != nil {
					t.Error(err)
					return
				}
				got := asJSON(t, a)
				if want == "" {
					want = got
				}
				if got != want {
					t.Errorf("%s differs", name)
				}
			}
		})
	}
	wg.Wait()
}
