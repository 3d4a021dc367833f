package remote

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of the client. A nil *Metrics counts nothing.
type Metrics struct {
	fetches *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	lookups *prometheus.CounterVec
}

// Where an actor was found.
const (
	fromMemory   = "memory"
	fromTable    = "table"
	fromNetwork  = "network"
	fromStale    = "stale"    // expired, its server away
	fromNegative = "negative" // a failure that is remembered
	fromNowhere  = "failed"
)

// NewMetrics registers the metrics. A nil registerer gives nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	if reg == nil {
		return nil
	}
	m := &Metrics{
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_remote_fetches_total",
			Help: "Documents fetched from other servers, by kind and result.",
		}, []string{"kind", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tributary_remote_fetch_seconds",
			Help:    "Time that a fetch took, redirects included.",
			Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"kind"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_remote_actor_lookups_total",
			Help: "Actors and keys asked for, by where they were found.",
		}, []string{"found"}),
	}
	reg.MustRegister(m.fetches, m.seconds, m.lookups)
	return m
}

// registerGauges shows what is under way.
func registerGauges(reg prometheus.Registerer, g *gate) {
	if reg == nil {
		return
	}
	reg.MustRegister(
		gauge("tributary_remote_running_fetches", "Fetches under way.",
			func() int { n, _, _ := g.counts(); return n }),
		gauge("tributary_remote_waiting_callers", "Callers that wait for an actor.",
			func() int { _, n, _ := g.counts(); return n }),
		gauge("tributary_remote_resting_hosts", "Hosts that did not answer and are left alone for a while.",
			func() int { _, _, n := g.counts(); return n }),
	)
}

func gauge(name, help string, value func() int) prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
}

func (m *Metrics) fetched(kind string, err error, took time.Duration) {
	if m == nil {
		return
	}
	m.fetches.WithLabelValues(kind, Result(err)).Inc()
	m.seconds.WithLabelValues(kind).Observe(took.Seconds())
}

func (m *Metrics) found(where string) {
	if m != nil {
		m.lookups.WithLabelValues(where).Inc()
	}
}
