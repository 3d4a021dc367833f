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

	"github.com/segmentio/kafka-go"

	"tributary/ingest/lease"
	"tributary/ingest/state"
)

// Tail reads the log once for all readers of the process: it drops repeats,
// fills in what only the order of the log tells (ids, previous tiers), keeps
// the newest records in a ring and what was withdrawn in a set, and notices when
// the log is not the one that it was.
type Tail struct {
	topic   *topic
	db      *state.DB
	log     *slog.Logger
	metrics *metrics

	ring      *ring
	blocks    *blocks
	pages     *pages
	withdrawn *withdrawnSet
	epochs    atomic.Pointer[epochs]
	logStart  atomic.Int64 // first offset in the log, as last heard
	logEnd    atomic.Int64

	windowMu sync.Mutex
	window   *window // guarded by windowMu

	correctionsMu sync.RWMutex
	corrections   map[uint64]verdict // by seq; guarded by correctionsMu

	failed  chan error // why the log must end; capacity 1
	pending pendingStates
	passed  atomic.Int64 // next, as others see it

	// guard is the right to raise the base: the lease of who opens the log, then that of
	// the state cursor. nil: another node's.
	guard atomic.Pointer[lease.Term]

	// Owned by run.
	next    int64  // offset to read next
	owed    []byte // epoch record that the log must still get
	marks   marks  // newest records read
	ceiling uint64 // no seq at or above it was shown, by the state database's word

	restored bool // the state database is a backup's, and has not caught up: see restored.go
}

// ceilingStep is how far ahead of what was shown the ceiling is reserved: one
// write of the state database per so many records.
const ceilingStep = 1 << 16

// Tip is the seq of the newest record read from the log, 0 when there is none.
func (t *Tail) Tip() uint64 {
	_, tip := t.ring.span()
	return tip
}

// Start is the seq of the oldest record that the log still holds.
func (t *Tail) Start() uint64 {
	e := t.epochs.Load()
	return e.seqOf(e.first(t.logStart.Load()))
}

// Offset is where the log has the first record after seq, 0 for its start. It may be past
// the log's end, or have expired.
func (t *Tail) Offset(seq uint64) int64 {
	if seq == 0 {
		return 0
	}
	return t.epochs.Load().offsetOf(seq + 1)
}

// run reads the log until ctx ends. Whatever fails is tried again: the broker
// may be restarting, the state database busy. After ErrSuperseded nothing can.
func (t *Tail) run(ctx context.Context) {
	defer t.ring.close()
	doubt := false // the connection broke: the log may be another one when it is back
	for pause := 20 * time.Millisecond; ; {
		err := t.step(ctx, doubt)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrSuperseded):
			t.fail(err)
			return
		case err == nil:
			doubt, pause = false, 20*time.Millisecond
			continue
		}
		doubt = true
		t.metrics.tailError()
		t.log.Warn("log cannot be read, trying again", "err", err, "offset", t.next)
		sleep(ctx, pause)
		pause = min(2*pause, time.Second)
	}
}

// fail ends the log with an error.
func (t *Tail) fail(err error) {
	select {
	case t.failed <- err:
	default: // it is ending already
	}
}

// step brings one page of the log to the readers.
func (t *Tail) step(ctx context.Context, doubt bool) error {
	if doubt {
		if err := t.verify(ctx); err != nil {
			return err
		}
	}
	if err := t.settleOwed(ctx); err != nil {
		return err
	}
	if t.pending.full() {
		t.await(ctx)
		return nil
	}
	p, err := t.topic.fetch(ctx, t.next, fetchMaxBytes, fetchMaxWait)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		at := t.next
		if failed := t.verify(ctx); failed != nil || t.next != at {
			return failed
		}
		return err // the log is as it was: a broker with a full disk says this at the end
	}
	if err != nil {
		return err
	}
	t.logStart.Store(p.start)
	t.logEnd.Store(p.end)
	return t.take(ctx, p.records)
}

