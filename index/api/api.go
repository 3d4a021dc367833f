package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/index"
	"tributary/index/status"
	"tributary/ingest"
	"tributary/ingest/ap"
)

// Queries is the index as the API asks it. Statuses of timelines are of tier
// live or above, those of a search of tier search; what was deleted or withdrawn
// is in neither. What is not there is index.ErrNotFound; index.ErrUnavailable means
// that the index cannot be asked now. All methods are safe for many goroutines.
type Queries interface {
	Timeline(ctx context.Context, t index.Timeline) ([]*ingest.Record, error)
	SearchStatuses(ctx context.Context, s index.Search) ([]*ingest.Record, error)
	SearchAccounts(ctx context.Context, text string, limit, offset int) ([]*ap.Author, error)
	SearchTags(ctx context.Context, prefix string, limit, offset int) ([]index.TagTrend, error)
	Tag(ctx context.Context, name string) (index.TagTrend, error)
	Status(ctx context.Context, id uint64) (*ingest.Record, error)
	Account(ctx context.Context, id uint64) (*index.Account, error)
	AccountByName(ctx context.Context, username, domain string) (*index.Account, error)
	AccountStatuses(ctx context.Context, id uint64, t index.Timeline) ([]*ingest.Record, error)
	TrendingTags(ctx context.Context, limit, offset int) ([]index.TagTrend, error)
}

// Authenticate says whether a token may read: nil, an error of ingest/token, or
// that it cannot be told now.
type Authenticate func(ctx context.Context, token string) error

// Stats are the counts that the descriptions of the server show.
type Stats struct {
	Users       int // hosted accounts
	ActiveMonth int // of them, in the last month
	Statuses    int // posts in the index
	Domains     int // servers known
}

// Deps is what the API reads from.
type Deps struct {
	// Queries is the index; nil (the interface, not a nil pointer in it): there is none.
	Queries Queries
	// StatusByURI finds a post, as Queries.Status does, by its ActivityPub id.
	// nil: a search for a URL finds authors only.
	StatusByURI func(ctx context.Context, uri string) (*ingest.Record, error)
	// Authenticate checks tokens. nil: everybody may read.
	Authenticate Authenticate
	// Stats counts, cheaply. nil: all counts are 0.
	Stats func(ctx context.Context) Stats
	// Peers names the servers we exchange posts with. nil: they are not told (404).
	Peers func(ctx context.Context) ([]string, error)

	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// API answers requests.
type API struct {
	cfg     Config
	deps    Deps
	render  status.Renderer
	log     *slog.Logger
	metrics *Metrics
	slots   chan struct{} // one for each request that queries the index
	buffers sync.Pool     // of *[]byte
}

// New returns an API. cfg must be valid.
func New(cfg Config, deps Deps) *API {
	cfg = cfg.withDefaults()
	return &API{
		cfg: cfg, deps: deps, render: status.New(cfg.URL), log: deps.Log.With("component", "api"),
		metrics: NewMetrics(deps.Registerer), slots: make(chan struct{}, cfg.Parallel),
		buffers: sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }},
	}
}

// route is one path. Its name is the metric's label.
type route struct {
	path   string
	name   string
	needs  needs
	cache  string // Cache-Control of a good answer
	handle func(*API, *request) error
}

// needs says what a route cannot be answered without.
type needs uint8

const (
	needsIndex needs = 1 << iota
	needsToken
)

const (
	cacheNone  = "private, no-store" // a deleted post must not come back from a cache
	cacheShort = "public, max-age=60"
	cacheLong  = "public, max-age=180"
)

var routes = []route{
	{"/api/v1/timelines/public", "timeline_public", needsIndex | needsToken, cacheNone, (*API).timelinePublic},
	{"/api/v1/timelines/tag/{tag}", "timeline_tag", needsIndex | needsToken, cacheNone, (*API).timelineTag},
	{"/api/v2/search", "search", needsIndex | needsToken, cacheNone, (*API).search},
	{"/api/v1/statuses/{id}", "status", needsIndex | needsToken, cacheNone, (*API).status},
	{"/api/v1/statuses/{id}/context", "status_context", needsIndex | needsToken, cacheNone, (*API).statusContext},
	{"/api/v1/accounts/lookup", "account_lookup", needsIndex | needsToken, cacheNone, (*API).accountLookup},
	{"/api/v1/accounts/search", "account_search", needsIndex | needsToken, cacheNone, (*API).accountSearch},
	{"/api/v1/accounts/{id}", "account", needsIndex | needsToken, cacheNone, (*API).account},
	{"/api/v1/accounts/{id}/statuses", "account_statuses", needsIndex | needsToken, cacheNone, (*API).accountStatuses},
	{"/api/v1/tags/{tag}", "tag", needsIndex | needsToken, cacheNone, (*API).tag},
	{"/api/v1/trends/tags", "trends_tags", needsIndex, cacheShort, (*API).trendsTags},
	{"/api/v1/trends", "trends_tags", needsIndex, cacheShort, (*API).trendsTags}, // before Mastodon 3.5
	{"/api/v1/instance", "instance_v1", 0, cacheLong, (*API).instanceV1},
	{"/api/v2/instance", "instance_v2", 0, cacheLong, (*API).instanceV2},
	{"/api/v1/instance/peers", "instance_peers", 0, cacheLong, (*API).instancePeers},
	{"/api/v1/instance/rules", "empty", 0, cacheLong, (*API).emptyList},
	{"/api/v1/instance/activity", "empty", 0, cacheLong, (*API).emptyList},
	{"/api/v1/instance/translation_languages", "empty", 0, cacheLong, (*API).emptyObject},
	{"/api/v1/custom_emojis", "empty", 0, cacheLong, (*API).emptyList},
	{"/api/v1/announcements", "empty", 0, cacheLong, (*API).emptyList},
	{"/api/v1/trends/statuses", "empty", 0, cacheLong, (*API).emptyList},
	{"/api/v1/trends/links", "empty", 0, cacheLong, (*API).emptyList},
}

// Routes adds the paths, and /api/ for everything below it that nobody else
// answers: preflights of web pages, and 404; and /tags/{tag}, the page that a
// hashtag's URL names.
func (a *API) Routes(mux *http.ServeMux) {
	for _, rt := range routes {
		handler := a.serve(rt)
		mux.Handle("GET "+rt.path, handler)
		mux.Handle("GET "+rt.path+"/{$}", handler) // as Rails; Mastodon.py asks for /api/v1/instance/ at its start
	}
	mux.HandleFunc("GET /tags/{tag}", a.tagPage)
	mux.Handle("/api/", a.serve(route{name: "other", handle: (*API).other}))
}
