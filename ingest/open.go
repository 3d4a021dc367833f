package ingest

import (
	"context"
	"database/sql"
	"fmt"
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
func (t *Tail) open(ctx context.Context, position uint64, size int) error {
	if size == 0 {
		size = windowSize
	}
	start, end, err := t.topic.bounds(ctx)
	if err != nil {
		return err
	}
	e, err := loadEpochs(ctx, t.db)
	if err != nil {
		return err
	}
	if t.ceiling, err = loadCeiling(ctx, t.db); err != nil {
		return err
	}
	if len(e) == 0 {
		e = epochs{{start: 0, base: firstBase, reason: epochFirst}}
		if err := t.db.Write(ctx, e.install(ctx, t.ceiling)); err != nil {
			return err
		}
	}
	if t.marks, err = loadMarks(ctx, t.db, e); err != nil {
		return err
	}
	t.epochs.Store(&e)
	t.blocks = newBlocks(t.loadBlock)
	t.logStart.Store(start)
	t.logEnd.Store(end)
	t.next = e.offsetOf(position + 1)
	if err := t.reconcile(ctx, start, end); err != nil {
		return err
	}
	if err := t.loadMemory(ctx, size); err != nil {
		return err
	}
	t.ring = newRing(t.epochs.Load().seqOf(t.next), position)
	return nil
}

func (t *Tail) reconcile(ctx context.Context, start, end int64) error {
	from, same, err := t.marks.divergence(start, end, func(offset int64) (uint64, error) { return t.topic.probe(ctx, offset) })
	if err != nil {
		return err
	}
	if len(t.marks) == 0 && t.next > end {
		from, same = end, false
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
	if err := t.db.Write(ctx, raised.install(ctx, ceiling)); err != nil {
		return err
	}
	t.log.Info("the last run did not stop cleanly: seqs are skipped", "first_seq", first)
	t.epochs.Store(&raised)
	t.ceiling = ceiling
	return t.announce(ctx, first, epochStopped)
}

// loadMemory fills the window, the withdrawals and the corrections from the
// state database, as they were after the record at the state cursor.
func (t *Tail) loadMemory(ctx context.Context, size int) error {
	t.window = newWindow(size)
	t.withdrawn = newWithdrawnSet()
	t.corrections = make(map[uint64]verdict)
	for _, load := range []func(context.Context, int) error{t.loadWindow, t.loadWithdrawn, t.loadCorrections} {
		if err := load(ctx, size); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tail) loadWindow(ctx context.Context, size int) error {
	type row struct {
		key   Hash
		state objectState
	}
	var newestFirst []row
	err := t.each(ctx, "window", `SELECT hash, id, seq, owner, tier, granted, version, content, tombstone
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

func (t *Tail) loadWithdrawn(ctx context.Context, _ int) error {
	return t.each(ctx, "withdrawn", `SELECT scope, hash, tier, seq, version FROM withdrawn WHERE seq >= $1`, func(rows *sql.Rows) error {
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

func (t *Tail) loadCorrections(ctx context.Context, _ int) error {
	return t.each(ctx, "corrections", `SELECT seq, dropped, kind, id, tier, granted, prev_tier, prev_granted
		FROM corrections WHERE seq >= $1`, func(rows *sql.Rows) error {
		var v verdict
		var seq, dropped, id int64
		err := rows.Scan(&seq, &dropped, &v.kind, &id, &v.tier, &v.grant, &v.prevTier, &v.prevGrant)
		v.dropped, v.id = dropped != 0, uint64(id)
		t.corrections[uint64(seq)] = v
		return err
	}, int64(t.Start()))
}

func (t *Tail) each(ctx context.Context, what, query string, scan func(*sql.Rows) error, args ...any) error {
	rows, err := t.db.Read().QueryContext(ctx, query, args...)
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

// scanObject reads a row of objects: hash, id, seq, owner, tier, granted, version, content, tombstone.
func scanObject(row interface{ Scan(...any) error }) (Hash, objectState, error) {
	var s objectState
	var hash, owner []byte
	var id, seq, content, tombstone int64
	err := row.Scan(&hash, &id, &seq, &owner, &s.tier, &s.grant, &s.version, &content, &tombstone)
	s.id, s.seq, s.content, s.tombstone = uint64(id), uint64(seq), uint64(content), tombstone != 0
	s.owner = hashFrom(owner)
	return hashFrom(hash), s, err
}
