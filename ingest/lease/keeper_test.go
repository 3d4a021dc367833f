package lease

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inBubble runs a test with a clock of its own.
func inBubble(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer func() {
			if err := w.db.Close(); err != nil {
				t.Error(err)
			}
		}()
		f(t, w)
	})
}

func TestSharesMove(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a := w.join("a", 1, nil)
		time.Sleep(2 * beat)
		if got := w.shares(); got["a"] != shards+1 {
			t.Fatalf("alone: %v", got)
		}
		b := w.join("b", 1, nil)
		time.Sleep(8 * time.Second)
		before := w.shares()
		if before["a"]+before["b"] != shards+1 || before["b"] < shards/4 || before["a"] < shards/4 {
			t.Fatalf("with another: %v", before)
		}
		b.kill()
		time.Sleep(ttl + 2*beat)
		if got := w.shares(); got["a"] != shards+1 {
			t.Fatalf("%v after the other's death: %v", ttl+2*beat, got)
		}
		b = w.join("b", 2, nil)
		time.Sleep(8 * time.Second)
		if got := w.shares(); got["a"] != before["a"] || got["b"] != before["b"] {
			t.Fatalf("when the other is back: %v, want %v", got, before)
		}
		a.leave()
		time.Sleep(2 * beat)
		if got := w.shares(); got["b"] != shards+1 {
			t.Fatalf("after a clean end: %v", got)
		}
		b.leave()
		if got := w.shares(); len(got) != 0 {
			t.Fatalf("after the end: %v", got)
		}
	})
}

func TestPredecessorsSharesAreTakenAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a := w.join("a", 1, nil)
		time.Sleep(2 * beat)
		a.kill()
		began := time.Now()
		a = w.join("a", 2, nil)
		defer a.leave()
		synctest.Wait()
		if got := w.shares(); got["a"] != shards+1 || time.Since(began) > 0 {
			t.Fatalf("after %v: %v", time.Since(began), got)
		}
	})
}

// A renewal counts from its beginning: how long its answer was on the way, the others
// do not know.
func TestASlowRenewalCountsFromItsBeginning(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var away atomic.Bool
		a := w.join("a", 1, func() error {
			if away.Load() {
				return errors.New("away")
			}
			return nil
		})
		b := w.join("b", 1, nil)
		time.Sleep(10 * time.Second)
		a.mu.Lock()
		a.slow = func() {
			time.Sleep(ttl - margin - time.Second)
			time.AfterFunc(time.Millisecond, func() { away.Store(true) })
		}
		a.mu.Unlock()
		time.Sleep(3 * ttl) // act complains when both do the same
		if got := w.shares(); got["b"] != shards+1 {
			t.Errorf("%v", got)
		}
		away.Store(false)
		a.mu.Lock()
		a.slow = nil
		a.mu.Unlock()
		a.leave()
		b.leave()
	})
}

// A write with Check is undone when another node has taken the share, however sure
// the writer is.
func TestCheckFences(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		terms := make(chan Term, 8)
		hold := func(m *Keeper, ctx context.Context) {
			m.Serve(ctx, "single", 1, func(ctx context.Context, t Term) { terms <- t; <-ctx.Done() })
		}
		m := &member{w: w}
		k, err := start(t.Context(), Config{Node: "slow", Logger: slog.New(slog.DiscardHandler)}, m)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { hold(k, ctx); close(ended) }()
		first := <-terms
		m.mu.Lock()
		m.dead = true // its renewals fail from now on
		m.mu.Unlock()
		other, err := Start(t.Context(), Config{DB: w.db, Node: "other", Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		otherEnded := make(chan struct{})
		go func() { hold(other, ctx); close(otherEnded) }()
		second := <-terms
		for want, term := range map[error]Term{ErrLost: first, nil: second} {
			err := w.db.Write(t.Context(), func(tx *sql.Tx) error { return term.Check(t.Context(), tx) })
			if !errors.Is(err, want) {
				t.Errorf("generation %d: %v, want %v", term.Generation, err, want)
			}
		}
		cancel()
		<-ended
		<-otherEnded
		_ = k.Close()
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
}

// While the database is away everybody stops; when it is back nobody is taken for dead.
func TestDatabaseAway(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var away atomic.Bool
		fault := func() error {
			if away.Load() {
				return errors.New("away")
			}
			return nil
		}
		a, b := w.join("a", 1, fault), w.join("b", 1, fault)
		time.Sleep(10 * time.Second)
		before := w.shares()
		away.Store(true)
		time.Sleep(ttl)
		if got := w.shares(); len(got) != 0 {
			t.Fatalf("without a database: %v", got)
		}
		time.Sleep(time.Minute)
		away.Store(false)
		time.Sleep(2 * beat)
		if got := w.shares(); got["a"] != before["a"] || got["b"] != before["b"] {
			t.Fatalf("with the database again: %v, want %v", got, before)
		}
		a.leave()
		b.leave()
	})
}

func TestJoin(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		began := time.Now()
		join := func(name string) (*Keeper, *Opening) {
			t.Helper()
			k, err := Start(t.Context(), Config{DB: w.db, Node: name, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			o, err := k.Join(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return k, o
		}
		last := func(k *Keeper) (last bool) {
			t.Helper()
			if err := w.db.Write(t.Context(), func(tx *sql.Tx) (err error) { last, err = k.Last(t.Context(), tx); return err }); err != nil {
				t.Fatal(err)
			}
			return last
		}
		a, first := join("a")
		if first == nil || time.Since(began) > 0 {
			t.Fatalf("the first node: %v after %v", first, time.Since(began))
		}
		waiting := make(chan *Opening)
		var b *Keeper
		go func() {
			var o *Opening
			b, o = join("b")
			waiting <- o
		}()
		time.Sleep(time.Minute)
		select {
		case o := <-waiting:
			t.Fatalf("the second did not wait: %v", o)
		default:
		}
		if err := first.Done(t.Context()); err != nil {
			t.Fatal(err)
		}
		if o := <-waiting; o != nil {
			t.Error("the second is the first too")
		}
		if last(a) || last(b) {
			t.Error("two nodes are the last")
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if !last(b) {
			t.Error("one node is not the last")
		}
		b.cancel() // killed
		b.loops.Wait()
		began = time.Now()
		c, third := join("c")
		if third == nil || time.Since(began) < ttl || time.Since(began) > ttl+2*beat {
			t.Errorf("after the death of all: %v after %v", third, time.Since(began))
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		b.expiry.Stop()
	})
}

func TestAlone(t *testing.T) {
	for _, k := range []*Keeper{nil, Alone(nil)} {
		o, err := k.Join(t.Context())
		if err != nil || o == nil || o.Done(t.Context()) != nil || o.Check(t.Context(), nil) != nil {
			t.Fatal("a node alone is not the first")
		}
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan Term, shards)
		done := make(chan struct{})
		go func() {
			defer close(done)
			k.Serve(ctx, kind, shards, func(ctx context.Context, t Term) { served <- t; <-ctx.Done() })
		}()
		for range shards {
			<-served
		}
		cancel()
		<-done
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"", "a b", "a/b", "é"} {
		if _, err := Start(t.Context(), Config{Node: name}); !errors.Is(err, ErrNode) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
