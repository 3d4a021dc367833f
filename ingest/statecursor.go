package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tributary/ingest/crashpoint"
	"tributary/ingest/lease"
	"tributary/ingest/state"
)

// stateBatch is how many records one transaction folds in at most.
const stateBatch = 512

// stateRest is the least time from one transaction to the next while records come
// in: each costs an fsync, and nobody waits for it. A record that comes alone is
// folded in at once.
const stateRest = 20 * time.Millisecond

// stateCursor folds the log into the state database: objects, authors,
// withdrawn, corrections and marks change in one transaction with the cursor's
// seq, and nothing else writes them. They could be dropped and rebuilt.
//
// Crash before the transaction: nothing of the batch is there, and the cursor
// stands before it; the next start reads the same records with the same window
// and comes to the same verdicts. Crash after it: the batch is there and the
// cursor behind it.
//
// Of several nodes one folds at a time (the lease "state"). The others follow: they
// come to the same verdicts by their own Tails, and keep what is not in the database
// yet (pendingStates), so that any of them can go on where it stands. A node that lost
// the lease and does not know yet cannot commit (Term.Check): a batch is never folded
// twice.
type stateCursor struct {
	tail     *Tail
	db       *state.DB
	leases   *lease.Keeper
	folds    bool // this node takes its turn
	log      *slog.Logger
	metrics  *metrics
	position atomic.Uint64
	target   uint64 // seq at which the node is ready
	ready    chan struct{}
	once     sync.Once // closes ready
}

// stateLease is the share of who folds, and may raise the base.
const stateLease = "state"

// followEvery is how often a node that does not fold asks how far the fold is.
const followEvery = 500 * time.Millisecond

func newStateCursor(t *Tail, cfg Config, log *slog.Logger, m *metrics, position uint64) *stateCursor {
	c := &stateCursor{
		tail: t, db: cfg.DB, leases: cfg.Leases, folds: !cfg.Follow, log: log, metrics: m, ready: make(chan struct{}),
	}
	c.position.Store(position)
	e := *t.epochs.Load()
	if end := t.logEnd.Load(); t.next < end {
		c.target = e.seqOf(end - 1)
	}
	c.tryReady()
	return c
}

func (c *stateCursor) tryReady() {
	if c.position.Load() >= c.target && c.tail.Tip() >= c.target {
		c.once.Do(func() { close(c.ready) })
	}
}

// reached notes how far the database is.
func (c *stateCursor) reached(position uint64) {
	for was := c.position.Load(); was < position; was = c.position.Load() {
		if c.position.CompareAndSwap(was, position) {
			break
		}
	}
	c.tail.pending.settled(position)
	c.tryReady()
}

func (c *stateCursor) run(ctx context.Context) {
	var following sync.WaitGroup
	defer following.Wait()
	if c.leases.Shared() {
		following.Go(func() { c.follow(ctx) })
	}
	if c.folds {
		c.leases.Serve(ctx, stateLease, 1, c.serve)
	}
}

// follow keeps up with the fold of another node.
func (c *stateCursor) follow(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	pruned := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		position, err := loadCursor(ctx, c.db.Read(), stateCursorName)
		if err != nil {
			continue // whoever writes says so
		}
		c.reached(position)
		if time.Since(pruned) > time.Minute {
			c.tail.forgetExpired()
			pruned = time.Now()
		}
	}
}

// serve folds while this node has the lease.
func (c *stateCursor) serve(ctx context.Context, term lease.Term) {
	position, err := c.takeOver(ctx)
	if err != nil {
		return
	}
	if c.leases.Shared() {
		c.tail.guard.Store(&term)
		defer c.tail.guard.Store(nil)
	}
	c.fold(ctx, term, position)
}

