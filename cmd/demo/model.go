package main

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"tributary/relay/admin"
)

// What the model keeps.
const (
	historyMax = 60                     // seconds of each rate
	rateOver   = 5                      // seconds that a rate is the mean of
	postsMax   = 120                    // posts, more than any screen has rows
	paceMin    = 700 * time.Millisecond // between two posts that are shown: to read them
	delaysMax  = 101                    // of which the middle one is told
	halvesMax  = 5_000                  // posts of which one half of the delay is known
)

// model is what was learned so far; view is what is to be shown of it.
type model struct {
	mu      sync.Mutex // guards what follows
	started time.Time
	view    view
	before  metrics // of the last sample
	sampled time.Time
	counted map[string]float64 // totals, over restarts of the relay
	natures map[string]*resident

	waiting *post // the newest one that is not shown yet
	shownAt time.Time
	sent    map[string]time.Time // when a post set out, by URI
	seen    map[string]time.Time // when its frame came
	delays  []time.Duration
}

// resident is what the demo itself knows of a server that it simulates.
type resident struct{ software, nature string }

// The flows, in their order.
const (
	flowIn = iota
	flowDelivered
	flowStreamed
	flowIndexed
	flows
)

const deliveries = "tributary_delivery_deliveries_total"

// results are how a delivery ends: as the metric calls it, and as it is shown.
var results = []struct {
	label, name string
	style       style
}{
	{"ok", "ok", good},
	{"given_up", "given up", bad},
	{"retry_status", "put off", warn},
	{"retry_network", "unreachable", warn},
	{"timeout", "timed out", warn},
}

func newModel(seed uint64, now time.Time) *model {
	m := &model{started: now, counted: map[string]float64{}, natures: map[string]*resident{}, sent: map[string]time.Time{}, seen: map[string]time.Time{}}
	m.view = view{seed: seed, held: -1, flows: make([]flow, flows), phase: "starting the relay"}
	for i, name := range []string{"posts in", "deliveries", "streamed", "indexed"} {
		m.view.flows[i].name = name
	}
	return m
}

// change sets what is told by others than the relay.
func (m *model) change(f func(v *view)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.view)
}

// sample takes the relay's metrics.
func (m *model) sample(now time.Time, s metrics) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := &m.view
	since := now.Sub(m.sampled).Seconds()
	m.advance(v, flowIn, m.grown(s, "tributary_ingest_admitted_total", `outcome="accepted"`), since)
	m.advance(v, flowDelivered, m.grown(s, deliveries, `result="ok",via="lane"`), since)
	m.advance(v, flowStreamed, m.grown(s, "tributary_stream_frames_total", ""), since)
	m.advance(v, flowIndexed, m.grown(s, "tributary_index_records_total", ""), since)
	m.grown(s, "tributary_ingest_refused_total", "")
	v.refused = m.counted["tributary_ingest_refused_total"]
	v.results = v.results[:0]
	for _, r := range results {
		labels := `result="` + r.label + `"`
		m.grown(s, deliveries, labels)
		v.results = append(v.results, tally{name: r.name, n: m.counted[deliveries+labels], style: r.style})
	}
	if n := s.sum("tributary_child_restarts_total", ""); n > 0 { // somebody killed the broker, to see what happens
		v.results = append(v.results, tally{name: "children restarted", n: n, style: warn})
	}
	v.lanes = lanes{
		live:       int(s.sum("tributary_delivery_lanes", `state="live"`)),
		catchingUp: int(s.sum("tributary_delivery_lanes", `state="catching_up"`)),
		failing:    int(s.sum("tributary_delivery_lanes", `state="failing"`)),
		median:     s.sum("tributary_delivery_lag_records", `quantile="0.5"`),
		last:       s.sum("tributary_delivery_lag_records", `quantile="1"`),
		breakers:   int(s.sum("tributary_delivery_breakers_open", "")),
	}
	v.index.lag = s.sum("tributary_index_lag_records", "")
	v.relay.rss = s.sum("process_resident_memory_bytes", "")
	if cpu := s.sum("process_cpu_seconds_total", ""); m.before != nil && since > 0 {
		v.relay.cpu = max(0, cpu-m.before.sum("process_cpu_seconds_total", "")) / since
	}
	m.before, m.sampled = s, now
}

// grown is by how much a counter grew since the last sample; a relay that was started
// again counts from zero.
func (m *model) grown(s metrics, name, labels string) float64 {
	n := s.sum(name, labels)
	if m.before != nil {
		if old := m.before.sum(name, labels); old <= n {
			n -= old
		}
	}
	m.counted[name+labels] += n
	return n
}

// advance adds a second to a flow.
func (m *model) advance(v *view, which int, grown, since float64) {
	f := &v.flows[which]
	f.total += grown
	if m.before == nil || since <= 0 {
		return
	}
	f.history = append(f.history, grown/since)
	f.history = f.history[max(0, len(f.history)-historyMax-rateOver):]
	newest := f.history[max(0, len(f.history)-rateOver):]
	sum := 0.0
	for _, r := range newest {
		sum += r
	}
	f.rate = sum / float64(len(newest))
}

