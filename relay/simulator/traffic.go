package simulator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Traffic is what the servers of a world do for a while.
type Traffic struct {
	Inbox   string     // of the relay
	Actor   string     // the relay's actor
	Servers []*Server  // who sends; all of the world when empty
	Rate    float64    // activities a second, of all together; as fast as they are answered when 0
	Count   int        // ends after so many; 0: when ctx ends
	Each    func(Sent) // told of every answer, by several goroutines at once; may be nil
}

// Sent is one activity that was sent, and what became of it.
type Sent struct {
	Server   *Server
	Activity Activity
	Response Response
	Err      error // of the connection
	Began    time.Time
	Took     time.Duration
}

// Run lets the servers send until ctx ends or Count is reached; then it waits for the
// answers to what is under way. Each server sends one activity at a time. Servers that
// were not turned yet are (Turn).
func (w *World) Run(ctx context.Context, t Traffic) error {
	if len(t.Servers) == 0 {
		w.mu.Lock()
		t.Servers = append(t.Servers, w.servers...)
		w.mu.Unlock()
	}
	var living []*Server
	for _, s := range t.Servers {
		s.Turn()
		if s.Nature() != Dead {
			living = append(living, s)
		}
	}
	if len(living) == 0 {
		return fmt.Errorf("simulator: nobody is alive to send")
	}
	turns := make([]chan struct{}, len(living))
	var sending sync.WaitGroup
	for i, s := range living {
		turns[i] = make(chan struct{}, 1)
		sending.Go(func() {
			for range turns[i] {
				t.act(ctx, s)
			}
		})
	}
	t.dispatch(ctx, rand.New(rand.NewPCG(w.seed, trafficStream)), turns)
	for _, turn := range turns {
		close(turn)
	}
	sending.Wait()
	return nil
}

// trafficStream is the stream of the seed's generator that says whose turn it is.
const trafficStream = populationStream + 1

// dispatch says whose turn it is, at the rate.
func (t Traffic) dispatch(ctx context.Context, rng *rand.Rand, turns []chan struct{}) {
	began := time.Now()
	for n := 0; t.Count == 0 || n < t.Count; n++ {
		if t.Rate > 0 && !sleep(ctx, time.Until(began.Add(time.Duration(float64(n)/t.Rate*float64(time.Second))))) {
			return
		}
		select {
		case turns[rng.IntN(len(turns))] <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

// act is one turn of a server.
func (t Traffic) act(ctx context.Context, s *Server) {
	a, err := s.Create(Post{Author: s.cfg.Accounts[0].Name})
	if err != nil {
		return
	}
	sent := Sent{Server: s, Activity: a, Began: time.Now()}
	sent.Response, sent.Err = s.Send(ctx, t.Inbox, a)
	sent.Took = time.Since(sent.Began)
	if t.Each != nil {
		t.Each(sent)
	}
}
