//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"tributary/relay/simulator"
)

// The world of TestRejoin.
const (
	rejoinServers = 8
	rejoinRounds  = 15
	rejoinRate    = 40 // posts per second meanwhile
)

// Servers leave and come back right after a restart, again and again, while posts
// are on their way to them: each time their lanes work.
func TestRejoin(t *testing.T) {
	say := lastWords(t)
	program := newProgram(t, "")
	program.startReady(longerThanTest)
	inbox := program.inbox()
	l := newLoad(t, newWorld(t, 1), inbox, 1, rejoinServers)
	follow(t, inbox, append(l.senders, l.subscribers...)...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); l.run(ctx, rejoinRate, stop) }()

	for round := range rejoinRounds {
		if round%2 == 0 {
			program.kill()
		} else if err := program.stop(); err != nil {
			t.Fatal(err)
		}
		program.startReady(longerThanTest)
		// What one of them holds open must not keep it, or another, from leaving.
		held := l.subscribers[round%rejoinServers]
		held.Behave(simulator.Behaviour{Inbox: simulator.Hold()})
		var rejoining sync.WaitGroup
		for n, s := range l.subscribers {
			rejoining.Go(func() {
				for range 1 + (round+n)%3 {
					if err := rejoin(ctx, inbox, s, s == held); err != nil {
						t.Errorf("round %d: %v", round, err)
						say(program.stuck(s))
						return
					}
				}
			})
		}
		rejoining.Wait()
		if t.Failed() {
			return
		}
		served(t, l, round, func(lacking []*simulator.Server) { say(program.stuck(lacking...)) })
	}
	close(stop)
	<-done
	late := time.AfterFunc(settleTime, cancel)
	l.inFlight.Wait()
	late.Stop()
	for _, s := range l.subscribers {
		for _, wrong := range wrongDeliveries(s, -1, l.posts()) {
			t.Error(wrong)
		}
	}
	if err := program.stop(); err != nil {
		t.Error(err)
	}
}

// rejoin leaves and subscribes again; a server that holds its responses lets go
// when it has left and asked to come back.
func rejoin(ctx context.Context, inbox string, s *simulator.Server, holds bool) error {
	ctx, cancel := context.WithTimeout(ctx, arrivalTime)
	defer cancel()
	if _, response, err := s.Unfollow(ctx, inbox); err != nil || response.Status != http.StatusAccepted {
		return fmt.Errorf("%s cannot leave: %d %q, %w", s.Host(), response.Status, response.Body, err)
	}
	if _, response, err := s.Follow(ctx, inbox); err != nil || response.Status != http.StatusAccepted {
		return fmt.Errorf("%s cannot come back: %d %q, %w", s.Host(), response.Status, response.Body, err)
	}
	if holds {
		s.Behave(simulator.Behaviour{})
	}
	if state, err := s.AwaitFollow(ctx, inbox); err != nil || state != simulator.FollowAccepted {
		return fmt.Errorf("%s came back and is %q: %w", s.Host(), state, err)
	}
	return nil
}

// served checks that a post of now reaches every subscriber, and has those looked at that it
// does not reach.
func served(t *testing.T, l *load, round int, look func(lacking []*simulator.Server)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), arrivalTime)
	defer cancel()
	posted, response, err := l.senders[0].Post(ctx, l.inbox, simulator.Post{Author: shown})
	if err != nil || response.Status != http.StatusAccepted {
		t.Fatalf("round %d: post: %d %q, %v", round, response.Status, response.Body, err)
	}
	var lacking []*simulator.Server
	for _, s := range l.subscribers {
		if _, err := s.Await(ctx, func(d simulator.Delivery) bool { return d.Object == posted.Object && d.Received() }); err != nil {
			t.Errorf("round %d: %s did not reach %s: %v", round, posted.Object, s.Host(), err)
			lacking = append(lacking, s)
		}
	}
	if len(lacking) > 0 {
		look(lacking)
		t.FailNow()
	}
}
