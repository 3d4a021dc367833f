package simulator

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// FeedConfig says what a feed is made of. The zero value is usable.
type FeedConfig struct {
	Seed     uint64
	Servers  int       // 50 when 0
	Accounts int       // on each, at least 2; 20 when 0
	Mix      []Part    // DefaultMix when empty
	Start    time.Time // of its clock; 2026-01-01 when zero
	Habits   Habits    // DefaultHabits when zero
	Rate     float64   // activities a second of its clock; a million a day when 0
}

// Feed is a fediverse without sockets and keys, on a clock of its own that runs as fast as it
// is read: the activities of a day in a few seconds, for benchmarks and for what needs
// millions of documents. Same configuration: same bytes. It is not safe for concurrent use.
type Feed struct {
	script  *script
	sites   []*site
	pending []Step
	now     time.Time
	step    time.Duration
}

// feedKeeps is how many posts a server of a feed remembers.
const feedKeeps = 256

// NewFeed returns a feed at its start.
func NewFeed(cfg FeedConfig) *Feed {
	if cfg.Servers == 0 {
		cfg.Servers = 50
	}
	if cfg.Accounts == 0 {
		cfg.Accounts = 20
	}
	cfg.Accounts = max(cfg.Accounts, steady)
	if len(cfg.Mix) == 0 {
		cfg.Mix = DefaultMix()
	}
	if cfg.Start.IsZero() {
		cfg.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if cfg.Rate == 0 {
		cfg.Rate = 1e6 / 86_400
	}
	f := &Feed{now: cfg.Start, step: time.Duration(float64(time.Second) / cfg.Rate)}
	rng := rand.New(rand.NewPCG(cfg.Seed, populationStream))
	f.script = &script{rng: rand.New(rand.NewPCG(cfg.Seed, trafficStream)), habits: Traffic{Habits: cfg.Habits}.habits(), with: func(i int, do func(*site)) { do(f.sites[i]) }}
	for i := range cfg.Servers {
		software := softwareOf(pick(rng, cfg.Mix))
		s := newSite(fmt.Sprintf("http://%s%d.example", software.name, i), software, rand.New(rand.NewPCG(cfg.Seed, uint64(i))), f.Now, nil)
		s.keep = feedKeeps
		s.settle(people(rng, cfg.Accounts))
		f.sites = append(f.sites, s)
		f.script.cast = append(f.script.cast, castOf(s, Good))
	}
	return f
}

// Now is the feed's clock: when the last activity was written.
func (f *Feed) Now() time.Time { return f.now }

// Next is the next activity. Its servers are honest; what is sent more than once comes once.
func (f *Feed) Next() Activity {
	for len(f.pending) == 0 {
		f.now = f.now.Add(f.step)
		f.pending = f.script.next()
	}
	a := f.pending[0].Activity
	f.pending = f.pending[1:]
	return a
}

// Documents calls each with every actor of the feed and its document, which has no key.
func (f *Feed) Documents(each func(uri string, document []byte)) {
	for _, s := range f.sites {
		for _, name := range slices.Sorted(maps.Keys(s.accounts)) {
			a := s.accounts[name]
			each(a.uri, a.document(Honest))
		}
	}
}

// castOf is what a script knows of a server at its beginning.
func castOf(s *site, nature Nature) *cast {
	c := &cast{nature: nature}
	for _, name := range slices.Sorted(maps.Keys(s.accounts)) {
		if name != Instance && !s.paths[s.accounts[name].path].gone {
			c.names = append(c.names, name)
		}
	}
	return c
}
