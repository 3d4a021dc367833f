package daemon

import (
	"context"
	"time"

	"tributary/ingest"
	"tributary/ingest/token"
	"tributary/relay/delivery"
	"tributary/relay/web"
)

// openSite makes the pages that people read.
func (d *Daemon) openSite() *web.Site {
	site := web.New(web.Config{
		Relay: d.relay, Retention: d.cfg.Kafka.RetentionAge, Search: !d.cfg.ClickHouse.Off(), Figures: d.figures,
	})
	d.parts.add("pages", site.Run)
	return site
}

func (d *Daemon) figures(ctx context.Context) (web.Figures, error) {
	tail := d.ingest.Tail()
	f := web.Figures{Tip: tail.Tip(), LogStart: tail.Start(), Readers: d.stream.Clients(), Lanes: make(map[string]string)}
	var err error
	if f.Day, f.Ever, err = ingest.PostsByTier(ctx, d.db, time.Now()); err != nil {
		return f, err
	}
	lanes, err := d.engine.Status(ctx)
	for _, lane := range lanes {
		f.Delivered += lane.Delivered
		if known, ok := f.Lanes[lane.Host]; !ok || lane.State.Worse(delivery.State(known)) {
			f.Lanes[lane.Host] = string(lane.State)
		}
	}
	return f, err
}

// operator accepts a token with the scope admin.
func (d *Daemon) operator(ctx context.Context, secret string) error {
	_, err := d.tokens.Verify(ctx, secret, token.Admin)
	return err
}
