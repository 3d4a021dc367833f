package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tributary/ingest/lease"
)

// open brings the Tail to where the state database stands: the next record that
// it reads is the first that the state cursor has not folded.
//
// The state database and the log may disagree after a crash, a restore or a
// replaced broker. In this order:
//   - no epochs: a new database; seqs begin at firstBase, or where the log's own
//     epoch records say (see stateCursor);
//   - a record that the state cursor has read is not in the log any more, or is
//     another one: go on behind the last one that is the same, with seqs from
//     the ceiling on (epochRegressed);
//   - the end of the log lies below the ceiling: the process did not stop
//     cleanly, and a torn tail may have held records that were shown. The next
//     record gets a seq from the ceiling on (epochStopped). Nothing is lost, so
//     no reader is told.
//
// A state database that was restored from a backup knows less than was shown: see Restored.
//
// Only the first of several nodes may do that (first is not nil): no other node reads
// the log or appends to it, so that an epoch that begins at the log's end begins there
// for all. A later node changes nothing. Its ceiling is above the log's end because the
// others live, and what the log may have lost is theirs to see.
//
// All is read in one snapshot of the state database, as another node may be folding:
// the window belongs to the position.
func (t *Tail) open(ctx context.Context, first *lease.Opening, size int) (position uint64, err error) {
	if size == 0 {
		size = windowSize
	}
	start, _, err := t.topic.bounds(ctx)
	if err != nil {
		return 0, err
	}
	t.logStart.Store(start)
	t.blocks, t.pages = newBlocks(t.loadBlock), newPages(t.fetchCold)
	if position, err = t.load(ctx, size); err != nil {
		return 0, err
	}
	start, end, err := t.topic.bounds(ctx) // after the snapshot, so that the end is not below the position
	if err != nil {
		return 0, err
	}
	t.logStart.Store(start)
	t.logEnd.Store(end)
	if first == nil {
		err = t.recognise(ctx, start, end)
	} else {
		t.guard.Store(&first.Term)
		err = t.reconcileRestored(ctx, position, start, end)
		if !first.Alone() {
			t.guard.Store(nil) // the state cursor's turn
		}
	}
	if err != nil {
		return 0, err
	}
	t.passed.Store(t.next)
	t.ring = newRing(t.epochs.Load().seqOf(t.next), position)
	return position, nil
}

// load takes what the state database knows.
func (t *Tail) load(ctx context.Context, size int) (position uint64, err error) {
	snapshot, err := t.db.Read().BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("ingest: open: %w", err)
	}
	defer func() { err = errors.Join(err, ignoreDone(snapshot.Rollback())) }()
	if position, err = loadCursor(ctx, snapshot, stateCursorName); err != nil {
		return 0, err
	}
	e, err := loadEpochs(ctx, snapshot)
	if err != nil {
		return 0, err
	}
	if t.ceiling, err = loadCeiling(ctx, snapshot); err != nil {
		return 0, err
	}
	if t.marks, err = loadMarks(ctx, snapshot, e); err != nil {
		return 0, err
	}
	if len(e) == 0 {
		e = epochs{{start: 0, base: firstBase, reason: epochFirst}}
	}
	t.epochs.Store(&e)
	t.next = e.offsetOf(position + 1)
	return position, t.loadMemory(ctx, snapshot, size)
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// recognise makes sure that the log is the one that the state database knows.
func (t *Tail) recognise(ctx context.Context, start, end int64) error {
	_, same, err := t.marks.divergence(start, end, func(offset int64) (uint64, error) { return t.topic.probe(ctx, offset) })
	switch {
	case err != nil:
		return err
	case !same || t.next > end:
		return fmt.Errorf("ingest: %w, and another node has yet to see it", ErrOtherLog)
	}
	t.next = max(t.next, start)
	return nil
}

func (t *Tail) reconcile(ctx context.Context, start, end int64) error {
	if e := *t.epochs.Load(); len(e) == 1 && len(t.marks) == 0 { // a new database
		if err := t.store(ctx, e); err != nil {
			return err
		}
	}
	from, same, err := t.marks.divergence(start, end, func(offset int64) (uint64, error) { return t.topic.probe(ctx, offset) })
	if err != nil {
		return err
	}
	if len(t.marks) == 0 && t.next > end {
		from, same = end, false
	}
	if t.restored && t.unseen(start) {
		from, same = start, false
	}
	switch {
	case !same:
		t.ceiling = max(t.ceiling, t.epochs.Load().seqOf(t.next))
		return t.regress(ctx, from, epochRegressed)
	case t.epochs.Load().seqOf(end) < t.ceiling:
		return t.skipSeqs(ctx, end)
	}
	if t.next < start {
		t.log.Error("records expired before the state database read them", "from_offset", t.next, "to_offset", start)
		t.metrics.event(EventExpired)
		t.next = start
	}
	return nil
}

