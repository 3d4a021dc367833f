package daemon

import (
	"context"
	"runtime"

	"tributary/ingest"
	"tributary/ingest/remote"
	"tributary/ingest/signature"
	"tributary/ingest/state"
	"tributary/ingest/token"
	"tributary/relay"
)

// openState opens the state database, and what needs nothing else.
func (d *Daemon) openState(ctx context.Context) error {
	db, err := state.Open(ctx, d.cfg.Database.URL, d.log)
	if err != nil {
		return err
	}
	d.onClose("state database", db.Close)
	db.Observe(state.NewMetrics(d.registry))
	d.db, d.tokens = db, token.New(db)
	return nil
}

// openEgress loads the relay actor's key, or makes it at the first start, and
// the one HTTP client, which signs with it.
func (d *Daemon) openEgress(ctx context.Context) error {
	key, err := relay.LoadKey(ctx, d.db, d.community.Actor())
	if err != nil {
		return err
	}
	parallel := d.cfg.Delivery.Signers
	if parallel == 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	d.key = key
	d.signer = signature.NewSigner(d.community.KeyID(), key, parallel)
	signature.RegisterMetrics(d.registry, d.signer)
	d.openSigner(ctx)
	d.remote = remote.New(remote.Config{
		AllowPrivate: d.cfg.Dev, AllowHTTP: d.cfg.Dev,
		UserAgent: "Tributary/" + d.version + " (+" + d.community.Base() + ")",
	}, d.signer, d.db, d.log, d.registry)
	d.onClose("egress", func() error { d.remote.Close(); return nil })
	return nil
}

// openLog connects to the log and compares it with the state database.
func (d *Daemon) openLog(ctx context.Context) error {
	k, err := d.openKafka(ctx)
	if err != nil {
		return err
	}
	d.ingest, err = ingest.Open(ctx, ingest.Config{
		Kafka: k, DB: d.db, Logger: d.log, Registerer: d.registry, Leases: d.leases, Follow: !d.cfg.Role(roleState),
	})
	if err != nil {
		return err
	}
	d.queue = ingest.NewFetchQueue(d.ingest, d.remote, func(uri string) bool {
		return d.relay.Blocked(uri) // the queue runs when the relay is there
	})
	d.admission = ingest.NewAdmission(d.ingest, d.queue)
	d.parts.add("log", d.ingest.Run)
	if d.cfg.Role(roleFetch) {
		d.parts.add("fetch queue", d.queue.Run)
	}
	return nil
}
