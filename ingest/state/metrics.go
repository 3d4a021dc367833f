package state

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the writer does. nil counts nothing.
type Metrics struct {
	writes  *prometheus.CounterVec
	group   prometheus.Histogram
	seconds prometheus.Histogram
}

// NewMetrics registers the writer's metrics:
//
//	tributary_state_writes_total{result}  functions given to Write: ok, failed, not_committed
//	tributary_state_commit_writes         functions that shared one commit
//	tributary_state_commit_seconds        time of one transaction, from BEGIN to the end of COMMIT
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_state_writes_total",
			Help: "Functions given to Write, by result.",
		}, []string{"result"}),
		group: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "tributary_state_commit_writes",
			Help:    "Functions that shared one commit.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "tributary_state_commit_seconds",
			Help:    "Time of one transaction, from BEGIN to the end of COMMIT.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}),
	}
	if reg != nil {
		reg.MustRegister(m.writes, m.group, m.seconds)
	}
	return m
}

func (m *Metrics) committed(ok, failed int, took time.Duration, err error) {
	if m == nil {
		return
	}
	result := "ok"
	if err != nil {
		result = "not_committed"
	}
	m.writes.WithLabelValues(result).Add(float64(ok))
	m.writes.WithLabelValues("failed").Add(float64(failed))
	m.group.Observe(float64(ok + failed))
	m.seconds.Observe(took.Seconds())
}
