package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"tributary/relay/simulator"
)

// The shares of the simulated servers.
const (
	shareSlow     = 0.08
	shareDead     = 0.08
	shareLying    = 0.02
	shareFlooding = 0.02
	strangerEvery = 8 // of the good ones, one does not subscribe and posts all the same
)

// Good servers go away for a while, one at a time, so that what a breaker does can be seen.
const (
	awayEvery = 20 * time.Second
	awayFor   = 12 * time.Second
)

// followers subscribe at once; each costs the relay a fetch and a signature.
const followers = 8

// world is the fediverse around the relay.
type world struct {
	*simulator.World
	all         []*simulator.Server
	subscribers []*simulator.Server
	rng         *rand.Rand
}

// newWorld starts the servers.
func newWorld(o options) (*world, error) {
	made, err := simulator.New(o.seed, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	w := &world{World: made, rng: rand.New(rand.NewPCG(o.seed, 1))}
	w.all, err = made.Populate(simulator.Population{
		Servers: o.servers, Slow: shareSlow, Dead: shareDead, Lying: shareLying, Flooding: shareFlooding,
		DiscardBodies: true, Remember: 100,
	})
	if err != nil {
		made.Close()
		return nil, err
	}
	good := 0
	for _, s := range w.all {
		if s.Nature() == simulator.Good {
			if good++; good%strangerEvery == 0 {
				continue
			}
		}
		w.subscribers = append(w.subscribers, s)
	}
	return w, nil
}

// census counts the servers.
func (w *world) census() census {
	c := census{servers: len(w.all), subscribed: len(w.subscribers), strangers: len(w.all) - len(w.subscribers)}
	for _, nature := range []simulator.Nature{simulator.Slowly, simulator.Dead, simulator.Lying, simulator.Flooding} {
		n := 0
		for _, s := range w.all {
			if s.Nature() == nature {
				n++
			}
		}
		if n > 0 {
			c.natures = append(c.natures, tally{name: string(nature), n: float64(n)})
		}
	}
	return c
}

// residents are the servers by host, as the simulation knows them.
func (w *world) residents() map[string]*resident {
	all := map[string]*resident{}
	for _, s := range w.all {
		all[s.Host()] = &resident{software: s.Software(), nature: string(s.Nature())}
	}
	return all
}

// subscribe lets those who want to follow the relay, and waits for its answers; told is
// called with how many have theirs.
func (w *world) subscribe(ctx context.Context, base string, told func(int)) error {
	var group errgroup.Group
	group.SetLimit(followers)
	done := make(chan struct{}, len(w.subscribers))
	for _, s := range w.subscribers {
		group.Go(func() error {
			if err := follow(ctx, s, base); err != nil {
				return err
			}
			done <- struct{}{}
			told(len(done))
			return nil
		})
	}
	return group.Wait()
}

func follow(ctx context.Context, s *simulator.Server, base string) error {
	_, answer, err := s.Subscribe(ctx, base+"/inbox", base+"/actor")
	if err == nil && !answer.OK() {
		_, answer, err = s.Follow(ctx, base+"/inbox")
	}
	if err != nil {
		return fmt.Errorf("demo: subscribing a server: %w", err)
	}
	if !answer.OK() {
		return fmt.Errorf("demo: the relay answered a Follow with %d: %s", answer.Status, printable(string(answer.Body)))
	}
	return nil
}

// weather lets good servers go away and come back until ctx ends; told is called with
// how many are away.
func (w *world) weather(ctx context.Context, told func(int)) {
	var healthy []*simulator.Server
	for _, s := range w.subscribers {
		if s.Nature() == simulator.Good {
			healthy = append(healthy, s)
		}
	}
	if len(healthy) < 2 {
		return
	}
	for wait(ctx, awayEvery-awayFor) {
		s := healthy[w.rng.IntN(len(healthy))]
		s.Down()
		told(1)
		back := wait(ctx, awayFor)
		if err := s.Up(); err == nil {
			told(0)
		}
		if !back {
			return
		}
	}
}
