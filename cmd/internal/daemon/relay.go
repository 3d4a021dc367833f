package daemon

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"tributary/relay"
	"tributary/relay/admin"
	"tributary/relay/delivery"
)

// openRelay makes the service actor with its inbox and the lanes.
func (d *Daemon) openRelay(ctx context.Context) error {
	tail := d.ingest.Tail()
	r, err := relay.New(ctx, d.community, relay.Config{
		Name: d.cfg.Title, Summary: d.cfg.Description, Contact: d.cfg.Contact, Version: d.version, AnyHost: d.cfg.Dev,
		Mode: relay.Mode(d.cfg.Relay.Mode), PostsPerMinute: d.cfg.Relay.PostsPerMinute, BodyMax: int(d.cfg.Relay.BodyMax),
	}, relay.Deps{
		DB: d.db, Key: d.key, Keys: d.remote, Admission: d.admission,
		Next:     func() uint64 { return tail.Tip() + 1 },
		Enqueue:  delivery.Enqueue,
		Wake:     func() { d.engine.Wake() },
		Alive:    func(ctx context.Context, host string) { d.engine.Alive(ctx, host) },
		Software: d.remote, Lists: d.remote, Leases: d.leases,
		Log: d.log, Registerer: d.registry,
	})
	if err != nil {
		return err
	}
	d.relay = r
	d.engine, err = delivery.New(delivery.Config{
		Window: d.cfg.Delivery.Window, Timeout: d.cfg.Delivery.Timeout, MaxAge: d.cfg.Delivery.MaxAge,
		StaleAfter: d.cfg.Delivery.StaleAfter, PauseAfter: d.cfg.Delivery.PauseAfter,
		CatchUpPerSecond: d.cfg.Delivery.CatchUpPerSecond, FullSignatures: d.cfg.Delivery.SharedSignatures == "off",
	}, delivery.Deps{
		Tail: tail, DB: d.db, Signer: d.signer, Client: d.remote, Subscribers: r.Subscriptions(),
		Actor: d.community.Actor(), KeyID: d.community.KeyOf, Log: d.log, Registerer: d.registry, Leases: d.leases,
	})
	if err != nil {
		return fmt.Errorf("delivery: %w", err)
	}
	d.parts.add("relay", r.Run)
	if d.cfg.Role(roleDelivery) {
		d.parts.add("deliveries", d.deliver)
	}
	return nil
}

// deliver runs the lanes once they can tell what is new from what is old.
func (d *Daemon) deliver(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-d.ingest.Ready():
		return d.engine.Run(ctx)
	}
}

// openAdmin offers the operator's actions on a unix socket.
func (d *Daemon) openAdmin() error {
	tail := d.ingest.Tail()
	d.admin = admin.New(admin.Deps{
		Relay: d.relay, Tokens: d.tokens, DB: d.db, Log: d.log,
		Tip: tail.Tip, LogStart: tail.Start, LogSize: d.logSize, StateCursor: d.ingest.StatePosition, Lanes: d.engine.Status,
		Revive: d.engine.Revive, Replay: d.engine.Replay, SeqAt: tail.SeqAt, MaxAge: d.cfg.Delivery.MaxAge, Query: d.query,
	})
	listener, err := admin.Listen(admin.SocketPath(d.data.path))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: d.admin.Handler(), ReadHeaderTimeout: 5 * time.Second}
	d.parts.add("admin socket", func(ctx context.Context) error {
		return serve(ctx, server, listener)
	})
	return nil
}
