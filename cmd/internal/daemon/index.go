package daemon

import (
	"context"
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

// openIndex starts the embedded engine, or says which ClickHouse is used. An
// engine that cannot run never stops the relay and the streams: the API says
// that there is no index.
func (d *Daemon) openIndex(ctx context.Context) error {
	if err := d.apiConfig().Validate(); err != nil {
		return fmt.Errorf("api: %w", err)
	}
	d.api.Store(d.newAPI(nil))
	options, ready, err := d.clickhouse(ctx)
	if err != nil {
		d.log.Warn("no index: timelines and search answer 503, relay and streams run on", "err", err)
		return nil
	}
	if options == nil {
		return nil
	}
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
		options, err := clickhouse.ParseDSN(c.URL)
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

// indexRetry is the pause between two attempts to open the index.
const indexRetry = 2 * time.Second

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
	return x.Run(ctx)
}

func (d *Daemon) awaitIndex(ctx context.Context, options *clickhouse.Options, ready func(context.Context) error) (*index.Index, error) {
	for told := false; ; told = true {
		err := ready(ctx)
		if err == nil {
			var x *index.Index
			metrics := prometheus.NewRegistry() // of this attempt
			x, err = index.Open(ctx, index.Config{
				Options: options, DB: d.db, Tail: d.ingest.Tail(), Logger: d.log, Registerer: metrics,
			})
			if err == nil {
				d.registry.MustRegister(metrics)
				return x, nil
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !told {
			d.log.Warn("the index cannot be opened, trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(indexRetry):
		}
	}
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
	}
	mux := http.NewServeMux()
	api.New(d.apiConfig(), deps).Routes(mux)
	return mux
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
