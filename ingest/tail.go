package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

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
	withdrawn *withdrawnSet
	epochs    atomic.Pointer[epochs]
	logStart  atomic.Int64 // first offset in the log, as last heard
	logEnd    atomic.Int64

	windowMu sync.Mutex
	window   *window // guarded by windowMu

	correctionsMu sync.RWMutex
	corrections   map[uint64]verdict // by seq; guarded by correctionsMu

	// Owned by run.
	next    int64  // offset to read next
	owed    []byte // epoch record that the log must still get
	marks   marks  // newest records read
	ceiling uint64 // no seq at or above it was shown, by the state database's word
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
// may be restarting, the state database busy.
func (t *Tail) run(ctx context.Context) {
	defer t.ring.close()
	doubt := false // the connection broke: the log may be another one when it is back
	for pause := 20 * time.Millisecond; ; {
		err := t.step(ctx, doubt)
		switch {
		case ctx.Err() != nil:
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

// regress goes on at offset from, whose records get seqs that were never shown.
//
// Crash before the transaction: the next start finds the same divergence.
// Crash after it: the next start finds the new epoch, and the end of the log
// below the ceiling, and raises the base once more; seqs are skipped, none is
// shown twice.
func (t *Tail) regress(ctx context.Context, from int64, reason string) error {
	first := t.ceiling + 1 // one seq is left out, so that a reader at the old tip is told from one that is past the gap
	raised := t.epochs.Load().raised(from, first, reason)
	ceiling := first + ceilingStep
	err := t.db.Write(ctx, raised.install(ctx, ceiling))
	if err != nil {
		return err
	}
	t.log.Error("log regressed: records that were read are gone", "from_offset", from, "first_seq", first, "reason", reason)
	t.metrics.event(EventRegressed)
	t.epochs.Store(&raised)
	t.blocks.purge()
	t.marks = t.marks.before(from)
	t.next, t.ceiling = from, ceiling
	return t.announce(ctx, first, reason)
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
	t.ring.publish(entries)
	return nil
}

// adopt takes the base of an epoch record that the state database does not know:
// it is a new one over an old log, or another node raised the base. The epoch
// begins with the record itself. In all other cases the record says what is known.
func (t *Tail) adopt(ctx context.Context, e epochs, r *Record) (epochs, error) {
	raised, ok := e.adopted(r)
	if !ok {
		return e, nil
	}
	seq := raised.seqOf(r.Offset)
	if err := t.db.Write(ctx, raised.install(ctx, max(t.ceiling, seq+1))); err != nil {
		return e, err
	}
	t.ceiling = max(t.ceiling, seq+1)
	t.epochs.Store(&raised)
	r.Seq = seq
	return raised, nil
}

// reserve raises the ceiling above seq before anything of it is shown.
//
// Crash after the write: the next start finds the end of the log below the
// ceiling and gives the next record a seq from the ceiling on.
func (t *Tail) reserve(ctx context.Context, seq uint64) error {
	if seq < t.ceiling {
		return nil
	}
	ceiling := seq + 1 + ceilingStep
	if err := t.db.Write(ctx, saveCeiling(ctx, ceiling)); err != nil {
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

// recall applies what the window said of a record when it was read hot.
func (t *Tail) recall(e *Entry) {
	if e.dropped {
		return
	}
	t.correctionsMu.RLock()
	v, ok := t.corrections[e.Record.Seq]
	t.correctionsMu.RUnlock()
	if !ok {
		v = face(e.Record)
	}
	e.dropped = v.dropped
	v.applyTo(e.Record)
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
