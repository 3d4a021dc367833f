package lease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tributary/ingest/state"
	"tributary/ingest/state/statetest"
)

const (
	kind   = "things"
	shards = 16
)

// world is nodes over one database, and what they do at the same time.
type world struct {
	t  *testing.T
	db *state.DB

	mu     sync.Mutex
	acting map[string]string // share → who acts, and since when
	newest map[string]int64  // share → newest generation that acted
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := state.Open(t.Context(), statetest.Source(t, filepath.Join(t.TempDir(), "state.db")), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, db: db, acting: map[string]string{}, newest: map[string]int64{}}
}

// member is a node: its keeper and the work it does.
type member struct {
	w      *world
	name   string
	life   string // tells its lives apart
	keeper *Keeper
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	dead  bool
	slow  func() // after a renewal that was committed; nil: nothing
	rng   *rand.Rand
	fault func() error // before and after each write; nil: none
}

var errDead = errors.New("killed")

// Write is the database as a member reaches it.
func (m *member) Write(ctx context.Context, f func(*sql.Tx) error) error {
	if err := m.trouble(); err != nil {
		return err
	}
	if err := m.w.db.Write(ctx, f); err != nil {
		return err
	}
	return m.trouble() // committed, and not known
}

// Exec is the way beside the writers.
func (m *member) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := m.trouble(); err != nil {
		return nil, err
	}
	done, err := m.w.db.Exec(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	slow := m.slow
	m.mu.Unlock()
	if slow != nil {
		slow()
	}
	return done, m.trouble()
}

func (m *member) Read() *sql.DB { return m.w.db.Read() }

func (m *member) trouble() error {
	m.mu.Lock()
	dead, fault := m.dead, m.fault
	m.mu.Unlock()
	if dead {
		return errDead
	}
	if fault == nil {
		return nil
	}
	return fault()
}

// join starts a member.
func (w *world) join(name string, lives int, fault func() error) *member {
	w.t.Helper()
	m := &member{w: w, name: name, life: fmt.Sprintf("%s#%d", name, lives), done: make(chan struct{}), rng: rand.New(rand.NewPCG(uint64(lives), uint64(len(name))))}
	keeper, err := start(w.t.Context(), Config{Node: name, Logger: slog.New(slog.DiscardHandler)}, m)
	if err != nil {
		w.t.Fatal(err)
	}
	m.mu.Lock()
	m.keeper, m.fault = keeper, fault
	m.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	var serving sync.WaitGroup
	serving.Go(func() { keeper.Serve(ctx, kind, shards, m.act) })
	serving.Go(func() { keeper.Serve(ctx, "single", 1, m.act) })
	go func() { defer close(m.done); serving.Wait() }()
	return m
}

// act is the work on one share: nobody else may do it meanwhile.
func (m *member) act(ctx context.Context, t Term) {
	w := m.w
	me := fmt.Sprintf("%s gen %d", m.life, t.Generation)
	w.mu.Lock()
	if other := w.acting[t.name]; other != "" {
		w.t.Errorf("%s began %s while %s acted", me, t.name, other)
	}
	if t.Generation <= w.newest[t.name] {
		w.t.Errorf("%s began %s after generation %d", me, t.name, w.newest[t.name])
	}
	w.acting[t.name], w.newest[t.name] = me, t.Generation
	w.mu.Unlock()
	<-ctx.Done()
	linger := margin - time.Millisecond // what serve may take to stop
	if !errors.Is(context.Cause(ctx), ErrLost) {
		linger = 3 * time.Second
	}
	time.Sleep(m.some(linger))
	w.stop(t.name, me)
}

// some is a part of d.
func (m *member) some(d time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Duration(m.rng.Int64N(int64(d)))
}

func (w *world) stop(share, who string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.acting[share] == who {
		delete(w.acting, share)
	}
}

// kill ends a member as kill -9 does.
func (m *member) kill() {
	m.mu.Lock()
	m.dead = true
	m.mu.Unlock()
	m.w.mu.Lock()
	for share, who := range m.w.acting {
		if len(who) > len(m.life) && who[:len(m.life)+1] == m.life+" " {
			delete(m.w.acting, share)
		}
	}
	m.w.mu.Unlock()
	m.cancel()
	<-m.done
	_ = m.keeper.Close()
}

// leave ends a member in good order.
func (m *member) leave() {
	m.cancel()
	<-m.done
	if err := m.keeper.Close(); err != nil && m.fault == nil {
		m.w.t.Error(err)
	}
}

// shares counts by member what is acted on.
func (w *world) shares() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := map[string]int{}
	for _, who := range w.acting {
		for i := range who {
			if who[i] == '#' {
				count[who[:i]]++
				break
			}
		}
	}
	return count
}
