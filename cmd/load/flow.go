package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/spf13/cobra"

	"tributary/relay/simulator"
)

// flow measures how long a post takes from the inbox to the firehose and to the
// subscribers.
type flow struct {
	serverFlags
	servers     int
	subscribers int
	rate        float64
	duration    time.Duration
	seed        uint64
	json        bool
	search      bool

	mu      sync.Mutex
	needles int                  // posts accepted beside those of the rate
	found   []time.Duration      // from the POST to the first search that finds the post
	sent    map[string]time.Time // by object URI, when its POST began
	acks    []time.Duration
	frames  []time.Duration
	bad     int // answers that were no 2xx
}

func newFlow() *cobra.Command {
	f := &flow{sent: map[string]time.Time{}}
	cmd := &cobra.Command{
		Use:   "flow",
		Short: "Send signed posts at a rate; report the time to the answer, the firehose and the subscribers",
		Example: `  go run ./cmd/load flow --program bin/tributary --rate 50
  bin/tributary serve --dev --data /tmp/load &
  go run ./cmd/load flow --rate 50 --servers 3 --subscribers 10 --duration 30s --pid $!`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := f.run(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return report.print(cmd.OutOrStdout(), f.json)
		},
	}
	f.register(cmd)
	cmd.Flags().IntVar(&f.servers, "servers", 3, "servers that post")
	cmd.Flags().IntVar(&f.subscribers, "subscribers", 10, "servers that only receive")
	cmd.Flags().Float64Var(&f.rate, "rate", 50, "posts a second, of all servers together")
	cmd.Flags().DurationVar(&f.duration, "duration", 20*time.Second, "how long to post")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of what is written")
	cmd.Flags().BoolVar(&f.search, "search", false, "also post one a second with a word of its own, and search for it until it is found")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (f *flow) run(ctx context.Context, progress io.Writer) (*report, error) {
	srv, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	f.target = srv.target
	world, err := simulator.New(f.seed, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer world.Close()
	senders, receivers, err := f.populate(ctx, world)
	if err != nil {
		return nil, err
	}
	conn, _, err := websocket.DefaultDialer.DialContext(ctx, "ws"+strings.TrimPrefix(f.target, "http")+"/api/v1/firehose", nil)
	if err != nil {
		return nil, fmt.Errorf("firehose: %w", err)
	}
	var watching sync.WaitGroup
	watching.Go(func() { f.watch(conn) })
	m := begin(srv)
	var searching sync.WaitGroup
	if f.search {
		searching.Go(func() { f.searchEach(ctx, senders[0]) })
	}
	f.post(ctx, senders, progress)
	searching.Wait()
	f.settle(ctx, receivers)
	r := f.report(receivers)
	r.Interrupted = ctx.Err() != nil
	m.finish(r)
	_ = conn.Close()
	watching.Wait()
	f.mu.Lock() // the firehose has ended
	defer f.mu.Unlock()
	r.Times = append(r.Times, percentiles("post → firehose", f.frames))
	return r, nil
}

// populate makes the servers and subscribes all of them.
func (f *flow) populate(ctx context.Context, world *simulator.World) (senders, receivers []*simulator.Server, err error) {
	author := simulator.Account{Name: "author", Discoverable: true, Indexable: true}
	for i := range f.servers + f.subscribers {
		s, err := world.Server(simulator.Config{Accounts: []simulator.Account{author}, DiscardBodies: true})
		if err != nil {
			return nil, nil, err
		}
		if _, answer, err := s.Follow(ctx, f.inbox()); err != nil || !answer.OK() {
			return nil, nil, errors.Join(fmt.Errorf("follow: status %d", answer.Status), err)
		}
		wait, cancel := context.WithTimeout(ctx, 10*time.Second)
		_, err = s.AwaitFollow(wait, f.inbox())
		cancel()
		if err != nil {
			return nil, nil, fmt.Errorf("follow was not answered: %w", err)
		}
		if i < f.servers {
			senders = append(senders, s)
		} else {
			receivers = append(receivers, s)
		}
	}
	return senders, receivers, nil
}

func (f *flow) inbox() string { return f.target + "/inbox" }

// post sends at the rate, whether answers come or not: what is slow queues up
// at the relay, as it would in life.
func (f *flow) post(ctx context.Context, senders []*simulator.Server, progress io.Writer) {
	var posting sync.WaitGroup
	defer posting.Wait()
	tick := time.NewTicker(time.Duration(float64(time.Second) / f.rate))
	defer tick.Stop()
	end := time.After(f.duration)
	var sent atomic.Int64
	defer show(progress, func() string { return fmt.Sprintf("%d posts sent", sent.Load()) })()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-end:
			return
		case <-tick.C:
		}
		s := senders[n%len(senders)]
		sent.Add(1)
		posting.Go(func() { f.one(ctx, s) })
	}
}

func (f *flow) one(ctx context.Context, s *simulator.Server) {
	a, err := s.Create(simulator.Post{Author: "author", Content: "<p>" + strings.Repeat("a post of some length, ", 60) + "</p>"})
	if err != nil {
		return
	}
	start := time.Now()
	f.mu.Lock()
	f.sent[a.Object] = start
	f.mu.Unlock()
	answer, err := s.Send(ctx, f.inbox(), a)
	took := time.Since(start)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil || !answer.OK() {
		f.bad++
		return
	}
	f.acks = append(f.acks, took)
}

// watch reads the firehose until the connection is closed.
func (f *flow) watch(conn *websocket.Conn) {
	for {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			return
		}
		now := time.Now()
		var head struct {
			Kind string `json:"kind"`
			URI  string `json:"uri"`
		}
		if json.Unmarshal(frame, &head) != nil || head.Kind != "create" {
			continue
		}
		f.mu.Lock()
		if sent, ok := f.sent[head.URI]; ok {
			f.frames = append(f.frames, now.Sub(sent))
		}
		f.mu.Unlock()
	}
}

// settle waits until everything has arrived, or nothing comes any more.
func (f *flow) settle(ctx context.Context, receivers []*simulator.Server) {
	last, since := -1, time.Now()
	for ctx.Err() == nil && time.Since(since) < 3*time.Second {
		n := 0
		for _, r := range receivers {
			n += len(r.Received())
		}
		if n >= (len(f.acks)+f.needles)*len(receivers) {
			return
		}
		if n != last {
			last, since = n, time.Now()
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (f *flow) report(receivers []*simulator.Server) *report {
	f.mu.Lock()
	defer f.mu.Unlock()
	var arrivals []time.Duration
	for _, r := range receivers {
		for _, d := range r.Deliveries() {
			if sent, ok := f.sent[d.Object]; ok && d.Received() {
				arrivals = append(arrivals, d.Time.Sub(sent))
			}
		}
	}
	r := &report{
		Command: "flow", Posts: len(f.acks) + f.needles, Refused: f.bad,
		Unit: "delivery", Units: len(arrivals), Expected: len(f.acks) * len(receivers),
	}
	if len(receivers) == 0 {
		r.Unit, r.Units, r.Expected = "post", len(f.acks), 0
	}
	r.Times = []spread{percentiles("post → answer", f.acks), percentiles("post → subscriber", arrivals), percentiles("post → search", f.found)}
	return r
}
