package signature

import "github.com/prometheus/client_golang/prometheus"

// RegisterMetrics shows how many goroutines wait to sign with s: more than a few
// for long means that deliveries are bound by the processor. A nil registerer is
// allowed.
func RegisterMetrics(reg prometheus.Registerer, s *Signer) {
	if reg == nil {
		return
	}
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tributary_signature_waiting_signers",
		Help: "Goroutines that wait for their turn to sign a request.",
	}, func() float64 { return float64(s.Waiting()) }))
}
