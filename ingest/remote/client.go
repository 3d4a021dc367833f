package remote

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"tributary/ingest/signature"
	"tributary/ingest/state"
)

// Client is the one HTTP client. It may be used by many goroutines.
type Client struct {
	cfg     Config
	signer  *signature.Signer // of our service actor; nil: GETs go out unsigned
	log     *slog.Logger
	metrics *Metrics
	now     func() time.Time

	transport *http.Transport
	http      *http.Client
	userAgent []string // header value, shared
	gate      *gate
	cache     *cache
	forms     *signature.Preferences // of hosts that answer our signed GETs
	store     *store
	flights   singleflight.Group

	// lifetime is that of the client: fetches are shared by callers, so they end with
	// none of them. Close cancels it.
	lifetime context.Context
	cancel   context.CancelFunc

	mu      sync.Mutex // guards closed, and orders it against running.Add
	closed  bool
	running sync.WaitGroup // fetches
}

// New makes the client. Signer signs all GETs and may be nil (tests); db keeps actors
// and may be nil, then they are kept in memory only; reg may be nil. Close it before db.
func New(cfg Config, signer *signature.Signer, db *state.DB, log *slog.Logger, reg prometheus.Registerer) *Client {
	return newClient(cfg, signer, db, log, reg, nil, time.Now)
}

// newClient lets tests choose which addresses may be called, and the clock.
func newClient(cfg Config, signer *signature.Signer, db *state.DB, log *slog.Logger, reg prometheus.Registerer,
	permit func(netip.AddrPort) error, now func() time.Time,
) *Client {
	cfg = cfg.withDefaults()
	if permit == nil {
		permit = cfg.permit
	}
	c := &Client{
		cfg:       cfg,
		signer:    signer,
		log:       log.With("component", "remote"),
		now:       now,
		transport: newTransport(cfg, permit),
		userAgent: []string{cfg.UserAgent},
		gate:      newGate(cfg, now),
		cache:     newCache(cfg.CachedActors),
		forms:     signature.NewPreferences(now),
		store:     newStore(db, cfg),
	}
	c.http = &http.Client{
		Transport:     c.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.lifetime, c.cancel = context.WithCancel(context.Background())
	c.metrics = NewMetrics(reg)
	registerGauges(reg, c.gate)
	return c
}

// Do sends a delivery: over the same connections and to the same addresses as fetches,
// but without redirects, cache or bounds per host, which are the caller's. Its time is that
// of the request's context, which must end some time. The caller signs the request, and calls Drain on the
// answer's body. The error is ErrForbiddenAddress, ErrMalformed or ErrTemporary.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	if err := c.checkURL(r.URL); err != nil {
		return nil, err
	}
	if len(r.Header["User-Agent"]) == 0 {
		r.Header["User-Agent"] = c.userAgent
	}
	// Not http.Client's Do, which copies headers for redirects that are not followed.
	resp, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, failed(r.Context(), &url.Error{Op: r.Method, URL: r.URL.String(), Err: err})
	}
	return resp, nil
}

// Close ends the fetches under way, waits for them, and closes idle connections.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.running.Wait()
	c.transport.CloseIdleConnections()
}

// begin counts a fetch as running, unless the client was closed.
func (c *Client) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return fmt.Errorf("%w: client closed", errBusy)
	}
	c.running.Add(1)
	return nil
}
