package relay

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of this package. A nil *Metrics counts nothing.
type Metrics struct {
	requests *prometheus.CounterVec // by verdict: why accepted or why refused
	seconds  prometheus.Histogram
	lists    *prometheus.CounterVec // refreshes of block-lists, by result
	proofs   *prometheus.CounterVec // signatures in documents, by kind and by what came of them
}

// NewMetrics registers them; a nil reg makes nil Metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	if reg == nil {
		return nil
	}
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_relay_inbox_requests_total",
			Help: "Inbox requests by status and by what became of them.",
		}, []string{"status", "verdict"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "tributary_relay_inbox_seconds",
			Help:    "Time from the header of an inbox request to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		proofs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_relay_document_signatures_total",
			Help: "Signatures in forwarded documents that were looked at, by kind (ld, proof, any) and by what came of them.",
		}, []string{"kind", "result"}),
	}
	m.lists = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tributary_relay_block_list_refreshes_total",
		Help: "Refreshes of subscribed block-lists by result (ok, shrank, broken, unreachable, failed).",
	}, []string{"result"})
	reg.MustRegister(m.requests, m.seconds, m.proofs, m.lists)
	return m
}

// observeState registers the gauges that are read when they are asked for.
func observeState(reg prometheus.Registerer, requests slots, subs *Subscriptions, blocks *Blocks) {
	if reg == nil {
		return
	}
	gauge := func(name, help string, f func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(f()) })
	}
	reg.MustRegister(
		gauge("tributary_relay_inbox_requests", "Inbox requests under way.", func() int { return len(requests) }),
		gauge("tributary_relay_subscribers", "Accepted subscribers.", subs.Count),
		gauge("tributary_relay_blocks", "Blocked domains, actors and software.", blocks.Count),
		gauge("tributary_relay_block_lists_failing", "Subscribed block-lists whose last refresh failed.", func() int { return int(blocks.failing.Load()) }),
	)
}

func (m *Metrics) proved(kind, result string) {
	if m != nil {
		m.proofs.WithLabelValues(kind, result).Inc()
	}
}

func (m *Metrics) renewed(result string) {
	if m != nil {
		m.lists.WithLabelValues(result).Inc()
	}
}

func (m *Metrics) answered(status, verdict string, took time.Duration) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(status, verdict).Inc()
	m.seconds.Observe(took.Seconds())
}