// await waits until the state cursor, here or elsewhere, has caught up some way.
func (t *Tail) await(ctx context.Context) {
	t.log.Warn("what was read is far ahead of the state database: does it stand still, or has no node the role state? Readers wait")
	for told := time.Now(); t.pending.full() && ctx.Err() == nil && time.Since(told) < time.Minute; {
		sleep(ctx, coldPause)
	}
}

// verify compares what was read with what the log holds now, and goes on behind
// what is still the same.
func (t *Tail) verify(ctx context.Context) error {
	start, end, err := t.topic.bounds(ctx)
	if err != nil {
		return err
	}
	from, same, err := t.marks.before(t.next).divergence(start, end, func(offset int64) (uint64, error) {
		return t.topic.probe(ctx, offset)
	})
	if err != nil {
		return err
	}
	switch {
	case !same || same && len(t.marks) == 0 && t.next > end:
		return t.regress(ctx, min(from, end), epochRegressed)
	case t.next < start:
		t.metrics.event(EventExpired)
		t.log.Error("records expired before they were read", "from_offset", t.next, "to_offset", start)
		t.next = start
	}
	t.logStart.Store(start)
	t.logEnd.Store(end)
	return nil
}

// regress goes on at offset from, whose records get seqs that were never shown. Of
// several nodes only the one with the guard may say where: see regressElsewhere.
//
// Crash before the transaction: the next start finds the same divergence.
// Crash after it: the next start finds the new epoch, and the end of the log
// below the ceiling, and raises the base once more; seqs are skipped, none is
// shown twice.
func (t *Tail) regress(ctx context.Context, from int64, reason string) error {
	guard := t.guard.Load()
	if guard == nil {
		return t.regressElsewhere(ctx, from)
	}
	var first, ceiling uint64
	var raised epochs
	err := t.db.Write(ctx, func(tx *sql.Tx) error {
		if err := guard.Check(ctx, tx); err != nil {
			return err
		}
		shown, err := raiseCeiling(ctx, tx, t.ceiling) // by any node
		if err != nil {
			return err
		}
		first = shown + 1 // one seq is left out, so that a reader at the old tip is told from one that is past the gap
		raised = t.epochs.Load().raised(from, first, reason)
		if err := raised.save(ctx, tx, time.Now()); err != nil {
			return err
		}
		ceiling, err = raiseCeiling(ctx, tx, first+ceilingStep)
		return err
	})
	if err != nil {
		return err
	}
	t.log.Error("log regressed: records that were read are gone", "from_offset", from, "first_seq", first, "reason", reason)
	t.metrics.event(EventRegressed)
	t.epochs.Store(&raised)
	t.blocks.purge()
	t.pages.purge()
	t.marks = t.marks.before(from)
	t.next, t.ceiling = from, ceiling
	return t.announce(ctx, first, reason)
}

// regressElsewhere is regress on a node that may not say where the log differs: the
// one that may could have read less of what is gone, and be right to go on. What is
// appended from now on gets seqs that were never shown, by an epoch record that
// every node reads at the same place; and this node, which has shown what the others
// never saw, starts again from the state database. Its readers come back, here or
// elsewhere. Whoever resumes after a record that is gone misses what was appended in
// its place before the epoch record: that needs a Kafka that loses what it has shown
// while the node with the state cursor had not read it yet.
func (t *Tail) regressElsewhere(ctx context.Context, from int64) error {
	_, end, err := t.topic.bounds(ctx)
	if err != nil {
		return err
	}
	shown, err := loadCeiling(ctx, t.db.Read())
	if err != nil {
		return err
	}
	first := max(shown, t.ceiling) + 1
	value, err := Encode(&Record{Kind: KindEpoch, Base: first - uint64(end), Version: int64(first), Reason: epochStopped})
	if err != nil {
		return err
	}
	if _, err := t.topic.produce(ctx, [][]byte{value}, time.Now()); err != nil {
		return err
	}
	t.metrics.event(EventRegressed)
	return fmt.Errorf("ingest: records from offset %d on are gone: %w", from, ErrSuperseded)
}

