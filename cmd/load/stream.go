package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// streamLoad measures frames to clients of the streams.
type streamLoad struct {
	serverFlags
	clients  int
	kinds    []string
	slow     float64
	rate     float64
	duration time.Duration
	size     int
	json     bool
}

func newStream() *cobra.Command {
	l := &streamLoad{}
	cmd := &cobra.Command{
		Use:   "stream",
		Short: "Post to a relay with N streaming clients; report frames, and the time until they arrive",
		Long: `Opens N clients of the kinds given, side by side, and posts at a rate. Slow
clients read one frame a second; times are those of the others.

  firehose   WebSocket /api/v1/firehose
  mastodon   WebSocket /api/v1/streaming?stream=public
  sse        /api/v1/streaming/public, server-sent events`,
		Example: `  go run ./cmd/load stream --program bin/tributary --clients 500 --rate 20
  go run ./cmd/load stream --program bin/tributary --clients 200 --slow 0.5 --kinds firehose`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := l.run(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return r.print(cmd.OutOrStdout(), l.json)
		},
	}
	l.register(cmd)
	flags := cmd.Flags()
	flags.IntVar(&l.clients, "clients", 300, "clients in all")
	flags.StringSliceVar(&l.kinds, "kinds", []string{"firehose", "mastodon", "sse"}, "kinds of clients, in turn")
	flags.Float64Var(&l.slow, "slow", 0, "share of the clients that is slow, 0 to 1")
	flags.Float64Var(&l.rate, "rate", 20, "posts a second")
	flags.DurationVar(&l.duration, "duration", 15*time.Second, "how long to post")
	flags.IntVar(&l.size, "size", 1400, "bytes of a post's text")
	flags.BoolVar(&l.json, "json", false, "print JSON")
	return cmd
}

func (l *streamLoad) run(ctx context.Context, progress io.Writer) (*report, error) {
	if l.clients < 1 || l.rate <= 0 || l.slow < 0 || l.slow > 1 || len(l.kinds) == 0 {
		return nil, errors.New("there is at least one client, of one kind, a rate above 0, and a share of slow ones from 0 to 1")
	}
	srv, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	w, err := newWorld()
	if err != nil {
		return nil, err
	}
	defer w.close()
	host, err := w.add(nil, false, true, nil)
	if err != nil {
		return nil, err
	}
	if err := host.follow(ctx, srv.target, instance); err != nil {
		return nil, err
	}
	posts, err := host.prepare(ctx, srv.target, 0, max(int(l.rate*l.duration.Seconds()), 1), l.size, progress)
	if err != nil {
		return nil, err
	}
	s := newSender(srv.target, 16, 0, len(posts))
	idle := usage(srv.pid)
	a := newAudience(s)
	defer a.close()
	if err := a.open(ctx, srv.target, l.clients, l.kinds, l.slow); err != nil {
		return nil, err
	}
	return l.measure(ctx, srv, a, s, posts, idle, progress), nil
}

func (l *streamLoad) measure(ctx context.Context, srv *server, a *audience, s *sender, posts []prepared, idle []processUsage, progress io.Writer) *report {
	connected := usage(srv.pid)
	quick := int64(a.quick)
	stop := show(progress, func() string {
		return fmt.Sprintf("%d of %d posts taken, %d of %d frames", s.done.Load(), len(posts), a.frames.Load(), s.done.Load()*quick)
	})
	m := begin(srv)
	s.send(ctx, posts, l.rate)
	a.settle(ctx, s.done.Load()*quick)
	stop()
	r := &report{
		Command: "stream", Interrupted: ctx.Err() != nil, Posts: int(s.done.Load()), Refused: int(s.refused.Load()),
		Unit: "frame", Units: int(a.frames.Load() + a.slowFrames.Load()), Expected: int(s.done.Load()*quick + a.slowFrames.Load()),
	}
	m.finish(r)
	r.Times = append([]spread{percentiles("post → answer", s.answers)}, a.times()...)
	r.Notes = append(r.Notes, fmt.Sprintf("%d clients (%s), %d of them slow, who read %d frames", l.clients, strings.Join(l.kinds, ", "), l.clients-a.quick, a.slowFrames.Load()))
	if n := a.lost.Load(); n > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d clients lost their connection", n))
	}
	if len(idle) > 0 && len(connected) > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%.1f KiB of the relay's memory a client before the first post", (connected[0].RSSMiB-idle[0].RSSMiB)*1024/float64(l.clients)))
	}
	return r
}
