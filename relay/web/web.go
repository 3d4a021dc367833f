package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"tributary/ingest"
	"tributary/relay"
)

// Config is what the pages say about the relay.
type Config struct {
	Relay     *relay.Relay
	Retention time.Duration // how long posts are kept as they were received; 0: no limit in time
	Search    bool          // timelines and search are offered here
	Figures   func(context.Context) (Figures, error)
}

// Figures are read for each sample.
type Figures struct {
	Tip       uint64            // seq of the newest record
	LogStart  uint64            // seq of the oldest record
	Delivered int64             // answered 2xx, ever
	Lanes     map[string]string // state of each host's deliveries, the worst: delivery.State
	Day, Ever ingest.TierCounts // posts by tier, in the last day and ever
	Readers   int               // open streams
}

// Site serves the pages.
type Site struct {
	cfg     Config
	about   relay.Config
	samples samples
	now     func() time.Time
}

// New builds the pages. Figures are zero until Run.
func New(cfg Config) *Site {
	return &Site{cfg: cfg, about: cfg.Relay.Config(), now: time.Now}
}

// Routes adds the pages to the public listener's mux.
func (s *Site) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.front)
	mux.HandleFunc("GET /assets/relay.css", style)
	mux.HandleFunc("GET "+relay.MemberPath, s.member)
	mux.HandleFunc("POST "+relay.MemberPath, s.member)
	mux.HandleFunc("GET /api/v1/relay/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.status()) })
	mux.HandleFunc("GET /api/v1/relay/subscribers", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.subscribers()) })
	mux.HandleFunc("GET /api/v1/relay/sources", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.sources()) })
	mux.HandleFunc("GET /api/v1/relay/blocks", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.blocks()) })
}

// sampleEvery is the time between two samples.
const sampleEvery = 10 * time.Second

// Run takes samples until ctx ends.
func (s *Site) Run(ctx context.Context) error {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		if f, err := s.cfg.Figures(ctx); err == nil {
			s.samples.add(sample{s.now(), f})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// answer writes JSON that any page may read.
func answer(w http.ResponseWriter, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic("web: BUG: figures do not encode: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "public, max-age=10")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(append(body, '\n')) // a gone client is no news
}
