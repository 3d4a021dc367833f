package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"
)

// dayLoad sends as many posts as a large relay sees in a day, as fast as they go
// through everything: inbox, log, state database, subscribers, streams, index.
type dayLoad struct {
	relayLoad
	clients int
	chunk   int
}

func newDay() *cobra.Command {
	l := &dayLoad{relayLoad: relayLoad{how: "mix"}}
	cmd := &cobra.Command{
		Use:   "day",
		Short: "Send a day's posts through everything; report time, memory and disk",
		Long: `Sends signed posts in chunks: each is signed first, which is not measured, then
sent as fast as it is taken, and the next waits until subscribers and streams
have all of it. With --index the index is on.`,
		Example: `  go run ./cmd/load day --program bin/tributary --posts 100000 --index
  go run ./cmd/load day --program bin/tributary --posts 1000000 --subscribers 3 --clients 20 --index`,
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
	flags.IntVar(&l.posts, "posts", 1_000_000, "posts in all")
	flags.IntVar(&l.chunk, "chunk", 10_000, "posts signed and sent in one go: no more than lanes take without being held back")
	flags.IntVar(&l.subscribers, "subscribers", 1, "servers that subscribe; each delivery is an RSA signature of the relay's")
	flags.IntVar(&l.clients, "clients", 9, "streaming clients: firehose, mastodon, sse in turn")
	flags.IntVar(&l.size, "size", 1400, "bytes of a post's text")
	flags.BoolVar(&l.json, "json", false, "print JSON")
	return cmd
}

func (l *dayLoad) run(ctx context.Context, progress io.Writer) (*report, error) {
	if l.posts < 1 || l.chunk < 1 || l.subscribers < 1 || l.clients < 0 {
		return nil, errors.New("there is at least one of --posts, --chunk and --subscribers")
	}
	a, err := l.open(ctx, progress)
	if err != nil {
		return nil, err
	}
	defer a.close()
	listening := newAudience(nil)
	defer listening.close()
	if err := listening.open(ctx, a.server.target, l.clients, []string{"firehose", "mastodon", "sse"}, 0); err != nil {
		return nil, err
	}
	whole := begin(a.server)
	total := &report{Command: "day", Unit: "post"}
	var busy float64
	for total.Posts+total.Refused < l.posts && ctx.Err() == nil {
		n := min(l.chunk, l.posts-total.Posts-total.Refused)
		r, err := a.phase(ctx, n, 0, progress)
		if err != nil {
			break // ctx ended while signing
		}
		total.Posts, total.Refused, busy = total.Posts+r.Posts, total.Refused+r.Refused, busy+r.Seconds
		total.Notes = []string{fmt.Sprintf("%d of %d deliveries, %d frames", a.sink.arrived.Load(), total.Posts*l.subscribers, listening.seen.Load())}
		total.Times = r.Times // of the newest chunk
	}
	total.Interrupted, total.Units = ctx.Err() != nil, total.Posts
	whole.finish(total)
	total.Notes = append(total.Notes, fmt.Sprintf("%.1f s without the signing between the chunks", busy), "times are those of the last chunk")
	total.Seconds, total.PerSecond = busy, float64(total.Posts)/busy
	if size := folderMiB(a.server.data); size > 0 {
		total.Notes = append(total.Notes, fmt.Sprintf("%.0f MiB on disk, %.0f bytes a post", size, size*(1<<20)/float64(max(total.Posts, 1))))
	}
	return total, nil
}

// folderMiB is what the files of a folder hold, 0 without one.
func folderMiB(dir string) float64 {
	var bytes int64
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // a file that went away counts nothing
		}
		if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return float64(bytes) / (1 << 20)
}