// announce appends the epoch record, so that the base can be had from the log
// alone. If that fails it is owed: step tries again before it reads on. A second
// copy of the record says nothing new (adopt).
func (t *Tail) announce(ctx context.Context, first uint64, reason string) error {
	newest := (*t.epochs.Load())[len(*t.epochs.Load())-1]
	value, err := Encode(&Record{Kind: KindEpoch, Base: newest.base, Version: int64(first), Reason: reason})
	if err != nil {
		return err
	}
	t.owed = value
	return t.settleOwed(ctx)
}

func (t *Tail) settleOwed(ctx context.Context) error {
	if t.owed == nil {
		return nil
	}
	if _, err := t.topic.produce(ctx, [][]byte{t.owed}, time.Now()); err != nil {
		return err
	}
	t.owed = nil
	return nil
}

// take turns stored records into entries and publishes them.
func (t *Tail) take(ctx context.Context, records []fetched) error {
	if len(records) == 0 {
		return nil
	}
	e := *t.epochs.Load()
	if err := t.reserve(ctx, e.seqOf(records[len(records)-1].offset)); err != nil {
		return err
	}
	entries := make([]*Entry, 0, len(records))
	for _, f := range records {
		if f.offset < t.next {
			continue
		}
		entry, err := newEntry(f, e.seqOf(f.offset))
		if err != nil {
			t.log.Warn("record cannot be read", "offset", f.offset, "err", err)
		}
		if entry.Record.Kind == KindEpoch {
			if e, err = t.adopt(ctx, e, entry.Record); err != nil {
				return err
			}
			if err := t.reserve(ctx, e.seqOf(records[len(records)-1].offset)); err != nil {
				return err
			}
		}
		t.judge(entry)
		t.metrics.record(entry)
		entries = append(entries, entry)
		t.next = f.offset + 1
	}
	t.marks = t.marks.add(entries)
	t.pending.add(entries)
	t.passed.Store(t.next)
	t.ring.publish(entries)
	return nil
}

// adopt takes the base of an epoch record that the state database does not know:
// it is a new one over an old log, or another node raised the base. The epoch
// begins with the record itself, and so at the same place for every node. In all
// other cases the record says what is known.
//
// A node without the guard keeps what it adopts in memory: the state cursor stores
// it with the record. A crash before that forgets it, and the record is read again.
func (t *Tail) adopt(ctx context.Context, e epochs, r *Record) (epochs, error) {
	raised, ok := e.adopted(r)
	if !ok {
		return e, nil
	}
	seq := raised.seqOf(r.Offset)
	err := t.store(ctx, raised)
	if errors.Is(err, lease.ErrLost) {
		err = t.agree(ctx, e, r.Offset)
	}
	if err != nil {
		return e, err
	}
	t.epochs.Store(&raised)
	r.Seq = seq
	return raised, nil
}

// store writes all epochs, if this node has the guard.
func (t *Tail) store(ctx context.Context, e epochs) error {
	guard := t.guard.Load()
	if guard == nil {
		return lease.ErrLost
	}
	return t.db.Write(ctx, func(tx *sql.Tx) error {
		if err := guard.Check(ctx, tx); err != nil {
			return err
		}
		return e.saveAll(ctx, tx, time.Now())
	})
}

// agree fails with ErrSuperseded if the state database says of offsets below offset, which
// this node has read, that their seqs are others: the node with the guard found that
// the log had lost records there, before this one saw any difference.
func (t *Tail) agree(ctx context.Context, e epochs, offset int64) error {
	stored, err := loadEpochs(ctx, t.db.Read())
	if err != nil {
		return err
	}
	if !e.agrees(stored.before(offset)) {
		return fmt.Errorf("ingest: below offset %d: %w", offset, ErrSuperseded)
	}
	return nil
}

