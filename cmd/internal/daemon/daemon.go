package daemon

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tributary/cmd/internal/config"
	"tributary/index"
	"tributary/ingest"
	"tributary/ingest/child"
	"tributary/ingest/lease"
	"tributary/ingest/remote"
	"tributary/ingest/signature"
	"tributary/ingest/state"
	"tributary/ingest/token"
	"tributary/relay"
	"tributary/relay/admin"
	"tributary/relay/delivery"
	"tributary/stream"
)

// Daemon is the whole program, built and not yet running.
type Daemon struct {
	cfg      config.Config
	version  string
	log      *slog.Logger
	registry *prometheus.Registry
	parts    parts
	closers  []closer // in the order of opening

	data      *dataDir
	community relay.Community
	public    net.Listener
	debug     net.Listener
	brokerPid func() int

	db        *state.DB
	leases    *lease.Keeper
	tokens    *token.Store
	key       *rsa.PrivateKey
	signer    *signature.Signer
	remote    *remote.Client
	ingest    *ingest.Log
	queue     *ingest.FetchQueue
	admission *ingest.Admission
	relay     *relay.Relay
	engine    *delivery.Engine
	stream    *stream.Server
	admin     *admin.Service
	index     atomic.Pointer[index.Index] // nil until it is there
	indexed   bool                        // there is or will be one
	api       current
	children  *child.Metrics
}

type closer struct {
	name  string
	close func() error
}

func (d *Daemon) onClose(name string, f func() error) {
	d.closers = append(d.closers, closer{name, f})
}

// Build opens everything. After an error nothing is left open.
func Build(ctx context.Context, cfg config.Config, version string, log *slog.Logger) (*Daemon, error) {
	d := &Daemon{cfg: cfg, version: version, log: log, registry: prometheus.NewRegistry(), parts: parts{log: log}}
	d.children = child.NewMetrics(d.registry)
	d.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// open is the order of dependence. The listeners are taken first: a port in use
// is told at once, and probes get an answer while the log is read.
func (d *Daemon) open(ctx context.Context) (err error) {
	if d.data, err = openDataDir(ctx, d.cfg.Data); err != nil {
		return err
	}
	d.onClose("data directory", d.data.close)
	if d.community, err = relay.NewCommunity(d.cfg.URL); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	for _, step := range []func(context.Context) error{
		d.listen, d.openState, d.openLeases, d.openEgress, d.openLog, d.openRelay, d.openIndex,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return errors.Join(d.openAdmin(), d.openStream(), d.servePublic())
}

// Run runs until ctx ends, then ends everything in order and closes it.
func (d *Daemon) Run(ctx context.Context) error {
	err := d.parts.run(ctx)
	return errors.Join(err, d.close())
}

// close closes what was opened, last first.
func (d *Daemon) close() error {
	var failed []error
	for i := len(d.closers) - 1; i >= 0; i-- {
		if err := d.closers[i].close(); err != nil && !errors.Is(err, net.ErrClosed) {
			failed = append(failed, fmt.Errorf("close %s: %w", d.closers[i].name, err))
		}
	}
	d.closers = nil
	return errors.Join(failed...)
}

// Ready is closed when the program may be used.
func (d *Daemon) Ready() <-chan struct{} { return d.ingest.Ready() }

// Greet tells where the program listens and what to do next.
func (d *Daemon) Greet(w io.Writer) {
	c := d.community
	fmt.Fprintf(w, `Tributary is listening.

  Public:   %s  (bound to %s)
  Debug:    http://%s/readyz  /metrics
  Data:     %s

  To subscribe a server, paste this into its relay form:
    Mastodon, Misskey, Hollo …          %s
    Pleroma, GoToSocial, Friendica …    %s

  To watch the firehose:
    %s

  To read timelines, and search (Mastodon's API):
    %s

  To see who subscribed, and how deliveries go:
    tributary admin --data %s subscribers list
`, c.Base(), d.public.Addr(), d.debug.Addr(), d.data.path, c.Inbox(), c.Actor(), d.firehoseHint(), d.timelineHint(), d.data.path)
}

func (d *Daemon) timelineHint() string {
	if !d.indexed {
		return "off: there is no index, by clickhouse.url or for want of its library (the log says which)"
	}
	return d.community.Base() + "/api/v1/timelines/public"
}

func (d *Daemon) firehoseHint() string {
	url := "ws" + d.community.Base()[len("http"):] + "/api/v1/firehose"
	if d.cfg.Dev {
		return url + "  (no token needed: --dev)"
	}
	return url + "?access_token=TOKEN\n    (make one with: tributary admin token create --scope read)"
}
