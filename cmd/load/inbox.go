package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// inboxLoad measures how many signed posts a second the relay accepts.
type inboxLoad struct {
	serverFlags
	posts       int
	connections int
	size        int
	json        bool
}

func newInbox() *cobra.Command {
	l := &inboxLoad{}
	cmd := &cobra.Command{
		Use:   "inbox",
		Short: "Send posts that were signed before, as fast as they are answered; report posts a second",
		Example: `  go run ./cmd/load inbox --program bin/tributary --posts 30000 --connections 64
  bin/tributary serve --dev --data /tmp/load &
  go run ./cmd/load inbox --posts 20000 --pid $!`,
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
	cmd.Flags().IntVar(&l.posts, "posts", 20_000, "posts in all")
	cmd.Flags().IntVar(&l.connections, "connections", 64, "requests under way")
	cmd.Flags().IntVar(&l.size, "size", 1400, "bytes of a post's text, which stands in it twice as Mastodon has it")
	cmd.Flags().BoolVar(&l.json, "json", false, "print JSON")
	return cmd
}

func (l *inboxLoad) run(ctx context.Context, progress io.Writer) (*report, error) {
	if l.posts < 2 || l.connections < 1 {
		return nil, errors.New("there are at least two --posts, and one of --connections")
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
	posts, err := host.prepare(ctx, srv.target, 0, l.posts, l.size, progress)
	if err != nil {
		return nil, err
	}
	s := newSender(srv.target, l.connections, 0, l.posts)
	s.send(ctx, posts[:1], 0) // the relay fetches the author's key, for which not all can wait
	m := begin(srv)
	stop := show(progress, func() string {
		return fmt.Sprintf("%d of %d posts taken, %d refused", s.done.Load(), l.posts, s.refused.Load())
	})
	s.send(ctx, posts[1:], 0)
	stop()
	r := &report{Command: "inbox", Interrupted: ctx.Err() != nil, Unit: "post", Posts: int(s.done.Load()), Units: int(s.done.Load()), Refused: int(s.refused.Load())}
	m.finish(r)
	r.Times = []spread{percentiles("post → answer", s.answers)}
	r.Notes = []string{fmt.Sprintf("%d bytes a request; the sender's signatures were made before", len(posts[0].wire))}
	return r, nil
}