// takeOver finds where the last node stopped, and that its seqs are ours. They are,
// unless it raised the base where the log had lost records, and died before it could
// say so in the log: then this node has to start again.
func (c *stateCursor) takeOver(ctx context.Context) (position uint64, err error) {
	for ; ; sleep(ctx, 50*time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		stored, err := loadEpochs(ctx, c.db.Read())
		if err == nil {
			position, err = loadCursor(ctx, c.db.Read(), stateCursorName)
		}
		if err != nil {
			c.log.Error("state database cannot be read, trying again", "err", err)
			sleep(ctx, time.Second)
			continue
		}
		passed := c.tail.passed.Load()
		ours := *c.tail.epochs.Load()
		switch {
		case !ours.agrees(stored.before(passed)):
			c.tail.fail(fmt.Errorf("ingest: epochs of the state database: %w", ErrSuperseded))
			<-ctx.Done()
			return 0, ctx.Err()
		case ours.agrees(stored):
			return position, nil
		} // otherwise this Tail has not read so far
	}
}

// fold folds from behind position on.
func (c *stateCursor) fold(ctx context.Context, term lease.Term, position uint64) {
	reader := c.tail.Reader(ViewAll, position+1)
	pruned := time.Now()
	for {
		batch, err := reader.Next(ctx, stateBatch)
		if err != nil {
			return // ctx ended, or the log is closed
		}
		for _, e := range batch.Events {
			c.log.Error("records were lost before they were folded into the state database", "event", e.Name, "from_seq", e.From, "to_seq", e.To)
		}
		began := time.Now()
		if len(batch.Entries) > 0 && !c.settle(ctx, term, batch.Entries) {
			return
		}
		if time.Since(pruned) > time.Minute {
			c.tail.forgetExpired()
			pruned = time.Now()
		}
		// Behind the ring a batch has 64 records at most: who has much to catch up does not rest.
		if reader.Position()+stateBatch > c.tail.Tip() {
			sleep(ctx, stateRest-time.Since(began))
		}
	}
}

// settle folds a batch in, and tries until the database takes it or the lease is lost.
func (c *stateCursor) settle(ctx context.Context, term lease.Term, entries []*Entry) bool {
	crashpoint.Hit(crashpoint.BeforeState)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := c.db.Write(ctx, func(tx *sql.Tx) error {
			if err := term.Check(ctx, tx); err != nil {
				return err
			}
			return c.write(ctx, tx, entries)
		})
		if err == nil {
			c.metrics.stateBatch(len(entries))
			c.reached(entries[len(entries)-1].Record.Seq)
			return true
		}
		if ctx.Err() != nil || errors.Is(err, lease.ErrLost) {
			return false
		}
		c.log.Error("state database cannot be written, trying again", "err", err)
		sleep(ctx, pause)
	}
}

func (c *stateCursor) write(ctx context.Context, tx *sql.Tx, entries []*Entry) error {
	w := stateWriter{ctx: ctx, tx: tx}
	var batch marks
	moved := make(tiersMoved)
	for _, e := range entries {
		if err := w.entry(e); err != nil {
			return err
		}
		if !e.dropped {
			moved.add(e.Record)
		}
		batch = batch.add([]*Entry{e})
	}
	first, newest := entries[0].Record, entries[len(entries)-1].Record
	return errors.Join(
		saveMarks(ctx, tx, batch),
		pruneMarks(ctx, tx, newest.Offset),
		w.prune(c.tail.Start()),
		w.tiers(moved, newest.Time),
		c.tail.epochs.Load().remember(ctx, tx, first.Offset, newest.Offset, time.Now()), // those that other nodes' records began
		saveCursor(ctx, tx, stateCursorName, newest.Seq, time.Now()),
	)
}

// stateWriter writes the rows of one transaction. The database keeps the
// statements that it executes prepared.
type stateWriter struct {
	ctx context.Context
	tx  *sql.Tx
}

func (w *stateWriter) exec(query string, args ...any) error {
	if _, err := w.tx.ExecContext(w.ctx, query, args...); err != nil {
		return fmt.Errorf("ingest: state: %w", err)
	}
	return nil
}

