package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"tributary/relay/admin"
	"tributary/relay/simulator"
)

// options is what can be said on the command line.
type options struct {
	servers  int
	rate     float64
	duration time.Duration
	seed     uint64
	keep     bool
	plain    bool
	listen   string
	program  string
}

// How often the relay is asked.
const (
	sampleEvery     = time.Second
	subscriberEvery = 2 * time.Second
)

// display shows a view again and again until ctx ends.
type display interface {
	show(ctx context.Context, m *model) error
}

// demo is one show: what is started is in the order of the fields.
type demo struct {
	options
	model  *model
	data   string
	relay  *program
	world  *world
	client *http.Client
}

// run shows the demo until ctx ends or its time is over; hurry ends what is left at once.
// Whatever happens, nothing of it is left running.
func run(ctx, hurry context.Context, o options, d display, out io.Writer) error {
	binary, err := findProgram(o.program)
	if err != nil {
		return err
	}
	data, err := os.MkdirTemp("", "tributary-demo-")
	if err != nil {
		return fmt.Errorf("demo: its folder: %w", err)
	}
	s := &demo{options: o, data: data, model: newModel(o.seed, time.Now()), client: &http.Client{Transport: &http.Transport{}}}
	shown, cancel := context.WithCancel(ctx)
	defer cancel()
	group, shown := errgroup.WithContext(shown)
	group.Go(func() error { return d.show(shown, s.model) })
	group.Go(func() error {
		defer cancel()
		return s.play(shown, binary)
	})
	err = group.Wait()
	if errors.Is(err, context.Canceled) || errors.Is(err, syscall.EPIPE) || ctx.Err() != nil && !errors.Is(err, errEnded) {
		err = nil // it was told to end, whatever it was doing
	}
	return errors.Join(err, s.end(hurry, out))
}

// play starts everything, lets it go until ctx ends, the time is over or the relay ends.
func (s *demo) play(ctx context.Context, binary string) error {
	if err := s.start(ctx, binary); err != nil {
		return err
	}
	token, err := admin.Dial(s.data).CreateToken(ctx, admin.TokenRequest{Name: "demo", Scopes: []string{"read"}})
	if err != nil {
		return fmt.Errorf("demo: making a token: %w", err)
	}
	figures, err := fetchMetrics(ctx, s.client, "http://"+s.relay.debug+"/metrics")
	if err != nil {
		return err
	}
	s.model.change(func(v *view) {
		v.phase, v.relay.pid = "", s.relay.pid
		v.index.off = !figures.has(`tributary_child_ready{name="engine"}`)
		v.guide = guide{base: s.relay.base(), token: token.Secret, data: s.data}
	})
	if s.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.duration)
		defer cancel()
	}
	s.watch(ctx, token.Secret)
	select {
	case <-s.relay.exited:
		return s.relay.failure()
	default:
		return nil
	}
}

// start brings up the relay and the world beside each other, and introduces them.
func (s *demo) start(ctx context.Context, binary string) error {
	var group errgroup.Group
	group.Go(func() (err error) {
		if s.relay, err = startProgram(binary, s.data, s.listen); err != nil {
			return err
		}
		return s.relay.ready(ctx, s.client)
	})
	group.Go(func() (err error) {
		s.world, err = newWorld(s.options)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	s.model.settle(s.world)
	err := s.world.subscribe(ctx, s.relay.base(), func(n int) {
		s.model.change(func(v *view) {
			v.phase = fmt.Sprintf("subscribing, %d of %d", n, len(s.world.subscribers))
		})
	})
	return err
}

// watch is the show itself: what is sent, and who looks at it. It returns when ctx or
// the relay has ended, and all of it with that.
func (s *demo) watch(ctx context.Context, token string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		defer cancel()
		select {
		case <-s.relay.exited:
		case <-ctx.Done():
		}
	})
	all.Go(func() {
		readFirehose(ctx, s.model.look(time.Now()).guide.firehose(), token, func(f frame) { s.model.frame(f, time.Now()) })
	})
	all.Go(func() { s.sample(ctx) })
	all.Go(func() { s.askSubscribers(ctx) })
	all.Go(func() {
		_ = s.world.Run(ctx, simulator.Traffic{
			Inbox: s.relay.base() + "/inbox", Rate: s.rate, Servers: s.world.all,
			Retry: simulator.Retry{First: time.Second, Most: 10 * time.Second},
			Each:  func(sent simulator.Sent) { s.model.sentOut(sent.Activity.Object, sent.Began) },
		})
	})
	all.Go(func() {
		s.world.weather(ctx, func(away int) { s.model.change(func(v *view) { v.world.down = away }) })
	})
}

// sample asks for the relay's metrics.
func (s *demo) sample(ctx context.Context) {
	for first := true; first || wait(ctx, sampleEvery); first = false {
		m, err := fetchMetrics(ctx, s.client, "http://"+s.relay.debug+"/metrics")
		if err != nil {
			continue // the relay is busy or ends; the next one tells
		}
		s.model.sample(time.Now(), m)
	}
}

// askSubscribers asks the operator's socket.
func (s *demo) askSubscribers(ctx context.Context) {
	operator := admin.Dial(s.data)
	for first := true; first || wait(ctx, subscriberEvery); first = false {
		if list, err := operator.Subscribers(ctx); err == nil {
			s.model.subscribers(list)
		}
	}
}

// end stops what was started, last first, and says what there was.
func (s *demo) end(hurry context.Context, out io.Writer) error {
	var failed error
	if s.relay != nil {
		fmt.Fprintln(out, "ending the relay and its servers; Ctrl-C again ends at once")
		select {
		case <-s.relay.exited: // play has told how
		default:
			failed = s.relay.stop(hurry)
		}
	}
	if s.world != nil {
		s.world.Close()
	}
	s.client.CloseIdleConnections()
	fmt.Fprint(out, s.model.summary(time.Now()))
	if s.keep {
		fmt.Fprintf(out, "kept: %s; to go on with it: bin/tributary serve --dev --data %s\n", s.data, s.data)
		return failed
	}
	return errors.Join(failed, remove(s.data))
}

const removeBudget = 10 * time.Second

// remove deletes the folder. After a hurried end the relay's children may still write
// there, and one that has just begun makes it anew: they end by themselves as soon as they
// see that the relay is gone.
func remove(folder string) error {
	var err error
	deadline := time.Now().Add(removeBudget)
	for gone := false; ; time.Sleep(100 * time.Millisecond) {
		if _, stat := os.Lstat(folder); gone && errors.Is(stat, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			if err == nil {
				err = fs.ErrExist // somebody makes it again and again
			}
			return fmt.Errorf("demo: removing %s: %w", folder, err)
		}
		err = os.RemoveAll(folder)
		gone = err == nil
	}
}
