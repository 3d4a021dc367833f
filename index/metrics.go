package index

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/index/fresh"
	"tributary/ingest"
)

// metrics of the index. Its methods work on nil.
type metrics struct {
	records  prometheus.Counter
	batches  prometheus.Histogram
	seconds  prometheus.Histogram
	age      prometheus.Gauge
	lag      prometheus.Gauge
	failures prometheus.Counter
	skipped  prometheus.Counter
	gaps     prometheus.Counter
	hours    prometheus.Counter
	queries  *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer, newest *fresh.Set) *metrics {
	if reg == nil {
		return nil
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tributary_index_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "tributary_index_" + name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tributary_index_" + name, Help: help, Buckets: buckets})
	}
	m := &metrics{
		records:  counter("records_total", "Records of the log that were stored."),
		batches:  histogram("batch_records", "Records in a batch.", prometheus.ExponentialBuckets(1, 4, 8)),
		seconds:  histogram("batch_seconds", "Time to store a batch.", prometheus.ExponentialBuckets(0.005, 2, 12)),
		age:      gauge("batch_age_seconds", "Age of the oldest record of the newest batch when it could be found."),
		lag:      gauge("lag_records", "Seqs between the newest record read from the log and the newest one stored."),
		failures: counter("failures_total", "Failed tries to store a batch."),
		skipped:  counter("skipped_records_total", "Records that cannot be stored."),
		gaps:     counter("gaps_total", "Times that the log lost records before they were stored."),
		hours:    counter("recomputed_hours_total", "Hours of hashtags counted again after something in them went away."),
		queries: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tributary_index_query_seconds", Help: "Time to answer a question.", Buckets: prometheus.ExponentialBuckets(0.002, 2, 12),
		}, []string{"family"}),
	}
	held := func(name, help string, value func() int) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tributary_index_" + name, Help: help}, func() float64 { return float64(value()) })
	}
	reg.MustRegister(
		held("newest_posts", "Newest posts that are found without a statement.", newest.Len),
		held("newest_bytes", "Memory that they take, about.", newest.Size),
	)
	reg.MustRegister(m.records, m.batches, m.seconds, m.age, m.lag, m.failures, m.skipped, m.gaps, m.hours, m.queries)
	return m
}

func (m *metrics) stored(b *batch, took time.Duration, now time.Time, behind uint64) {
	if m == nil {
		return
	}
	m.records.Add(float64(b.records))
	m.batches.Observe(float64(b.records))
	m.seconds.Observe(took.Seconds())
	m.lag.Set(float64(behind))
	if b.records > 0 {
		m.age.Set(now.Sub(b.oldest).Seconds())
	}
}

func (m *metrics) failure() {
	if m != nil {
		m.failures.Inc()
	}
}

func (m *metrics) skip() {
	if m != nil {
		m.skipped.Inc()
	}
}

func (m *metrics) gap(gaps []ingest.Event) {
	if m != nil {
		m.gaps.Add(float64(len(gaps)))
	}
}

func (m *metrics) recomputed() {
	if m != nil {
		m.hours.Inc()
	}
}

func (m *metrics) query(family string, begun time.Time) {
	if m != nil {
		m.queries.WithLabelValues(family).Observe(time.Since(begun).Seconds())
	}
}
