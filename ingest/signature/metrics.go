package signature

import "github.com/prometheus/client_golang/prometheus"

// RegisterMetrics shows what s does: how many goroutines wait to sign (more than a few
// for long means that deliveries are bound by the processor), and by whom signatures
// were made. A nil registerer is allowed.
func RegisterMetrics(reg prometheus.Registerer, s *Signer) {
	if reg == nil {
		return
	}
	made := func(by string, n func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "tributary_signature_made_total",
			Help:        "Signatures that were made, by the library: Go's, or libcrypto in a process of its own.",
			ConstLabels: prometheus.Labels{"by": by},
		}, func() float64 { return float64(n()) })
	}
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tributary_signature_waiting_signers",
			Help: "Goroutines that wait for their turn to sign a request.",
		}, func() float64 { return float64(s.Waiting()) }),
		made("go", s.made.Load),
		made("libcrypto", s.madeRemotely.Load),
	)
}
