package delivery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest"
	"tributary/ingest/crashpoint"
	"tributary/ingest/lease"
	"tributary/ingest/signature"
	"tributary/ingest/state"
)

// Subscribers says whose inboxes want the posts.
type Subscribers interface {
	// Receivers lists the delivery inboxes of all accepted subscribers, each once or more.
	Receivers(context.Context) ([]Receiver, error)
	// Changed returns a channel that is closed, or sent to, at the next change. It is
	// taken before Receivers, so that no change falls between.
	Changed() <-chan struct{}
}

// Deps are what an Engine works with. All but KeyID, Registerer and Leases are needed.
type Deps struct {
	Tail        *ingest.Tail // at the end of the log: see Log.Ready
	DB          *state.DB
	Signer      Signer // of Actor, and of all actors of which KeyID knows
	Client      Doer
	Subscribers Subscribers
	Actor       string // URI of the relay's actor
	// KeyID is the id of the key of an actor of ours, and whether it is one. nil: there
	// is Actor alone.
	KeyID      func(actor string) (keyID string, ours bool)
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	Leases     *lease.Keeper         // deal the hosts among the nodes; nil: this one is alone
}

// Engine keeps one lane per subscribed inbox, and the outbox.
type Engine struct {
	cfg     Config
	deps    Deps
	log     source
	logger  *slog.Logger
	metrics *Metrics

	encode    map[Style]func(*ingest.Record) []byte // as the relay's actor
	announces *announces                            // as the others
	sender    *sender
	slots     *slots
	hosts     *hosts
	outbox    *outbox

	sleepers sleepers

	closing chan struct{} // closed by Close
	aborted chan struct{} // closed when Close has waited enough
	done    chan struct{} // closed when Run has returned
	once    sync.Once
	started sync.Once
	stale   chan struct{} // wakes keep: a lane is not ours any more

	mu    sync.Mutex
	lanes map[string]*lane // by inbox; guarded by mu
	// shares of the hosts that this node serves, by shard; guarded by mu
	shares map[int]*share
}

// source is the log as a lane needs it.
type source interface {
	Tip() uint64
	reader(cursor uint64) reader
}

// reader is *ingest.Reader.
type reader interface {
	Next(ctx context.Context, limit int) (ingest.Batch, error)
	Position() uint64
}

type tailSource struct{ *ingest.Tail }

func (t tailSource) reader(cursor uint64) reader { return t.Reader(ingest.ViewLane, cursor) }

// New checks the configuration. Nothing runs until Run.
func New(cfg Config, d Deps) (*Engine, error) {
	return newEngine(cfg, d, tailSource{d.Tail})
}

func newEngine(cfg Config, d Deps, log source) (*Engine, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.applyDefaults()
	e := &Engine{
		cfg: cfg, deps: d, log: log, logger: d.Log.With("component", "delivery"),
		metrics: NewMetrics(d.Registerer),
		encode: map[Style]func(*ingest.Record) []byte{
			StyleForward: encodeForm(d.Actor, StyleForward), StyleAnnounce: encodeForm(d.Actor, StyleAnnounce),
		},
		announces: newAnnounces(),
		slots:     newSlots(cfg.ExtraMax), hosts: newHosts(), lanes: make(map[string]*lane), shares: make(map[int]*share),
		closing: make(chan struct{}), aborted: make(chan struct{}), done: make(chan struct{}),
		stale: make(chan struct{}, 1),
	}
	e.sender = &sender{
		forms: signature.NewPreferences(nil), shares: newShares(),
		client: d.Client, signer: d.Signer, timeout: cfg.Timeout,
		patient: make(chan struct{}, runtime.GOMAXPROCS(0)), metrics: e.metrics, log: e.logger,
	}
	e.outbox = newOutbox(e)
	if d.Registerer != nil {
		d.Registerer.MustRegister(newLaneCollector(e))
	}
	return e, nil
}

// Wake tells the outbox that rows were written. Call it after their transaction was committed.
func (e *Engine) Wake() { e.outbox.wake() }

// Run serves the lanes and the outbox until ctx ends or Close is called. Then
// nothing starts any more; what is in flight may finish within Config.Drain, and is
// ended after it. The positions are saved last.
func (e *Engine) Run(ctx context.Context) error {
	first := false
	e.started.Do(func() { first = true })
	if !first {
		select {
		case <-e.closing: // before it ran
			return nil
		default:
			return errors.New("delivery: Run was called twice")
		}
	}
	defer close(e.done)
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	abort, abortNow := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abortNow(nil)

	var lanes, helpers sync.WaitGroup
	helpers.Go(func() { e.watch(stop, abort, cancel, abortNow) })
	lanes.Go(func() { e.keep(stop) })
	lanes.Go(func() { e.outbox.run(stop) })
	lanes.Go(func() {
		e.deps.Leases.Serve(stop, shardsLease, shards, func(ctx context.Context, t lease.Term) { e.serve(ctx, abort, t) })
	})
	saving, stopSaving := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSaving()
	helpers.Go(func() { e.saveEvery(saving) })

	lanes.Wait()
	stopSaving()
	abortNow(nil)
	helpers.Wait()
	last, cancelLast := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancelLast()
	return e.save(last)
}

