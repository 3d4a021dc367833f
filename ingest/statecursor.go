package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"tributary/ingest/crashpoint"
	"tributary/ingest/state"
)

// stateBatch is how many records one transaction folds in at most.
const stateBatch = 512

// stateCursor folds the log into the state database: objects, authors,
// withdrawn, corrections and marks change in one transaction with the cursor's
// seq, and nothing else writes them. They could be dropped and rebuilt.
//
// Crash before the transaction: nothing of the batch is there, and the cursor
// stands before it; the next start reads the same records with the same window
// and comes to the same verdicts. Crash after it: the batch is there and the
// cursor behind it.
type stateCursor struct {
	tail     *Tail
	db       *state.DB
	log      *slog.Logger
	metrics  *metrics
	position atomic.Uint64
	target   uint64 // seq at which the node is ready
	ready    chan struct{}
}

func newStateCursor(t *Tail, db *state.DB, log *slog.Logger, m *metrics, position uint64) *stateCursor {
	c := &stateCursor{tail: t, db: db, log: log, metrics: m, ready: make(chan struct{})}
	c.position.Store(position)
	e := *t.epochs.Load()
	if end := t.logEnd.Load(); t.next < end {
		c.target = e.seqOf(end - 1)
	}
	c.tryReady()
	return c
}

func (c *stateCursor) tryReady() {
	select {
	case <-c.ready:
	default:
		if c.position.Load() >= c.target {
			close(c.ready)
		}
	}
}

func (c *stateCursor) run(ctx context.Context) {
	reader := c.tail.Reader(ViewAll, c.position.Load()+1)
	pruned := time.Now()
	for {
		batch, err := reader.Next(ctx, stateBatch)
		if err != nil {
			return // ctx ended, or the log is closed
		}
		for _, e := range batch.Events {
			c.log.Error("records were lost before they were folded into the state database", "event", e.Name, "from_seq", e.From, "to_seq", e.To)
		}
		if len(batch.Entries) > 0 && !c.settle(ctx, batch.Entries) {
			return
		}
		if time.Since(pruned) > time.Minute {
			c.tail.forgetExpired()
			pruned = time.Now()
		}
	}
}

// settle folds a batch in, and tries until the database takes it.
func (c *stateCursor) settle(ctx context.Context, entries []*Entry) bool {
	crashpoint.Hit(crashpoint.BeforeState)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := c.db.Write(ctx, func(tx *sql.Tx) error { return c.fold(ctx, tx, entries) })
		if err == nil {
			c.metrics.stateBatch(len(entries))
			c.position.Store(entries[len(entries)-1].Record.Seq)
			c.tryReady()
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		c.log.Error("state database cannot be written, trying again", "err", err)
		sleep(ctx, pause)
	}
}

func (c *stateCursor) fold(ctx context.Context, tx *sql.Tx, entries []*Entry) error {
	w := stateWriter{ctx: ctx, tx: tx}
	var batch marks
	for _, e := range entries {
		if err := w.entry(e); err != nil {
			return err
		}
		batch = batch.add([]*Entry{e})
	}
	newest := entries[len(entries)-1].Record.Seq
	return errors.Join(
		saveMarks(ctx, tx, batch),
		pruneMarks(ctx, tx, entries[len(entries)-1].Record.Offset),
		w.prune(c.tail.Start()),
		saveCursor(ctx, tx, stateCursorName, newest, time.Now()),
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
	return w.exec(`INSERT INTO corrections (seq, dropped, kind, id, tier, granted, prev_tier, prev_granted)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (seq) DO NOTHING`,
		int64(seq), asInt(v.dropped), v.kind, int64(v.id), v.tier, v.grant, v.prevTier, v.prevGrant)
}

// object writes what the window knows after the record: the row and the
// window's slot are one and the same.
func (w *stateWriter) object(r *Record, s objectState) error {
	key := HashOf(r.Object)
	return w.exec(`INSERT INTO objects (hash, id, seq, owner, tier, granted, version, content, tombstone)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (hash) DO UPDATE SET id = excluded.id, seq = excluded.seq, owner = excluded.owner, tier = excluded.tier,
			granted = excluded.granted, version = excluded.version, content = excluded.content, tombstone = excluded.tombstone`,
		key[:], int64(s.id), int64(s.seq), s.owner[:], s.tier, s.grant, s.version, int64(s.content), asInt(s.tombstone))
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
