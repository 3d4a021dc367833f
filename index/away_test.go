package index

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/lease"
)

// line is the way to the server, which can be cut.
type line struct {
	dial func(context.Context, string) (net.Conn, error)
	mu   sync.Mutex
	cut  bool
	open []net.Conn
}

func (l *line) connect(ctx context.Context, addr string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return nil, errors.New("test: the line is cut")
	}
	c, err := l.dial(ctx, addr)
	if err == nil {
		l.open = append(l.open, c)
	}
	return c, err
}

func (l *line) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if cut {
		for _, c := range l.open {
			_ = c.Close()
		}
		l.open = nil
	}
}

// cuttable is an index whose way to the server can be cut, and is not there yet; its writer does not run.
func cuttable(t *testing.T) (*env, *line) {
	e := newEnv(t, quick)
	e.put(dated(1, time.Now()))
	e.stop()
	l := &line{dial: e.options.DialContext}
	if l.dial == nil {
		l.dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	options := *e.options
	options.DialContext = l.connect
	e.options = &options
	return e, l
}

// What questions need in memory is loaded as soon as the server is there.
func TestMemoryIsLoadedLater(t *testing.T) {
	e, l := cuttable(t)
	x, err := Open(t.Context(), Config{Options: e.options, DB: e.DB, Tail: e.Tail, Logger: e.log})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	x.tune = quick
	l.set(true)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = x.Run(ctx) })
	time.Sleep(50 * time.Millisecond) // some tries
	if x.latest.loaded() || x.fresh.On() {
		t.Fatal("they are loaded without a server")
	}
	l.set(false)
	e.await("they are not loaded", func() bool { return x.latest.loaded() && x.fresh.On() && x.fresh.Len() == 1 })
}

func TestTheServerGoesAway(t *testing.T) {
	ctx := context.Background()
	e, l := cuttable(t)
	e.newest = -1 // what is in memory needs no server
	e.start()
	want := []string{dated(1, time.Now()).Object}
	for round := range 5 {
		l.set(true)
		at := e.Position()
		r := dated(10+round, time.Now())
		e.Append(r)
		want = append(want, r.Object)
		if _, err := e.Timeline(ctx, Timeline{}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a question without a server: %v", err)
		}
		if e.Position() != at {
			t.Error("the position moved without a server")
		}
		l.set(false)
		e.indexed()
	}
	found := must(e.Timeline(ctx, Timeline{}))
	slices.Reverse(want)
	if !slices.Equal(objects(found), want) {
		t.Errorf("found %v", objects(found))
	}
}

// A batch that is stored again, whole or cut elsewhere, changes nothing.
func TestStoredTwice(t *testing.T) {
	ctx := context.Background()
	e := newEnv(t, quick)
	kept, gone := dated(1, time.Now()), dated(2, time.Now())
	kept.Post.Tags, gone.Post.Tags = []string{"go"}, []string{"go"}
	e.put(kept, gone, withdrawing(ingest.ScopeObject, gone.Object, ingest.TierNone))
	before := must(e.Timeline(ctx, Timeline{}))
	for range 3 {
		e.stop()
		if err := saveCursor(ctx, e.DB, lease.Term{}, 0); err != nil {
			t.Fatal(err)
		}
		e.start()
		e.indexed()
		if after := must(e.Timeline(ctx, Timeline{Any: []string{"go"}})); !slices.Equal(objects(after), objects(before)) {
			t.Errorf("%v became %v", objects(before), objects(after))
		}
	}
	e.await("hours stay queued", func() bool { return e.rollups.size.Load() == 0 })
	var uses uint64
	if err := e.conn.QueryRow(ctx, `SELECT uniqMerge(posts) FROM tag_hours WHERE tag = 'go'`).Scan(&uses); err != nil || uses != 1 {
		t.Errorf("%d uses, %v", uses, err)
	}
}