// reserve raises the ceiling above seq before anything of it is shown. Every node does
// it for what it shows; one that has done so saves the others the write.
//
// Crash after the write: the next start finds the end of the log below the
// ceiling and gives the next record a seq from the ceiling on.
func (t *Tail) reserve(ctx context.Context, seq uint64) error {
	if seq < t.ceiling {
		return nil
	}
	var ceiling uint64
	err := t.db.Write(ctx, func(tx *sql.Tx) (err error) {
		ceiling, err = raiseCeiling(ctx, tx, seq+1+ceilingStep)
		return err
	})
	if err != nil {
		return err
	}
	t.ceiling = ceiling
	return nil
}

// judge asks the window what the record means and folds it in.
func (t *Tail) judge(e *Entry) {
	r := e.Record
	switch {
	case e.dropped:
	case r.Kind.aboutObject():
		t.judgeObject(e)
	case r.Kind == KindWithdraw:
		w := withdrawal{tier: r.Tier, seq: r.Seq, version: r.Version}
		if !t.withdrawn.add(withdrawalKey{r.Scope, HashOf(r.Object)}, w) {
			t.correct(e, verdict{dropped: true, kind: r.Kind})
		}
	}
}

func (t *Tail) judgeObject(e *Entry) {
	r := e.Record
	seen := face(r)
	r.Tier = t.withdrawn.cap(r)
	v := t.foldIn(e)
	if v != seen {
		t.correct(e, v)
	}
	v.applyTo(r)
	if v.dropped {
		return
	}
	k := withdrawalKey{ScopeObject, HashOf(r.Object)}
	if r.isActor() {
		k.scope = ScopeActor
	}
	switch {
	case r.Kind == KindDelete:
		t.withdrawn.add(k, withdrawal{TierNone, r.Seq, r.Time.UnixMilli()})
	case r.Kind == KindUpdate && r.Tier < r.PrevTier && !r.isActor():
		t.withdrawn.add(k, withdrawal{r.Tier, r.Seq, r.Time.UnixMilli()})
	}
}

func (t *Tail) foldIn(e *Entry) verdict {
	r := e.Record
	key := HashOf(r.Object)
	t.windowMu.Lock()
	defer t.windowMu.Unlock()
	if owner := t.window.get(r.owner()); owner != nil && owner.tombstone && r.Kind != KindDelete {
		return verdict{dropped: true, kind: r.Kind} // its author is gone
	}
	next, v := fold(t.window.get(key), r)
	if !v.dropped {
		t.window.put(key, next)
		e.state = next
	}
	return v
}

// correct remembers a verdict for cold readers, and for the state database.
func (t *Tail) correct(e *Entry, v verdict) {
	e.dropped, e.corrected = v.dropped, &v
	t.correctionsMu.Lock()
	defer t.correctionsMu.Unlock()
	t.corrections[e.Record.Seq] = v
}

// recall applies what the window said of a record when it was read hot, and what it
// knew after it if the state database does not have that yet.
func (t *Tail) recall(e *Entry) {
	if e.dropped {
		return
	}
	t.correctionsMu.RLock()
	v, ok := t.corrections[e.Record.Seq]
	t.correctionsMu.RUnlock()
	if ok {
		e.corrected = &v
	} else {
		v = face(e.Record)
	}
	e.dropped = v.dropped
	v.applyTo(e.Record)
	e.state, _ = t.pending.get(e.Record.Seq)
}

// known returns what the window holds of an object.
func (t *Tail) known(key Hash) (objectState, bool) {
	t.windowMu.Lock()
	defer t.windowMu.Unlock()
	if s := t.window.get(key); s != nil {
		return *s, true
	}
	return objectState{}, false
}

// forgetExpired drops what stands only for records that the log no longer holds.
func (t *Tail) forgetExpired() {
	start := t.Start()
	t.withdrawn.forget(start)
	t.correctionsMu.Lock()
	defer t.correctionsMu.Unlock()
	for seq := range t.corrections {
		if seq < start {
			delete(t.corrections, seq)
		}
	}
}