// smooth is the history as it is drawn: what is stored in batches (the index) or by
// chance (posts) would flicker.
func smooth(history []float64) []float64 {
	const over = 3
	out := make([]float64, 0, len(history))
	for i := range history {
		sum, n := 0.0, 0
		for _, v := range history[max(0, i-over+1) : i+1] {
			sum, n = sum+v, n+1
		}
		out = append(out, sum/float64(n))
	}
	return out
}

// subscribers takes what the operator's socket tells.
func (m *model) subscribers(list []admin.Subscriber) {
	m.mu.Lock()
	defer m.mu.Unlock()
	servers := make([]server, 0, len(list))
	for _, s := range list {
		one := server{host: printable(s.Host)}
		if l := s.Lane; l != nil {
			one.state, one.lag, one.delivered, one.givenUp, one.next = l.State, l.Lag, l.Delivered, l.GivenUp, l.NextTry
			if l.LastFailure.After(l.LastSuccess) || l.State == "failing" {
				one.trouble = brief(printable(l.LastError))
			}
		}
		if r := m.natures[s.Host]; r != nil {
			one.software, one.nature = r.software, r.nature
		}
		servers = append(servers, one)
	}
	order := map[string]int{"failing": 0, "catching_up": 1}
	slices.SortFunc(servers, func(a, b server) int {
		rank := func(s server) int {
			if n, ok := order[s.state]; ok {
				return n
			}
			return len(order)
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.lag, a.lag), cmp.Compare(a.host, b.host))
	})
	m.view.servers = servers
}

// brief leaves out of a Go error what its row says already: who was called.
func brief(trouble string) string {
	if i := strings.LastIndex(trouble, ": connect: "); i >= 0 {
		return trouble[i+len(": connect: "):]
	}
	return trouble
}

// settle takes who lives in the world.
func (m *model) settle(w *world) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.natures, m.view.world = w.residents(), w.census()
}

// sentOut notes when a post set out; seen, when its frame came. Either may be first.
func (m *model) sentOut(uri string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.meet(uri, at, m.seen, m.sent, func(other time.Time) time.Duration { return other.Sub(at) })
}

// meet looks for the other half of a measurement, or keeps this one for it.
func (m *model) meet(uri string, at time.Time, others, own map[string]time.Time, took func(time.Time) time.Duration) {
	if other, ok := others[uri]; ok {
		delete(others, uri)
		m.took(took(other))
		return
	}
	if len(own) >= halvesMax { // of posts that are shown to nobody, or were not ours
		clear(own)
	}
	own[uri] = at
}

// frame takes what the firehose told.
func (m *model) frame(f frame, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch f.Kind {
	case "create":
		m.meet(f.URI, now, m.sent, m.seen, now.Sub)
		if m.waiting != nil {
			m.view.skipped++
		}
		p := f.shown()
		m.waiting = &p
		if m.view.held >= 0 {
			m.view.held++
		}
	case "update":
		m.replace(func(p *post) bool { return p.uri == f.URI }, func(p *post) { n := f.shown(); p.text, p.tags, p.fate = n.text, n.tags, "edited" })
	case "delete":
		m.replace(f.takes, func(p *post) { p.erase("deleted by its author") })
	case "withdraw":
		m.replace(f.takes, func(p *post) { p.erase("withdrawn") })
	}
}

// takes reports whether the frame takes a post away.
func (f frame) takes(p *post) bool {
	switch f.Scope {
	case "actor":
		return p.actor == f.Actor
	case "domain":
		return p.domain == f.Domain
	}
	return p.uri == f.URI
}

func (p *post) erase(fate string) { p.text, p.tags, p.fate, p.erased = "", nil, fate, true }

func (m *model) took(d time.Duration) {
	m.delays = append(m.delays, d)
	m.delays = m.delays[max(0, len(m.delays)-delaysMax):]
	sorted := slices.Sorted(slices.Values(m.delays))
	m.view.delay = sorted[len(sorted)/2]
}

// replace changes the posts that are shown, or about to be.
func (m *model) replace(which func(*post) bool, f func(*post)) {
	if m.waiting != nil && which(m.waiting) {
		f(m.waiting)
	}
	for i := range m.view.posts {
		if which(&m.view.posts[i]) {
			f(&m.view.posts[i])
		}
	}
}

// hold stops the list of posts, or lets it go on.
func (m *model) hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.view.held >= 0 {
		m.view.held = -1
	} else {
		m.view.held = 0
	}
}

// look is what is to be shown now.
func (m *model) look(now time.Time) view {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.waiting != nil && m.view.held < 0 && now.Sub(m.shownAt) >= paceMin {
		m.view.posts = slices.Insert(m.view.posts, 0, *m.waiting)
		m.view.posts = m.view.posts[:min(len(m.view.posts), postsMax)]
		m.waiting, m.shownAt = nil, now
	}
	v := m.view
	v.elapsed = now.Sub(m.started)
	v.flows = slices.Clone(v.flows)
	for i := range v.flows {
		v.flows[i].history = smooth(v.flows[i].history)
	}
	if v.index.off {
		v.flows[flowIndexed].off = "off: the index has no library"
	}
	v.results = slices.Clone(v.results)
	v.world.natures = slices.Clone(v.world.natures)
	v.posts, v.servers = slices.Clone(v.posts), slices.Clone(v.servers)
	return v
}
