package delivery

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest"
	"tributary/ingest/signature"
)

// result is how one request ended: a label of the metric.
type result string

const (
	resultOK      result = "ok"
	resultGivenUp result = "given_up"      // the record was judged, or kept too long: it is not tried again
	resultStatus  result = "retry_status"  // a status that lets us try again
	resultNetwork result = "retry_network" // no answer: dial, TLS, hang-up
	resultTimeout result = "timeout"       // no answer in time; tried again too
)

// The reasons why a lane passes over a record: labels.
const (
	skipOrigin = "origin"  // the post is from there
	skipGiver  = "giver"   // it came from there
	skipMaxAge = "max_age" // older than Config.MaxAge
	skipShape  = "shape"   // nothing that could be sent
	skipFilter = "filter"  // the subscriber does not want it
	skipRate   = "rate"    // more than the subscriber wants in a minute
)

// By whom a request was made: labels.
const (
	viaLane   = "lane"
	viaOutbox = "outbox"
)

// Metrics count deliveries. A nil *Metrics counts nothing.
type Metrics struct {
	deliveries *prometheus.CounterVec
	skipped    *prometheus.CounterVec
	gaps       *prometheus.CounterVec
	answer     prometheus.Histogram
	sign       prometheus.Histogram
	forms      *prometheus.CounterVec
	refused    *prometheus.CounterVec
	saves      *prometheus.CounterVec
	outbox     prometheus.Gauge

	// By via and result, so that the hot path hashes no labels.
	lane [5]prometheus.Counter
	box  [5]prometheus.Counter
	form [signature.Forms]prometheus.Counter
}

var results = [...]result{resultOK, resultGivenUp, resultStatus, resultNetwork, resultTimeout}

// NewMetrics registers the metrics of deliveries with reg. nil: none.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	if reg == nil {
		return nil
	}
	m := &Metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_delivery_deliveries_total",
			Help: "Requests to inboxes by who made them and how they ended.",
		}, []string{"via", "result"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_delivery_skipped_records_total",
			Help: "Records that a lane passed over, by reason.",
		}, []string{"reason"}),
		gaps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_delivery_gaps_total",
			Help: "Gaps in the log that a lane was told of: records expired, or lost.",
		}, []string{"event"}),
		answer: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tributary_delivery_answer_seconds", Help: "From the dial to the head of an answer.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		sign: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tributary_delivery_sign_seconds", Help: "Waiting for a signer and signing.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1},
		}),
		forms: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_delivery_signed_requests_total",
			Help: "Requests to inboxes by the form of their signature; a shared one is made once for many.",
		}, []string{"form"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_delivery_refused_signatures_total",
			Help: "Requests that were refused because of their signature (401, 403; 400 to a shared one), by its form.",
		}, []string{"form"}),
		saves: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tributary_delivery_saves_total", Help: "Writes of lane positions by result.",
		}, []string{"result"}),
		outbox: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tributary_delivery_outbox_rows", Help: "Rows of the outbox that wait.",
		}),
	}
	for i, r := range results {
		m.lane[i] = m.deliveries.WithLabelValues(viaLane, string(r))
		m.box[i] = m.deliveries.WithLabelValues(viaOutbox, string(r))
	}
	for f := range signature.Forms {
		m.form[f] = m.forms.WithLabelValues(formName(f))
		m.refused.WithLabelValues(formName(f))
	}
	for _, reason := range []string{skipOrigin, skipGiver, skipMaxAge, skipShape, skipFilter, skipRate} {
		m.skipped.WithLabelValues(reason)
	}
	for _, event := range []string{ingest.EventExpired, ingest.EventRegressed} {
		m.gaps.WithLabelValues(event)
	}
	for _, r := range []string{"ok", "error"} {
		m.saves.WithLabelValues(r)
	}
	reg.MustRegister(m.deliveries, m.skipped, m.gaps, m.answer, m.sign, m.forms, m.refused, m.saves, m.outbox)
	return m
}

func (m *Metrics) laneDone(r result) {
	if m != nil {
		m.lane[slices.Index(results[:], r)].Inc()
	}
}

