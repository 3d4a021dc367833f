package lease

import "github.com/prometheus/client_golang/prometheus"

// metrics of the leases. Its methods work on nil.
type metrics struct {
	held   *prometheus.GaugeVec
	taken  *prometheus.CounterVec
	lost   *prometheus.CounterVec
	failed prometheus.Counter
	nodes  prometheus.Gauge
}

// newMetrics registers
//
//	tributary_lease_held{kind}             shares that this node serves
//	tributary_lease_taken_total{kind}
//	tributary_lease_lost_total{kind}       shares that it had to drop: not renewed in time, or taken
//	tributary_lease_failed_renewals_total
//	tributary_lease_nodes                  nodes that are there, this one too
func newMetrics(reg prometheus.Registerer) *metrics {
	if reg == nil {
		return nil
	}
	m := &metrics{
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tributary_lease_held", Help: "Shares of the work that this node serves, by kind.",
		}, []string{"kind"}),
		taken: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_lease_taken_total", Help: "Shares that this node took.",
		}, []string{"kind"}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_lease_lost_total", Help: "Shares that this node had to drop: not renewed in time, or taken by another.",
		}, []string{"kind"}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tributary_lease_failed_renewals_total", Help: "Renewals that the state database did not take.",
		}),
		nodes: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tributary_lease_nodes", Help: "Nodes that are there, this one too.",
		}),
	}
	reg.MustRegister(m.held, m.taken, m.lost, m.failed, m.nodes)
	return m
}

func (m *metrics) began(kind string) {
	if m != nil {
		m.held.WithLabelValues(kind).Inc()
		m.taken.WithLabelValues(kind).Inc()
	}
}

func (m *metrics) ended(kind string, lost bool) {
	if m == nil {
		return
	}
	m.held.WithLabelValues(kind).Dec()
	if lost {
		m.lost.WithLabelValues(kind).Inc()
	}
}

func (m *metrics) missed() {
	if m != nil {
		m.failed.Inc()
	}
}

func (m *metrics) there(nodes int) {
	if m != nil {
		m.nodes.Set(float64(nodes))
	}
}
