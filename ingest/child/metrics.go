package child

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what happens to children. A nil *Metrics counts nothing.
type Metrics struct {
	restarts *prometheus.CounterVec
	ready    *prometheus.GaugeVec
}

// NewMetrics registers the metrics of all children of the process with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	if reg == nil {
		return nil
	}
	m := &Metrics{
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_child_restarts_total",
			Help: "Child processes that ended unasked and were started again.",
		}, []string{"name"}),
		ready: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tributary_child_ready",
			Help: "1 while the child process serves, else 0.",
		}, []string{"name"}),
	}
	reg.MustRegister(m.restarts, m.ready)
	return m
}

// open makes the child's series visible before anything happened.
func (m *Metrics) open(name string) {
	if m != nil {
		m.restarts.WithLabelValues(name)
		m.ready.WithLabelValues(name).Set(0)
	}
}

func (m *Metrics) restarted(name string) {
	if m != nil {
		m.restarts.WithLabelValues(name).Inc()
	}
}

func (m *Metrics) setReady(name string, ready bool) {
	if m == nil {
		return
	}
	v := 0.0
	if ready {
		v = 1
	}
	m.ready.WithLabelValues(name).Set(v)
}