func (m *Metrics) outboxDone(r result) {
	if m != nil {
		m.box[slices.Index(results[:], r)].Inc()
	}
}

func (m *Metrics) skip(reason string) {
	if m != nil {
		m.skipped.WithLabelValues(reason).Inc()
	}
}

func (m *Metrics) gap(event string) {
	if m != nil {
		m.gaps.WithLabelValues(event).Inc()
	}
}

func (m *Metrics) answered(d time.Duration) {
	if m != nil {
		m.answer.Observe(d.Seconds())
	}
}

func (m *Metrics) signed(d time.Duration) {
	if m != nil {
		m.sign.Observe(d.Seconds())
	}
}

// sent counts a request by its signature, and what was said of that.
func (m *Metrics) sent(form signature.Form, said signature.Answer) {
	if m == nil {
		return
	}
	m.form[form].Inc()
	switch {
	case said == signature.Refused, said == signature.Asked, said == signature.Doubted && form == signature.FormShared:
		m.refused.WithLabelValues(formName(form)).Inc()
	}
}

func (m *Metrics) saved(err error) {
	if m == nil {
		return
	}
	if err != nil {
		m.saves.WithLabelValues("error").Inc()
		return
	}
	m.saves.WithLabelValues("ok").Inc()
}

func (m *Metrics) outboxRows(n int) {
	if m != nil {
		m.outbox.Set(float64(n))
	}
}

// laneCollector reports the lanes as they are when they are asked.
type laneCollector struct {
	engine *Engine

	lag, age, lanes, flying, open, waiting *prometheus.Desc
}

func newLaneCollector(e *Engine) *laneCollector {
	return &laneCollector{
		engine: e,
		lag: prometheus.NewDesc("tributary_delivery_lag_records",
			"Tip minus position over all lanes but those that are stale or paused: the lane in the middle, the one that 9 of 10 are ahead of, the last.",
			[]string{"quantile"}, nil),
		age: prometheus.NewDesc("tributary_delivery_lag_seconds",
			"Age of the oldest record not settled, over the same lanes; 0 where there is none.", []string{"quantile"}, nil),
		lanes: prometheus.NewDesc("tributary_delivery_lanes", "Lanes by state.", []string{"state"}, nil),
		flying: prometheus.NewDesc("tributary_delivery_in_flight_requests",
			"Requests of lanes that are being signed, sent or answered.", nil, nil),
		open: prometheus.NewDesc("tributary_delivery_breakers_open", "Hosts that are failing.", nil, nil),
		waiting: prometheus.NewDesc("tributary_delivery_unsettled_records",
			"Records that lanes have read and not settled.", nil, nil),
	}
}

func (c *laneCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.lag, c.age, c.lanes, c.flying, c.open, c.waiting} {
		ch <- d
	}
}

func (c *laneCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	list := c.engine.snapshot()
	inState := make(map[State]int)
	lags, ages, now := make([]float64, 0, len(list)), make([]float64, 0, len(list)), time.Now()
	flying, unsettled := 0, 0
	for _, s := range list {
		inState[s.State]++
		if s.State != StateStale && s.State != StatePaused { // a dead server's lag grows, and says nothing of us
			lags, ages = append(lags, float64(s.Lag)), append(ages, s.Behind(now).Seconds())
		}
		flying += s.InFlight
		unsettled += s.Unsettled
	}
	for desc, values := range map[*prometheus.Desc][]float64{c.lag: lags, c.age: ages} {
		slices.Sort(values)
		for _, q := range []struct {
			name string
			at   float64
		}{{"0.5", 0.5}, {"0.9", 0.9}, {"1", 1}} {
			v := 0.0
			if n := len(values); n > 0 {
				v = values[min(n-1, int(q.at*float64(n)))]
			}
			gauge(desc, v, q.name)
		}
	}
	for _, state := range states {
		gauge(c.lanes, float64(inState[state]), string(state))
	}
	gauge(c.flying, float64(flying))
	gauge(c.waiting, float64(unsettled))
	gauge(c.open, float64(c.engine.hosts.open()))
}
