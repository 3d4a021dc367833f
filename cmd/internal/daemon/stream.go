package daemon

import (
	"context"
	"fmt"

	"tributary/stream"
)

// openStream makes the live streams. In dev they are open to everybody who can
// reach the machine's own address.
func (d *Daemon) openStream() error {
	cfg := stream.Config{
		URL: d.community.Base(), MaxClients: d.cfg.Stream.MaxClients, MaxPerIP: d.cfg.Stream.MaxPerIP,
		Heartbeat: d.cfg.Stream.Heartbeat, ClientIP: d.clientIP,
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	auth := d.authenticate
	if d.cfg.Dev {
		auth = nil
	}
	d.stream = stream.New(cfg, d.ingest.Tail(), auth, d.log, d.registry)
	return nil
}

// endStreams adds what tells the streams when all ends. It stands behind the public
// listener, so that it is first: a reader is told where to resume at once, whatever else
// is under way there. Who comes back before the listener is closed gets 503.
func (d *Daemon) endStreams() {
	d.parts.add("streams", func(ctx context.Context) error {
		<-ctx.Done()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), partBudget)
		defer cancel()
		return d.stream.Close(closing)
	})
}

// authenticate accepts a token with the scope read, or the part of it that Mastodon asks for statuses.
func (d *Daemon) authenticate(ctx context.Context, secret string) error {
	_, err := d.tokens.Verify(ctx, secret, "read:statuses")
	return err
}
