package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"tributary/relay/simulator"
)

// inbox measures how many signed posts a second the relay accepts. They are
// signed before the clock starts: a signature costs its sender more than the
// relay's whole answer.
type inbox struct {
	target      string
	posts       int
	connections int
	seed        uint64
	pid         int
	json        bool
}

func newInbox() *cobra.Command {
	l := &inbox{}
	cmd := &cobra.Command{
		Use:   "inbox",
		Short: "Send posts that were signed before, as fast as they are answered; report posts a second",
		Example: `  bin/tributary serve --dev --data /tmp/load &
  go run ./cmd/load inbox --posts 20000 --connections 64 --pid $!`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := l.run(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return r.print(cmd.OutOrStdout(), l.json)
		},
	}
	cmd.Flags().StringVar(&l.target, "target", "http://127.0.0.1:8080", "base URL of the relay")
	cmd.Flags().IntVar(&l.posts, "posts", 10_000, "posts in all")
	cmd.Flags().IntVar(&l.connections, "connections", 64, "requests under way")
	cmd.Flags().Uint64Var(&l.seed, "seed", 1, "seed of what is written")
	cmd.Flags().IntVar(&l.pid, "pid", 0, "process of the relay, to report its processor time and memory")
	cmd.Flags().BoolVar(&l.json, "json", false, "print JSON")
	return cmd
}

// signed is a request that can be sent once.
type signed struct {
	header http.Header
	body   []byte
}

func (l *inbox) run(ctx context.Context, progress io.Writer) (*report, error) {
	world, err := simulator.New(l.seed, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer world.Close()
	f := &flow{target: l.target, servers: 1}
	senders, _, err := f.populate(ctx, world)
	if err != nil {
		return nil, err
	}
	requests, err := l.sign(ctx, senders[0], progress)
	if err != nil {
		return nil, err
	}
	before := usage(l.pid)
	started := time.Now()
	answers, refused := l.send(ctx, requests)
	elapsed := time.Since(started)
	return &report{
		Posts: len(requests), Refused: refused, Seconds: elapsed.Seconds(),
		Answer: percentiles(answers), Process: usage(l.pid).since(before),
	}, nil
}

func (l *inbox) sign(ctx context.Context, s *simulator.Server, progress io.Writer) ([]signed, error) {
	all := make([]signed, l.posts)
	errs := make([]error, l.posts)
	var next atomic.Int64
	var signing sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		signing.Go(func() {
			for i := int(next.Add(1)) - 1; i < l.posts && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				all[i], errs[i] = l.one(ctx, s)
				if i%5000 == 4999 {
					fmt.Fprintf(progress, "%d of %d posts signed\n", i+1, l.posts)
				}
			}
		})
	}
	signing.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all, ctx.Err()
}

func (l *inbox) one(ctx context.Context, s *simulator.Server) (signed, error) {
	a, err := s.Create(simulator.Post{Author: "author", Content: "<p>" + strings.Repeat("a post of some length, ", 60) + "</p>"})
	if err != nil {
		return signed{}, err
	}
	r, err := s.Signed(ctx, l.target+"/inbox", "author", a.Body)
	if err != nil {
		return signed{}, err
	}
	return signed{header: r.Header, body: a.Body}, nil
}

func (l *inbox) send(ctx context.Context, requests []signed) (answers []time.Duration, refused int) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: l.connections}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	var mu sync.Mutex
	var sending sync.WaitGroup
	for range l.connections {
		sending.Go(func() {
			var mine []time.Duration
			bad := 0
			for i := int(next.Add(1)) - 1; i < len(requests) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				start := time.Now()
				if post(ctx, client, l.target+"/inbox", requests[i]) {
					mine = append(mine, time.Since(start))
				} else {
					bad++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			answers, refused = append(answers, mine...), refused+bad
		})
	}
	sending.Wait()
	return answers, refused
}

func post(ctx context.Context, client *http.Client, url string, s signed) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(s.body))
	if err != nil {
		return false
	}
	r.Header = s.header
	resp, err := client.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode/100 == 2
}
