package lease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest/state"
)

// Times of a lease.
const (
	beat   = time.Second     // between two renewals
	ttl    = 8 * time.Second // a node whose row stood still for so long is dead
	margin = 2 * time.Second // a node stops acting so long before others may think so
)

// closeMax bounds the last write of a node that ends.
const closeMax = 5 * time.Second

// Config of a node that may not be alone.
type Config struct {
	DB         *state.DB
	Node       string // our name: no other node that runs has it
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Keeper renews what this node holds. nil is a node alone. Safe for concurrent use.
type Keeper struct {
	alone   bool
	db      database
	node    string
	log     *slog.Logger
	metrics *metrics

	wake   chan struct{} // capacity 1: deal now
	cancel context.CancelFunc
	loops  sync.WaitGroup
	once   sync.Once

	sightings sightings // owned by watch
	looked    time.Time // when it looked last; owned by watch

	mu       sync.Mutex // guards what follows
	life     int64      // generation of our node's row, 0 before the first deal
	expires  int64      // newest expires_at of our row
	until    time.Time  // we may act before it
	expiry   *time.Timer
	claims   map[string]*claim // by kind
	returned []Term            // served, not given back yet
	joined   bool              // our log is open
	proven   map[string]bool   // other nodes that were seen to live
	dead     map[string]sighting
	beaten   chan struct{} // closed when there is news of nodes and shares
}

// claim is a call of Serve.
type claim struct {
	kind   string
	shards int
	serve  func(context.Context, Term)
	ctx    context.Context // of the call: terms end with it
	terms  map[int]*running
	work   sync.WaitGroup
}

type running struct {
	Term
	end    context.CancelCauseFunc
	ending bool // it was told to end
}

// database is *state.DB.
type database interface {
	Write(ctx context.Context, f func(*sql.Tx) error) error
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	Read() *sql.DB
}

// Term is one holding of a share.
type Term struct {
	Shard      int
	Generation int64 // raised by each taking; 0 of a node alone

	keeper *Keeper
	kind   string
	name   string
}

// Check returns ErrLost in a transaction of a node that does not hold the share any more.
// What the same transaction writes is then undone.
func (t Term) Check(ctx context.Context, tx *sql.Tx) error {
	if t.keeper == nil {
		return nil
	}
	var one int
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM leases WHERE name = $1 AND node = $2 AND generation = $3`,
		t.name, t.keeper.node, t.Generation).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s: %w", t.name, ErrLost)
	}
	if err != nil {
		return fmt.Errorf("lease: check %s: %w", t.name, err)
	}
	return nil
}

var nodeName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,64}$`)

// Alone is the keeper of a node that is proven to be the only one.
func Alone(reg prometheus.Registerer) *Keeper {
	k := &Keeper{alone: true, metrics: newMetrics(reg)}
	k.metrics.there(1)
	return k
}

// Start enters our node into the table, and renews it until Close.
func Start(ctx context.Context, cfg Config) (*Keeper, error) {
	return start(ctx, cfg, cfg.DB)
}

func start(ctx context.Context, cfg Config, db database) (*Keeper, error) {
	if !nodeName.MatchString(cfg.Node) {
		return nil, fmt.Errorf("%w: %q", ErrNode, cfg.Node)
	}
	k := &Keeper{
		db: db, node: cfg.Node, log: cfg.Logger.With("component", "lease", "node", cfg.Node), metrics: newMetrics(cfg.Registerer),
		wake: make(chan struct{}, 1), sightings: make(sightings),
		claims: make(map[string]*claim), proven: make(map[string]bool), beaten: make(chan struct{}),
	}
	if err := k.deal(ctx); err != nil {
		return nil, err
	}
	ctx, k.cancel = context.WithCancel(context.WithoutCancel(ctx))
	k.loops.Go(func() { k.every(ctx, nil, "leases are not renewed, trying again", k.watch) })
	k.loops.Go(func() { k.every(ctx, k.wake, "shares of the work are not dealt, trying again", k.deal) })
	return k, nil
}

// isAlone says whether there is nobody to share with.
func (k *Keeper) isAlone() bool { return k == nil || k.alone }

// Node is our name, "" of a node alone.
func (k *Keeper) Node() string {
	if k.isAlone() {
		return ""
	}
	return k.node
}

// Shared says whether other nodes may be there.
func (k *Keeper) Shared() bool { return !k.isAlone() }

// every does something each beat, and when it is woken.
func (k *Keeper) every(ctx context.Context, wake <-chan struct{}, complaint string, do func(context.Context) error) {
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-wake:
		}
		if err := do(ctx); err != nil && ctx.Err() == nil {
			k.metrics.missed()
			k.log.Warn(complaint, "err", err)
		}
		timer.Reset(beat)
	}
}