// skipSeqs gives what is appended at offset end and after it seqs that were
// never shown. What crashes do to it: see regress.
func (t *Tail) skipSeqs(ctx context.Context, end int64) error {
	raised := t.epochs.Load().raised(end, t.ceiling, epochStopped)
	first, ceiling := t.ceiling, t.ceiling+ceilingStep
	err := t.db.Write(ctx, func(tx *sql.Tx) error {
		if err := t.guard.Load().Check(ctx, tx); err != nil {
			return err
		}
		if err := raised.save(ctx, tx, time.Now()); err != nil {
			return err
		}
		_, err := raiseCeiling(ctx, tx, ceiling)
		return err
	})
	if err != nil {
		return err
	}
	t.log.Info("the last run did not stop cleanly: seqs are skipped", "first_seq", first)
	t.epochs.Store(&raised)
	t.ceiling = ceiling
	return t.announce(ctx, first, epochStopped)
}

// loadMemory fills the window, the withdrawals and the corrections from the
// state database, as they were after the record at the state cursor.
func (t *Tail) loadMemory(ctx context.Context, db querier, size int) error {
	t.window = newWindow(size)
	t.withdrawn = newWithdrawnSet()
	t.corrections = make(map[uint64]verdict)
	for _, load := range []func(context.Context, querier, int) error{t.loadWindow, t.loadWithdrawn, t.loadCorrections} {
		if err := load(ctx, db, size); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tail) loadWindow(ctx context.Context, db querier, size int) error {
	type row struct {
		key   Hash
		state objectState
	}
	var newestFirst []row
	err := each(ctx, db, "window", `SELECT `+objectColumns+`
		FROM objects ORDER BY seq DESC LIMIT $1`, func(rows *sql.Rows) error {
		key, s, err := scanObject(rows)
		newestFirst = append(newestFirst, row{key, s})
		return err
	}, size)
	for i := len(newestFirst) - 1; i >= 0; i-- {
		t.window.put(newestFirst[i].key, newestFirst[i].state)
	}
	return err
}

func (t *Tail) loadWithdrawn(ctx context.Context, db querier, _ int) error {
	return each(ctx, db, "withdrawn", `SELECT scope, hash, tier, seq, version FROM withdrawn WHERE seq >= $1`, func(rows *sql.Rows) error {
		var k withdrawalKey
		var hash []byte
		var w withdrawal
		var seq int64
		err := rows.Scan(&k.scope, &hash, &w.tier, &seq, &w.version)
		k.key, w.seq = hashFrom(hash), uint64(seq)
		t.withdrawn.add(k, w)
		return err
	}, int64(t.Start()))
}

func (t *Tail) loadCorrections(ctx context.Context, db querier, _ int) error {
	return each(ctx, db, "corrections", `SELECT seq, dropped, kind, id, tier, granted, prev_tier, prev_granted, prev_topics
		FROM corrections WHERE seq >= $1`, func(rows *sql.Rows) error {
		var v verdict
		var seq, dropped, id, topics int64
		err := rows.Scan(&seq, &dropped, &v.kind, &id, &v.tier, &v.grant, &v.prevTier, &v.prevGrant, &topics)
		v.dropped, v.id, v.topics = dropped != 0, uint64(id), Topics(topics)
		t.corrections[uint64(seq)] = v
		return err
	}, int64(t.Start()))
}

func each(ctx context.Context, db querier, what, query string, scan func(*sql.Rows) error, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("ingest: load %s: %w", what, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("ingest: load %s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("ingest: load %s: %w", what, err)
	}
	return nil
}

// objectColumns are what scanObject reads of objects.
const objectColumns = `hash, id, seq, owner, tier, granted, version, content, topics, tombstone`

// scanObject reads a row of objects.
func scanObject(row interface{ Scan(...any) error }) (Hash, objectState, error) {
	var s objectState
	var hash, owner []byte
	var id, seq, content, topics, tombstone int64
	err := row.Scan(&hash, &id, &seq, &owner, &s.tier, &s.grant, &s.version, &content, &topics, &tombstone)
	s.id, s.seq, s.content, s.topics, s.tombstone = uint64(id), uint64(seq), uint64(content), Topics(topics), tombstone != 0
	s.owner = hashFrom(owner)
	return hashFrom(hash), s, err
}
