package ingest_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
	"tributary/ingest/lease"
	"tributary/ingest/state"
	"tributary/ingest/state/statetest"
)

// node is one of several over one log and one state database.
type node struct {
	*ingest.Log
	t      *testing.T
	leases *lease.Keeper
	ended  chan struct{}
	err    error // after ended
	stop   context.CancelFunc
}

type cluster struct {
	t      *testing.T
	broker *ingesttest.Broker
	db     *state.DB
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	db, err := state.Open(t.Context(), statetest.Source(t, filepath.Join(t.TempDir(), "state.db")), ingesttest.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &cluster{t: t, broker: ingesttest.NewBroker(t, ""), db: db}
}

// start starts a node and waits until it is ready.
func (c *cluster) start(name string) *node {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	keeper, err := lease.Start(ctx, lease.Config{DB: c.db, Node: name, Logger: ingesttest.Logger(c.t)})
	if err != nil {
		c.t.Fatal(err)
	}
	log, err := ingest.Open(ctx, ingest.Config{Kafka: c.broker.Kafka(), DB: c.db, Logger: ingesttest.Logger(c.t).With("node", name), Leases: keeper})
	if err != nil {
		c.t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	n := &node{Log: log, t: c.t, leases: keeper, ended: make(chan struct{}), stop: stop}
	go func() { defer close(n.ended); n.err = log.Run(running) }()
	c.t.Cleanup(n.end)
	select {
	case <-log.Ready():
	case <-ctx.Done():
		c.t.Fatalf("%s is not ready", name)
	}
	return n
}

// end is a clean end.
func (n *node) end() {
	n.stop()
	<-n.ended
	_ = n.leases.Close()
}

func (n *node) append(records ...*ingest.Record) {
	n.t.Helper()
	if err := n.tryAppend(records...); err != nil {
		n.t.Error(err)
	}
}

func (n *node) tryAppend(records ...*ingest.Record) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, r := range records {
		if err := n.Append(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// view is what the node shows, when it has all that is in the log.
func (n *node) view() []seen {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := n.CatchUp(ctx); err != nil {
		n.t.Fatal(err)
	}
	for n.Tail().Tip() < n.StatePosition() {
		if time.Sleep(time.Millisecond); ctx.Err() != nil {
			n.t.Fatal("the Tail does not read on")
		}
	}
	all, _ := readAll(n.t, n.Tail(), ingest.ViewStream, 0)
	return all
}

func equal(t *testing.T, what string, got, want []seen) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d records, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: %+v, want %+v", what, got[i], want[i])
		}
	}
}

// I7 on two nodes: posts that are given to both at once are shown once, by both under
// the same seq and id, live, from a cold start, and by the node that goes on alone.
func TestTwoNodesAgree(t *testing.T) {
	const posts = 300
	c := newCluster(t)
	a := c.start("a")
	a.append(ingesttest.Post("first.example", 0, ingest.TierSearch))
	b := c.start("b")
	give := func(from int, nodes ...*node) {
		var giving sync.WaitGroup
		for _, n := range nodes {
			giving.Go(func() {
				for i := from; i < from+posts; i++ {
					p := ingesttest.Post("a.example", i, ingest.TierSearch)
					n.append(p)
					if i%10 == 0 {
						n.append(ingesttest.Delete(p))
					}
				}
			})
		}
		giving.Wait()
	}
	give(1, a, b)
	first := a.view()
	equal(t, "the second node", b.view(), first)
	if want := posts + 1; len(first) != want {
		t.Errorf("%d shown, want %d", len(first), want)
	}
	var epochs int
	if err := c.db.Read().QueryRow(`SELECT count(*) FROM epochs`).Scan(&epochs); err != nil || epochs != 1 {
		t.Errorf("%d epochs, %v: a node that joins raises no base", epochs, err)
	}

	var giving sync.WaitGroup
	giving.Go(func() { give(posts+1, b) })
	a.end() // the fold passes to b
	giving.Wait()
	second := b.view()
	if want := 2*posts + 1; len(second) != want {
		t.Errorf("%d shown, want %d", len(second), want)
	}
	a = c.start("a")
	equal(t, "a node that starts cold", a.view(), second)
	b.end()
	a.append(ingesttest.Post("last.example", 0, ingest.TierSearch))
	third := a.view()
	equal(t, "the node that is left", third[:len(second)], second)
	a.end()
	a = c.start("a")
	equal(t, "after a clean end of all", a.view(), third)
	if err := c.db.Read().QueryRow(`SELECT count(*) FROM epochs`).Scan(&epochs); err != nil || epochs != 1 {
		t.Errorf("%d epochs after a clean end, %v", epochs, err)
	}
}

// I2 on two nodes: when the log loses what both have shown, one of them says where it
// goes on, above all that was shown, and the other one agrees or starts again.
func TestTwoNodesAfterALoss(t *testing.T) {
	c := newCluster(t)
	a := c.start("a")
	b := c.start("b")
	for i := range 20 {
		a.append(ingesttest.Post("a.example", i, ingest.TierSearch))
	}
	before := a.view()
	equal(t, "the second node", b.view(), before)
	c.broker.Stop() // in memory: it forgets everything
	c.broker.Start()
	c.broker.CreateTopic()
	restarted := false
	for i := 100; i < 110; i++ {
		post := ingesttest.Post("b.example", i, ingest.TierSearch)
		select {
		case <-a.ended:
			t.Fatalf("the node that folds ended: %v", a.err)
		case <-b.ended:
		default:
			// It may end meanwhile; whoever sent the post then sends it again, to the other one.
			if i%2 == 0 && b.tryAppend(post) == nil {
				continue
			}
		}
		a.append(post)
	}
	select {
	case <-b.ended:
		if !errors.Is(b.err, ingest.ErrSuperseded) {
			t.Fatalf("the second node ended: %v", b.err)
		}
		b.end()
		b, restarted = c.start("b"), true
	case <-time.After(time.Second):
	}
	tip := before[len(before)-1].Seq
	newer := func(all []seen) []seen { // what is gone may still be in a node's memory
		return slices.DeleteFunc(all, func(s seen) bool { return s.Seq <= tip })
	}
	after := newer(a.view())
	equal(t, "the second node", newer(b.view()), after)
	t.Logf("the second node was started again: %v", restarted)
	if len(after) != 10 {
		t.Errorf("%d shown above seq %d, want 10", len(after), tip)
	}
}