// entry writes what one record changes.
func (w *stateWriter) entry(e *Entry) error {
	if v := e.corrected; v != nil {
		if err := w.correction(e.Record.Seq, *v); err != nil {
			return err
		}
	}
	r := e.Record
	switch {
	case e.dropped:
		return nil
	case r.Kind.aboutObject():
		return errors.Join(w.object(r, e.state), w.author(r), w.withdrawnByObject(r))
	case r.Kind == KindWithdraw:
		return w.withdrawal(r.Scope, HashOf(r.Object), r.Tier, r.Seq, r.Version)
	}
	return nil
}

func (w *stateWriter) correction(seq uint64, v verdict) error {
	return w.exec(`INSERT INTO corrections (seq, dropped, kind, id, tier, granted, prev_tier, prev_granted, prev_topics)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (seq) DO NOTHING`,
		int64(seq), asInt(v.dropped), v.kind, int64(v.id), v.tier, v.grant, v.prevTier, v.prevGrant, int64(v.topics))
}

// object writes what the window knows after the record: the row and the
// window's slot are one and the same.
func (w *stateWriter) object(r *Record, s objectState) error {
	key := HashOf(r.Object)
	return w.exec(`INSERT INTO objects (`+objectColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (hash) DO UPDATE SET id = excluded.id, seq = excluded.seq, owner = excluded.owner, tier = excluded.tier,
			granted = excluded.granted, version = excluded.version, content = excluded.content, topics = excluded.topics, tombstone = excluded.tombstone`,
		key[:], int64(s.id), int64(s.seq), s.owner[:], s.tier, s.grant, s.version, int64(s.content), int64(s.topics), asInt(s.tombstone))
}

func (w *stateWriter) author(r *Record) error {
	key := HashOf(r.Actor)
	if r.Kind == KindDelete && r.isActor() {
		return w.exec(`INSERT INTO authors (hash, uri, tier, gone, seq) VALUES ($1, $2, 0, 1, $3)
			ON CONFLICT (hash) DO UPDATE SET tier = 0, gone = 1, seq = excluded.seq`, key[:], r.Actor, int64(r.Seq))
	}
	if r.Author == nil {
		return nil
	}
	tier := Consent(r.Author)
	return w.exec(`INSERT INTO authors (hash, uri, tier, gone, seq) VALUES ($1, $2, $3, 0, $4)
		ON CONFLICT (hash) DO UPDATE SET tier = excluded.tier, seq = excluded.seq
		WHERE authors.tier <> excluded.tier`, key[:], r.Actor, tier, int64(r.Seq))
}

// withdrawnByObject stores what Tail put into its set when it read the record.
func (w *stateWriter) withdrawnByObject(r *Record) error {
	scope, key := ScopeObject, HashOf(r.Object)
	if r.isActor() {
		scope = ScopeActor
	}
	switch {
	case r.Kind == KindDelete:
		return w.withdrawal(scope, key, TierNone, r.Seq, r.Time.UnixMilli())
	case r.Kind == KindUpdate && r.Tier < r.PrevTier && !r.isActor():
		return w.withdrawal(scope, key, r.Tier, r.Seq, r.Time.UnixMilli())
	}
	return nil
}

func (w *stateWriter) withdrawal(scope Scope, key Hash, tier Tier, seq uint64, version int64) error {
	return w.exec(`INSERT INTO withdrawn (scope, hash, tier, seq, version) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (scope, hash) DO UPDATE SET tier = excluded.tier, seq = excluded.seq, version = excluded.version
		WHERE withdrawn.seq < excluded.seq`, scope, key[:], tier, int64(seq), version)
}

// prune drops the rows that stand only for records older than the log.
func (w *stateWriter) prune(start uint64) error {
	return errors.Join(
		w.exec(`DELETE FROM withdrawn WHERE seq < $1`, int64(start)),
		w.exec(`DELETE FROM corrections WHERE seq < $1`, int64(start)),
	)
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