func (k *Keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Serve takes shares of a kind for this node and calls serve for each one that it
// holds, in a goroutine of its own, until ctx ends and all calls have returned.
//
// A call's ctx ends with ErrHandover as its cause when another node shall go on:
// finish, save, return. It ends with ErrLost when the share is lost or could be:
// stop at once. A share whose call has returned is given back.
func (k *Keeper) Serve(ctx context.Context, kind string, shards int, serve func(context.Context, Term)) {
	c := &claim{kind: kind, shards: shards, serve: serve, ctx: ctx, terms: make(map[int]*running)}
	if k.isAlone() {
		for shard := range shards {
			c.work.Go(func() { k.serveAlone(c, shard) })
		}
		c.work.Wait()
		return
	}
	k.mu.Lock()
	if k.claims[kind] != nil {
		k.mu.Unlock()
		panic("lease: BUG: " + kind + " is served twice")
	}
	k.claims[kind] = c
	k.mu.Unlock()
	k.poke()
	<-ctx.Done()
	k.mu.Lock()
	delete(k.claims, kind) // a beat under way starts nothing more of it: begin asks
	k.mu.Unlock()
	c.work.Wait()
	k.poke()
}

func (k *Keeper) serveAlone(c *claim, shard int) {
	var m *metrics
	if k != nil {
		m = k.metrics
	}
	m.began(c.kind)
	defer m.ended(c.kind, false)
	c.serve(c.ctx, Term{Shard: shard, kind: c.kind})
}

// begin starts a term. k.mu is held.
func (k *Keeper) begin(t Term) {
	c := k.claims[t.kind]
	if c == nil || c.ctx.Err() != nil {
		k.returned = append(k.returned, t)
		return
	}
	ctx, end := context.WithCancelCause(c.ctx)
	c.terms[t.Shard] = &running{Term: t, end: end}
	k.metrics.began(t.kind)
	c.work.Go(func() {
		c.serve(ctx, t)
		lost := errors.Is(context.Cause(ctx), ErrLost)
		end(nil)
		k.metrics.ended(t.kind, lost)
		k.mu.Lock()
		delete(c.terms, t.Shard)
		k.returned = append(k.returned, t)
		k.mu.Unlock()
		k.poke()
	})
}

// extend lets us act until a while after a renewal that began then. k.mu is held.
func (k *Keeper) extend(began time.Time) {
	k.until = began.Add(ttl - margin)
	if k.expiry == nil {
		k.expiry = time.AfterFunc(time.Until(k.until), k.expire)
		return
	}
	k.expiry.Reset(time.Until(k.until))
}

// expire ends all terms when no renewal was committed in time.
func (k *Keeper) expire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Now().Before(k.until) {
		return // renewed while the timer fired
	}
	if n := k.lose(); n > 0 {
		k.log.Error("leases could not be renewed in time: another node may take them", "leases", n)
	}
}

// endAll ends all terms: somebody else has our name.
func (k *Keeper) endAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lose()
}

// lose ends all terms and says how many; k.mu is held.
func (k *Keeper) lose() (n int) {
	for _, c := range k.claims {
		for _, r := range c.terms {
			r.ending = true
			r.end(ErrLost)
			n++
		}
	}
	return n
}

// Close gives everything back and takes our node out of the table. Calls of Serve
// must have returned.
func (k *Keeper) Close() error {
	if k.isAlone() {
		return nil
	}
	var err error
	k.once.Do(func() {
		k.cancel()
		k.loops.Wait()
		k.mu.Lock()
		if k.expiry != nil {
			k.expiry.Stop()
		}
		k.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), closeMax)
		defer cancel()
		err = k.leave(ctx)
	})
	return err
}

// leave is the last write. A crash before it is a crash while running: the others wait for ttl.
func (k *Keeper) leave(ctx context.Context) error {
	return k.db.Write(ctx, func(tx *sql.Tx) error {
		rows, err := readTable(ctx, tx)
		if err != nil {
			return err
		}
		if rows[nodePrefix+k.node].generation != k.life {
			return nil // our name is somebody else's
		}
		if err := rows.bury(ctx, tx, k.node); err != nil {
			return err
		}
		var shares []row
		for name, r := range rows {
			if r.node == k.node {
				shares = append(shares, row{name: name, generation: r.generation})
			}
		}
		return hold(ctx, tx, shares)
	})
}
