package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// patience is how long a run waits for deliveries when none comes any more.
const patience = 5 * time.Second

// relayLoad measures deliveries to subscribers.
type relayLoad struct {
	serverFlags
	subscribers int
	hosts       int
	rate        float64
	duration    time.Duration
	posts       int
	size        int
	dead        float64
	how         string
	delay       time.Duration
	tls, http2  bool
	software    string
	table       bool
	offered     float64
	json        bool
}

func newRelay() *cobra.Command {
	l := &relayLoad{}
	cmd := &cobra.Command{
		Use:   "relay",
		Short: "Post to a relay with N subscribers; report deliveries, and the time until they arrive",
		Long: `Starts N subscribers in this process, subscribes them, lets a share of them die,
and posts: at a rate, or with --rate 0 so many --posts as fast as they are taken.
Reports deliveries a second, the relay's processor time and new connections a delivery,
p50, p95 and p99 from the post to the subscriber, and memory (the relay's with --program
or --pid). Times and counts are those of the subscribers who live.`,
		Example: `  go run ./cmd/load relay --program bin/tributary --subscribers 300 --rate 2 --dead 0.1 --dead-how mix
  go run ./cmd/load relay --program bin/tributary --subscribers 50 --rate 0 --posts 200 --http2
  go run ./cmd/load relay --program bin/tributary --subscribers 50 --rate 5 --size 20000 --tls --delay 200ms --json
  go run ./cmd/load relay --program bin/tributary --subscribers 1000 --hosts 100 --rate 1 --duration 1m --dead 0.3 --dead-how error
  go run ./cmd/load relay --program bin/tributary --table
  bin/tributary serve --dev --data /tmp/load &
  go run ./cmd/load relay --subscribers 50 --rate 10 --pid $!`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := l.validate(); err != nil {
				return err
			}
			if l.table {
				return l.matrix(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			r, err := l.run(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return r.print(cmd.OutOrStdout(), l.json)
		},
	}
	l.register(cmd)
	flags := cmd.Flags()
	flags.IntVar(&l.subscribers, "subscribers", 50, "servers or actors that subscribe")
	flags.IntVar(&l.hosts, "hosts", 0, "hosts that they are spread over, each actor with an inbox path of its own; 0: a host and /inbox for each")
	flags.Float64Var(&l.rate, "rate", 10, "posts a second; 0: as fast as they are taken")
	flags.DurationVar(&l.duration, "duration", 15*time.Second, "how long to post at the rate")
	flags.IntVar(&l.posts, "posts", 200, "posts with --rate 0")
	flags.IntVar(&l.size, "size", 1400, "bytes of a post's text")
	flags.Float64Var(&l.dead, "dead", 0, "share of the hosts that is dead, 0 to 1")
	flags.StringVar(&l.how, "dead-how", "mix", "how they are dead: refuse (connections), hang (take requests and never answer), error (answer 503), mix (half refuse, half hang)")
	flags.DurationVar(&l.delay, "delay", 0, "time that a subscriber takes to answer")
	flags.BoolVar(&l.tls, "tls", false, "subscribers speak https, HTTP/1.1; needs --program")
	flags.BoolVar(&l.http2, "http2", false, "subscribers speak https, HTTP/2; needs --program")
	flags.StringVar(&l.software, "software", "", "what the subscribers say that they run, such as mastodon; a relay may sign once for all that take it")
	flags.BoolVar(&l.table, "table", false, "50, 300 and 1,000 subscribers × 0, 10 and 30 % dead, each with a relay of its own; needs --program")
	flags.Float64Var(&l.offered, "offered", 300, "with --table: deliveries a second that are offered at the steady rate")
	flags.BoolVar(&l.json, "json", false, "print JSON")
	return cmd
}

func (l *relayLoad) validate() error {
	switch {
	case (l.tls || l.http2 || l.table) && l.program == "":
		return errors.New("--tls, --http2 and --table need --program: the relay must trust a certificate that is made here, or be a new one each time")
	case l.rate < 0 || l.rate == 0 && l.posts < 1 || l.size < 0 || l.delay < 0 || l.rate > 0 && l.duration <= 0:
		return errors.New("--rate, --size and --delay are not negative; --posts and --duration are more than nothing")
	case l.dead < 0 || l.dead >= 1:
		return fmt.Errorf("--dead %v: it is a share, from 0 to less than 1", l.dead)
	case l.subscribers < 1 || l.hosts < 0 || l.hosts > l.subscribers:
		return errors.New("there are no more --hosts than --subscribers, of which there is at least one")
	}
	return validDeath(l.how)
}

// arena is a relay with its subscribers and one host that posts.
type arena struct {
	load    *relayLoad
	server  *server
	world   *world
	ca      *authority
	poster  *party
	sink    *sink
	numbers int // posts written so far
}

func (l *relayLoad) open(ctx context.Context, progress io.Writer) (a *arena, err error) {
	a = &arena{load: l}
	defer func() {
		if err != nil {
			a.close()
			a = nil
		}
	}()
	var env []string
	if l.tls || l.http2 {
		if a.ca, err = newAuthority(); err != nil {
			return a, err
		}
		env = append(env, "SSL_CERT_FILE="+a.ca.file())
	}
	if a.server, err = l.serverFlags.open(ctx, env...); err != nil {
		return a, err
	}
	if a.world, err = newWorld(); err != nil {
		return a, err
	}
	if a.poster, err = a.world.add(nil, false, true, nil); err != nil {
		return a, err
	}
	if err = a.poster.follow(ctx, a.server.target, instance); err != nil {
		return a, err
	}
	fmt.Fprintf(progress, "subscribing %d\n", l.subscribers)
	hosts := l.hosts
	if hosts == 0 {
		hosts = l.subscribers
	}
	if a.sink, err = newSink(ctx, a.world, a.server.target, l.software, l.subscribers, hosts, a.ca, l.http2); err != nil {
		return a, err
	}
	a.sink.delay = l.delay
	a.sink.kill(l.dead, l.how)
	return a, nil
}

func (a *arena) close() {
	if a.server != nil {
		a.server.stop()
	}
	if a.world != nil {
		a.world.close()
	}
	if a.ca != nil {
		a.ca.close()
	}
}

// phase posts so many and waits until they arrived.
func (a *arena) phase(ctx context.Context, posts int, rate float64, progress io.Writer) (*report, error) {
	ready, err := a.poster.prepare(ctx, a.server.target, a.numbers, posts, a.load.size, progress)
	if err != nil {
		return nil, err
	}
	conns := 64
	s := newSender(a.server.target, conns, a.numbers, posts)
	a.numbers += posts
	a.sink.sender.Store(s)
	live, before, opened := int64(a.sink.live()), a.sink.arrived.Load(), a.sink.connections()
	stop := show(progress, func() string {
		return fmt.Sprintf("%d of %d posts taken, %d of %d deliveries", s.done.Load(), posts, a.sink.arrived.Load()-before, s.done.Load()*live)
	})
	m := begin(a.server)
	s.send(ctx, ready, rate)
	a.sink.settle(ctx, before+s.done.Load()*live, patience)
	stop()
	r := &report{
		Command: "relay", Interrupted: ctx.Err() != nil, Posts: int(s.done.Load()), Refused: int(s.refused.Load()),
		Unit: "delivery", Units: int(a.sink.arrived.Load() - before), Expected: int(s.done.Load() * live),
		NewConns: a.sink.connections() - opened,
	}
	m.finish(r)
	r.Times = []spread{percentiles("post → answer", s.answers), percentiles("post → subscriber", a.sink.times())}
	return r, nil
}

func (l *relayLoad) run(ctx context.Context, progress io.Writer) (*report, error) {
	a, err := l.open(ctx, progress)
	if err != nil {
		return nil, err
	}
	defer a.close()
	posts := l.posts
	if l.rate > 0 {
		posts = max(int(l.rate*l.duration.Seconds()), 1)
	}
	r, err := a.phase(ctx, posts, l.rate, progress)
	if err != nil {
		return nil, err
	}
	r.Notes = []string{fmt.Sprintf("%d of %d subscribers live", a.sink.live(), l.subscribers)}
	return r, nil
}
