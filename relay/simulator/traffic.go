package simulator

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Traffic is what the servers of a world do for a while.
type Traffic struct {
	Inbox   string     // of the relay
	Servers []*Server  // who sends; all of the world when empty
	Silent  []*Server  // who writes, and sends nothing: others bring it
	Rate    float64    // activities a second, of all together; as fast as they are answered when 0
	Count   int        // ends after so many; 0: when ctx ends
	Habits  Habits     // DefaultHabits when zero
	Retry   Retry      // of what was not taken; nothing is sent again when it is zero
	Each    func(Sent) // told of every answer, by several goroutines at once, those of one server in order; may be nil
}

// Sent is one request, and what became of it.
type Sent struct {
	Step
	Server   *Server
	Repeated bool // it was sent before
	Response Response
	Err      error // of the connection
	Began    time.Time
	Took     time.Duration
}

// errNobody: there is nobody alive to send.
var errNobody = errors.New("simulator: nobody is alive to send")

// Run lets the servers write, edit, delete, boost, and lie until ctx ends or Count is
// reached; then it waits for the answers to what is under way. What happens and in which
// order is decided by the world's seed alone, each server's part in its order, one request
// at a time. Servers that were not turned yet are (Turn).
func (w *World) Run(ctx context.Context, t Traffic) error {
	if len(t.Servers) == 0 {
		w.mu.Lock()
		t.Servers = append(t.Servers, w.servers...)
		w.mu.Unlock()
	}
	all := slices.Concat(t.Servers, t.Silent)
	s := &script{
		rng: rand.New(rand.NewPCG(w.seed, trafficStream+w.runs())), habits: t.habits(), silentAt: len(t.Servers),
		with: func(i int, do func(*site)) { all[i].with(do) },
	}
	alive := false
	for _, server := range all {
		server.Turn()
		server.with(func(at *site) { s.cast = append(s.cast, castOf(at, server.Nature())) })
	}
	for i, c := range s.cast {
		c.silent = i >= s.silentAt || c.nature == Dead
		alive = alive || !c.silent
	}
	if !alive {
		return errNobody
	}
	queues := make([]chan []Step, len(t.Servers))
	var sending sync.WaitGroup
	for i, server := range t.Servers {
		queues[i] = make(chan []Step, stepsWaiting)
		sending.Go(func() {
			for steps := range queues[i] {
				for _, step := range steps {
					t.send(ctx, server, step)
				}
			}
		})
	}
	t.dispatch(ctx, s, queues)
	for _, queue := range queues {
		close(queue)
	}
	sending.Wait()
	return nil
}

// trafficStream is the stream of the seed's generator that traffic is decided by.
const trafficStream = populationStream + 1

func (t Traffic) habits() Habits {
	if t.Habits == (Habits{}) {
		return DefaultHabits()
	}
	return t.Habits
}

// runs counts the runs of a world, so that each is another story.
func (w *World) runs() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ran++
	return w.ran
}

// stepsWaiting is how many turns of a server may wait for the ones before them.
const stepsWaiting = 16

// with does something with the server's site.
func (s *Server) with(do func(*site)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do(s.site)
}

// dispatch hands out turns at the rate.
func (t Traffic) dispatch(ctx context.Context, s *script, queues []chan []Step) {
	began := time.Now()
	for n := 0; (t.Count == 0 || n < t.Count) && ctx.Err() == nil; n++ {
		if t.Rate > 0 && !sleep(ctx, time.Until(began.Add(time.Duration(float64(n)/t.Rate*float64(time.Second))))) {
			return
		}
		steps := s.next()
		select {
		case queues[steps[0].Server] <- steps:
		case <-ctx.Done():
			return
		}
	}
}

// send makes the requests of a step.
func (t Traffic) send(ctx context.Context, s *Server, step Step) {
	if step.before != nil {
		s.with(step.before)
	}
	for pause := t.Retry.First; ; pause = min(2*pause, t.Retry.Most) {
		sent := t.request(ctx, s, step, false)
		judged := sent.Err == nil && final(sent.Response.Status)
		if t.Retry.First == 0 || judged || step.Spoil != Sound || step.Activity.Means.Forged || !sleep(ctx, pause) {
			break
		}
	}
	for range step.Copies {
		t.request(ctx, s, step, true)
	}
}

// request makes one request, and its replays.
func (t Traffic) request(ctx context.Context, s *Server, step Step, repeated bool) Sent {
	r, err := s.spoiled(ctx, t.Inbox, step)
	if err != nil {
		return Sent{Step: step, Server: s, Err: err}
	}
	first := t.do(s, step, r, repeated)
	for range step.Replays {
		again := r.Clone(ctx)
		if again.Body, err = r.GetBody(); err == nil {
			t.do(s, step, again, true)
		}
	}
	return first
}

// do sends a request, and tells of it.
func (t Traffic) do(s *Server, step Step, r *http.Request, repeated bool) Sent {
	sent := Sent{Step: step, Server: s, Repeated: repeated, Began: time.Now()}
	sent.Response, sent.Err = s.Do(r)
	sent.Took = time.Since(sent.Began)
	if t.Each != nil {
		t.Each(sent)
	}
	return sent
}