// Close makes Run end and waits for it. When ctx ends first, requests in flight
// are ended instead of waited for. Run after Close does nothing.
func (e *Engine) Close(ctx context.Context) error {
	e.started.Do(func() { close(e.done) }) // it never ran and never will
	e.once.Do(func() {
		close(e.closing)
		select {
		case <-e.done:
		case <-ctx.Done():
			close(e.aborted)
		}
	})
	<-e.done
	return nil
}

// watch carries out the two steps of an end.
func (e *Engine) watch(stop, abort context.Context, cancel context.CancelFunc, abortNow context.CancelCauseFunc) {
	select {
	case <-stop.Done():
	case <-e.closing:
		cancel()
	}
	timer := time.NewTimer(e.cfg.Drain)
	defer timer.Stop()
	select {
	case <-abort.Done():
	case <-timer.C:
	case <-e.aborted:
	}
	abortNow(errAborted)
}

// saveTimeout bounds one write of the positions.
const saveTimeout = 10 * time.Second

func (e *Engine) saveEvery(ctx context.Context) {
	tick := time.NewTicker(e.cfg.SaveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := e.save(ctx); err != nil && ctx.Err() == nil {
				e.logger.Error("lane positions not saved, trying again", "err", err)
			}
		}
	}
}

// save writes the positions of all lanes that have news, in few transactions.
//
// A crash before it leaves the positions of the last save: what was delivered
// since is delivered again after the restart, at most SaveEvery's worth and what
// ran ahead of an unsettled record (spanMax). A crash after it repeats nothing of
// that. Nothing is lost either way, for a position is always the lowest seq not settled.
func (e *Engine) save(ctx context.Context) error {
	e.mu.Lock()
	var rows []row
	var from []*lane
	for _, l := range e.lanes {
		if r, dirty := l.state(); dirty {
			rows, from = append(rows, r), append(from, l)
		}
	}
	e.mu.Unlock()
	if len(rows) == 0 {
		return nil
	}
	crashpoint.Hit(crashpoint.BeforePosition)
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	for i, n := 0, e.atOnce(len(rows)); i < len(rows); i += n {
		end := min(i+n, len(rows))
		lost, err := save(ctx, e.deps.DB, rows[i:end])
		e.metrics.saved(err)
		if err != nil {
			for _, l := range from[i:] {
				l.unsaved()
			}
			return err
		}
		if len(lost) > 0 {
			signal(e.stale)
		}
	}
	return nil
}

// keepEvery is how often the lanes are compared with the subscribers when nobody
// says that they changed; keepShared is how often where another node may have claimed one of ours (revive.go).
const (
	keepEvery  = time.Minute
	keepShared = 3 * time.Second
)

// running is a lane with its goroutine.
type running struct {
	*lane
	stop func() // ends it at once
	done chan struct{}
}

// keep keeps the lanes in step with the subscribers. At the end it waits for all.
func (e *Engine) keep(stop context.Context) {
	live := make(map[string]*running)
	for stop.Err() == nil {
		changed := e.deps.Subscribers.Changed()
		wait := keepEvery
		if e.deps.Leases.Shared() {
			wait = keepShared
		}
		if err := e.sync(stop, live); err != nil && stop.Err() == nil {
			e.logger.Error("lanes are not in step with the subscribers, trying again", "err", err)
			wait = time.Second
		}
		timer := time.NewTimer(wait)
		select {
		case <-stop.Done():
		case <-changed:
		case <-e.stale:
		case <-timer.C:
		}
		timer.Stop()
	}
	for _, r := range live {
		<-r.done
	}
}

// target is where a lane leads, and what it brings there.
type target struct {
	url     *url.URL
	parts   []part // one of each receiver
	signing Signing
	share   *share
}

// serves makes a lane bring what its receivers want now.
func (t target) serves(l *lane) {
	sortParts(t.parts)
	l.parts.Store(&t.parts)
	l.signing.Store(&t.signing)
}

