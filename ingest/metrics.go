package ingest

import "github.com/prometheus/client_golang/prometheus"

// metrics of the log, admission and the fetch queue. Its methods work on nil.
type metrics struct {
	records   *prometheus.CounterVec
	dropped   prometheus.Counter
	unread    prometheus.Counter
	tailErrs  prometheus.Counter
	events    *prometheus.CounterVec
	admitted  *prometheus.CounterVec
	refused   *prometheus.CounterVec
	fetches   *prometheus.CounterVec
	stateSize prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	if reg == nil {
		return nil
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_ingest_" + name, Help: help})
		reg.MustRegister(c)
		return c
	}
	vector := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_ingest_" + name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	m := &metrics{
		records:  vector("records_total", "Records read from the log, by what they do.", "kind"),
		dropped:  counter("repeats_total", "Records that said again what was known, dropped for every reader."),
		unread:   counter("unreadable_records_total", "Records in a format or of a kind that this program does not know."),
		tailErrs: counter("log_errors_total", "Failed reads of the log; each is tried again."),
		events:   vector("log_events_total", "Times that the log was not the one it was.", "event"),
		admitted: vector("admitted_total", "Arrivals by why their source may give them, and by outcome.", "grant", "outcome"),
		refused:  vector("refused_total", "Arrivals refused, by why their source may give them, and by reason.", "grant", "reason"),
		fetches:  vector("fetches_total", "Fetches of objects from their origin, by result.", "result"),
		stateSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tributary_ingest_state_batch_records", Help: "Records folded into the state database in one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
	}
	reg.MustRegister(m.stateSize)
	return m
}

func (m *metrics) record(e *Entry) {
	switch {
	case m == nil:
	case e.dropped && e.corrected == nil:
		m.unread.Inc()
	case e.dropped:
		m.dropped.Inc()
	default:
		m.records.WithLabelValues(e.Record.Kind.String()).Inc()
	}
}

func (m *metrics) tailError() {
	if m != nil {
		m.tailErrs.Inc()
	}
}

func (m *metrics) event(name string) {
	if m != nil {
		m.events.WithLabelValues(name).Inc()
	}
}

func (m *metrics) outcome(g Grant, o Outcome) {
	if m != nil {
		m.admitted.WithLabelValues(g.String(), string(o)).Inc()
	}
}

func (m *metrics) refusal(g Grant, reason string) {
	if m != nil {
		m.refused.WithLabelValues(g.String(), reason).Inc()
	}
}

func (m *metrics) fetch(result string) {
	if m != nil {
		m.fetches.WithLabelValues(result).Inc()
	}
}

func (m *metrics) stateBatch(n int) {
	if m != nil {
		m.stateSize.Observe(float64(n))
	}
}
