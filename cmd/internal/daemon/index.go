package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/client_golang/prometheus"

	"tributary/index"
	"tributary/index/api"
	"tributary/index/engine"
	"tributary/ingest"
)

// openIndex starts the embedded engine, or says which ClickHouse is used. A server
// that cannot be used never stops the relay and the streams: the API says that
// there is no index. Only an address that makes no sense is an error.
func (d *Daemon) openIndex(ctx context.Context) error {
	if err := d.apiConfig().Validate(); err != nil {
		return fmt.Errorf("api: %w", err)
	}
	d.api.Store(d.newAPI(nil))
	if !d.cfg.Role(roleIndex) && !d.cfg.Role(roleAPI) {
		return nil
	}
	options, ready, err := d.clickhouse(ctx)
	if errors.Is(err, index.ErrURL) {
		return fmt.Errorf("clickhouse.url: %w", err)
	}
	if err != nil {
		d.log.Warn("no index: timelines and search answer 503, relay and streams run on", "err", err)
		return nil
	}
	if options == nil {
		return nil
	}
	d.indexed = true
	d.parts.add("index", func(ctx context.Context) error { return d.runIndex(ctx, options, ready) })
	return nil
}

// clickhouse returns how the server is reached, and what waits for it; nil
// options mean that there is none and should be none.
func (d *Daemon) clickhouse(ctx context.Context) (*clickhouse.Options, func(context.Context) error, error) {
	c := d.cfg.ClickHouse
	switch {
	case c.Off():
		return nil, nil, nil
	case !c.Embedded():
		options, err := index.ParseURL(c.URL)
		return options, func(context.Context) error { return nil }, err
	}
	socket := d.data.join("engine.sock")
	process, err := engine.Start(context.WithoutCancel(ctx), engine.Options{
		Dir: d.data.join("engine"), Socket: socket, Memory: int64(c.Memory), Log: d.log,
	}, d.children)
	if err != nil {
		return nil, nil, err
	}
	d.onClose("engine", process.Close)
	return &clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{engine.Addr}, DialContext: engine.Dial(socket),
	}, process.Ready, nil
}

// Pauses between two attempts to open the index, and how often the same reason is told.
const (
	indexRetry    = 500 * time.Millisecond
	indexRetryMax = 15 * time.Second
	indexTold     = 10 * time.Minute
)

// What part of the engine's memory as much again is for records in this process, and for what is asked
// about the newest posts.
const (
	recordsShare = 20
	newestShare  = 8
)

// runIndex opens the index once its server is there, lets the API answer from
// it, and stores the log until ctx ends.
func (d *Daemon) runIndex(ctx context.Context, options *clickhouse.Options, ready func(context.Context) error) error {
	x, err := d.awaitIndex(ctx, options, ready)
	if err != nil {
		return nil // asked to end before it was there
	}
	defer x.Close() //nolint:errcheck // nothing is left on it
	d.index.Store(x)
	d.api.Store(d.newAPI(x))
	if !d.cfg.Role(roleIndex) {
		<-ctx.Done()
		return nil
	}
	return x.Run(ctx)
}

func (d *Daemon) awaitIndex(ctx context.Context, options *clickhouse.Options, ready func(context.Context) error) (*index.Index, error) {
	var told failure
	for pause := indexRetry; ; pause = min(2*pause, indexRetryMax) {
		err := ready(ctx)
		if err == nil {
			var x *index.Index
			metrics := prometheus.NewRegistry() // of this attempt
			x, err = index.Open(ctx, index.Config{
				Options: options, DB: d.db, Tail: d.ingest.Tail(), Logger: d.log, Registerer: metrics, Leases: d.leases,
				Records: int(d.cfg.ClickHouse.Memory) / recordsShare, Newest: int(d.cfg.ClickHouse.Memory) / newestShare,
				HoldMerges: d.cfg.ClickHouse.Embedded(),
			})
			if err == nil {
				d.registry.MustRegister(metrics)
				if told.reason != nil {
					d.log.Info("the index is open")
				}
				return x, nil
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if told.news(err) {
			d.log.Warn("the index cannot be opened, trying again; timelines and search answer 503 until then", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// failure is what people were told last, and when.
type failure struct {
	reason error
	at     time.Time
}

// news says whether err should be told: it is another kind than the last one, or that was long ago. Of
// one kind each message is another one, as ports are in it.
func (f *failure) news(err error) bool {
	kind := err
	for _, k := range []error{index.ErrOldServer, index.ErrUnavailable} {
		if errors.Is(err, k) {
			kind = k
		}
	}
	if f.reason != nil && kind.Error() == f.reason.Error() && time.Since(f.at) < indexTold {
		return false
	}
	f.reason, f.at = kind, time.Now()
	return true
}

func (d *Daemon) apiConfig() api.Config {
	return api.Config{
		URL: d.community.Base(), Title: d.cfg.Title, Description: d.cfg.Description, Contact: d.cfg.Contact, Version: d.version,
	}
}

// newAPI answers from x, or says that there is no index.
func (d *Daemon) newAPI(x *index.Index) *http.ServeMux {
	deps := api.Deps{Log: d.log}
	if !d.cfg.Dev {
		deps.Authenticate = d.authenticate
	}
	if x != nil {
		deps.Queries, deps.Registerer, deps.StatusByURI = x, d.registry, d.statusByURI(x)
		deps.Stats, deps.Peers = d.stats(x), peers(x)
	}
	mux := http.NewServeMux()
	api.New(d.apiConfig(), deps).Routes(mux)
	return mux
}

// stats counts what the index holds: the descriptions of the server are answered without it, too.
func (d *Daemon) stats(x *index.Index) func(context.Context) api.Stats {
	return func(ctx context.Context) api.Stats {
		o, err := x.Overview(ctx)
		if err != nil {
			d.log.Debug("the index cannot be counted", "err", err)
		}
		return api.Stats{Statuses: o.Posts, Domains: len(o.Domains)}
	}
}

// peers are the servers whose posts are shown here.
func peers(x *index.Index) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		o, err := x.Overview(ctx)
		return o.Domains, err
	}
}

// statusByURI finds a post by its ActivityPub id: the state database knows the id
// under which the index keeps it.
func (d *Daemon) statusByURI(x *index.Index) func(context.Context, string) (*ingest.Record, error) {
	return func(ctx context.Context, uri string) (*ingest.Record, error) {
		id, ok, err := d.admission.ObjectID(ctx, uri)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("api: %s: %w", uri, index.ErrNotFound)
		}
		return x.Status(ctx, id)
	}
}

// current is the handler of the moment.
type current struct{ atomic.Pointer[http.ServeMux] }

func (c *current) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.Load().ServeHTTP(w, r) }

// query runs an operator's SQL.
func (d *Daemon) query(ctx context.Context, sql, format string, w io.Writer) error {
	x := d.index.Load()
	if x == nil {
		return index.ErrUnavailable
	}
	return x.Query(ctx, sql, format, w)
}