// sync starts the lanes of our shares that are missing, ends those that nobody wants,
// and starts those anew whose row somebody else has made or claimed since: a server
// that unsubscribes and subscribes again begins at the tip.
func (e *Engine) sync(stop context.Context, live map[string]*running) error {
	receivers, err := e.deps.Subscribers.Receivers(stop)
	if err != nil {
		return fmt.Errorf("delivery: listing subscribers: %w", err)
	}
	rows, err := generations(stop, e.deps.DB)
	if err != nil {
		return err
	}
	wanted, paused := make(map[string]target, len(receivers)), make(map[string]bool)
	for _, r := range receivers {
		if r.Paused {
			paused[r.Inbox] = true
			continue
		}
		u, host, err := parseInbox(r.Inbox)
		if err != nil {
			e.logger.Warn("a subscriber cannot be served", "inbox", r.Inbox, "err", err)
			continue
		}
		share := e.shareOf(host)
		if share == nil {
			continue // another node's
		}
		keyID, ours := e.keyOf(r.Actor)
		if !ours {
			e.logger.Warn("a subscriber cannot be served", "inbox", r.Inbox, "actor", r.Actor, "err", errForeignActor)
			continue
		}
		t := wanted[r.Inbox]
		t.url, t.share, t.signing = u, share, r.Signing // they are on one host
		t.parts = append(t.parts, newPart(r, keyID))
		wanted[r.Inbox] = t
	}
	e.settleSigning(wanted)
	for inbox, r := range live {
		t, want := wanted[inbox]
		if r.share.isOver() { // serve ends it, and wakes us then
			select {
			case <-r.done:
				delete(live, inbox)
			default:
				delete(wanted, inbox)
			}
			continue
		}
		if want && rows[inbox] == r.row.generation {
			t.serves(r.lane)
			delete(wanted, inbox)
			continue
		}
		if err := e.end(stop, live, r, !want && !paused[inbox]); err != nil {
			return err
		}
	}
	return e.begin(stop, live, wanted)
}

// keyOf is the id of the key of an actor of ours, "" for the signer's own.
func (e *Engine) keyOf(actor string) (keyID string, ours bool) {
	switch {
	case actor == "" || actor == e.deps.Actor:
		return "", true
	case e.deps.KeyID == nil:
		return "", false
	}
	return e.deps.KeyID(actor)
}

// begin claims and starts lanes. Only who has the share by the database's word can
// claim: the rows' generations never go back and forth between two nodes.
func (e *Engine) begin(stop context.Context, live map[string]*running, wanted map[string]target) error {
	for inboxes := range slices.Chunk(slices.Collect(maps.Keys(wanted)), e.atOnce(len(wanted))) {
		if err := e.beginSome(stop, live, wanted, inboxes); err != nil {
			return err
		}
	}
	return nil
}

// rowsAtOnce bounds a transaction where there are other nodes: their writers, and the
// renewal of the leases, wait for it.
const rowsAtOnce = 100

// atOnce is how many of n rows one transaction writes.
func (e *Engine) atOnce(n int) int {
	if e.deps.Leases.Shared() {
		return rowsAtOnce
	}
	return max(n, 1)
}

func (e *Engine) beginSome(stop context.Context, live map[string]*running, wanted map[string]target, inboxes []string) error {
	tip := e.log.Tip()
	var rows []row
	err := e.deps.DB.Write(stop, func(tx *sql.Tx) error {
		checked := make(map[*share]error)
		for _, inbox := range inboxes {
			t := wanted[inbox]
			if _, ok := checked[t.share]; !ok {
				checked[t.share] = t.share.term.Check(stop, tx)
			}
			switch err := checked[t.share]; {
			case errors.Is(err, lease.ErrLost):
				continue
			case err != nil:
				return err
			}
			_, host, _ := parseInbox(t.url.String())
			r, err := claim(stop, tx, inbox, host, tip+1)
			if err != nil {
				return err
			}
			rows = append(rows, r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range rows {
		e.start(live, r, wanted[r.inbox])
	}
	return nil
}

func (e *Engine) start(live map[string]*running, r row, t target) {
	if !t.share.enter() {
		return
	}
	l := newLane(e, r, t.url)
	l.share = t.share
	t.serves(l)
	l.host.revive() // whatever made the lane begin anew, it is a reason to ask
	laneStop, cancelStop := context.WithCancel(t.share.stop)
	laneAbort, cancelAbort := context.WithCancelCause(t.share.abort)
	run := &running{lane: l, done: make(chan struct{}), stop: func() { cancelStop(); cancelAbort(errAborted) }}
	live[r.inbox] = run
	e.mu.Lock()
	e.lanes[r.inbox] = l
	e.mu.Unlock()
	go func() {
		defer t.share.leave()
		defer close(run.done)
		defer run.stop()
		l.run(laneStop, laneAbort)
	}()
}

// end stops a lane, with what it has in flight, and releases its row if nobody
// wants it any more.
func (e *Engine) end(ctx context.Context, live map[string]*running, r *running, remove bool) error {
	r.stop()
	<-r.done
	delete(live, r.inbox)
	e.mu.Lock()
	delete(e.lanes, r.inbox)
	e.mu.Unlock()
	if !remove || !r.row.made {
		return nil
	}
	return e.deps.DB.Write(ctx, func(tx *sql.Tx) error { return r.row.release(ctx, tx) })
}

func (e *Engine) logClosed(err error) bool { return errors.Is(err, ingest.ErrClosed) }
