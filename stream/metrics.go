package stream

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts what the streams do. A nil *Metrics counts nothing.
type Metrics struct {
	frames   prometheus.Counter
	bytes    prometheus.Counter
	closes   *prometheus.CounterVec
	refusals *prometheus.CounterVec
	delay    prometheus.Histogram
}

// NewMetrics registers the metrics; a nil registerer gives metrics that nobody reads.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		frames: f.NewCounter(prometheus.CounterOpts{
			Name: "tributary_stream_frames_total",
			Help: "Text frames and server-sent events written to clients, heartbeats and gaps included.",
		}),
		bytes: f.NewCounter(prometheus.CounterOpts{
			Name: "tributary_stream_sent_bytes_total",
			Help: "Bytes written to clients, headers of frames included.",
		}),
		closes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_stream_closes_total",
			Help: "Connections that ended, by reason. client and gone are the other side's doing; every other one is told in the close frame, where there is one.",
		}, []string{"reason"}),
		refusals: f.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_stream_refusals_total",
			Help: "Requests that were answered with an error instead of a stream, by the error's name.",
		}, []string{"error"}),
		delay: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "tributary_stream_delay_seconds",
			Help:    "From the append of a record to its write to a client, once for each write; records that are older than the connection (replay) are left out.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12),
		}),
	}
}

// observe registers what is read from the server when it is scraped.
func (m *Metrics) observe(reg prometheus.Registerer, s *Server) {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tributary_stream_clients",
		Help: "Connections now.",
	}, func() float64 { clients, _ := s.lag(); return float64(clients) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tributary_stream_lag_records",
		Help: "Distance of the client furthest behind from the tip, in seqs. A client in replay is behind by intention.",
	}, func() float64 { _, lag := s.lag(); return float64(lag) })
}

func (m *Metrics) sent(frames int) {
	if m != nil {
		m.frames.Add(float64(frames))
	}
}

func (m *Metrics) wrote(bytes int) {
	if m != nil {
		m.bytes.Add(float64(bytes))
	}
}

func (m *Metrics) delayed(d time.Duration) {
	if m != nil {
		m.delay.Observe(d.Seconds())
	}
}

func (m *Metrics) closed(reason string) {
	if m != nil {
		m.closes.WithLabelValues(reason).Inc()
	}
}

func (m *Metrics) refused(name string) {
	if m != nil {
		m.refusals.WithLabelValues(name).Inc()
	}
}
