package ingest

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/segmentio/kafka-go"

	"tributary/ingest/state"
)

// CopyConfig says what is copied where.
type CopyConfig struct {
	From, To Kafka
	DB       *state.DB // of the program whose log it is
	Logger   *slog.Logger
	DryRun   bool               // read and compare everything, write nothing
	Quiet    time.Duration      // how long both logs must stand still before; 0: 2 s
	Progress func(CopyProgress) // nil: nobody is told
}

// CopyProgress is told after each page.
type CopyProgress struct {
	Step        string // CopyStep or VerifyStep
	Done, Total int64  // records
}

// The steps of a copy.
const (
	CopyStep   = "copy"
	VerifyStep = "verify"
)

// CopyReport says what a copy came to.
type CopyReport struct {
	Records     int64  `json:"records"` // in the copy
	Found       int64  `json:"found"`   // of them, there from an interrupted copy
	Bytes       int64  `json:"bytes"`   // of the values
	First       uint64 `json:"first_seq"`
	Last        uint64 `json:"last_seq"`
	Start       int64  `json:"start_offset"` // of the copy
	End         int64  `json:"end_offset"`   // of the copy: one past the last record
	Fingerprint uint64 `json:"fingerprint"`  // of all values, times and seqs, compared after reading both again
}

const copyQuiet = 2 * time.Second

// Copy moves a log to another server: the records get the same seqs there, and
// the state database then speaks of the copy. Nobody may write either log
// meanwhile, and the program must not run; what is seen of that is
// ErrBeingWritten. The source is not changed.
//
// The target's topic must be empty (it is made if it is missing), or hold the
// beginning of the very same copy: then it goes on behind it.
//
// Crash before the state database is written: it speaks of the source, and the
// program can go on there; the next Copy continues. Crash after it: done.
func Copy(ctx context.Context, cfg CopyConfig) (CopyReport, error) {
	c := copier{CopyConfig: cfg, from: cfg.From.topic(), to: cfg.To.topic()}
	if c.Quiet == 0 {
		c.Quiet = copyQuiet
	}
	steps := []func(context.Context) error{c.open, c.recognise, c.quiet, c.transfer, c.still}
	if !c.DryRun {
		steps = append(steps, c.verify, c.still, c.settle)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return c.report, err
		}
	}
	return c.report, nil
}

// span is the offsets that a log holds: [start, end).
type span struct{ start, end int64 }

type copier struct {
	CopyConfig
	from, to *topic
	reread   func() fetcher // the source from its start; nil: from

	source, target span   // as they must be; target.end moves with what is written
	epochs         epochs // of the source, by the state database
	position       uint64 // of the state cursor
	moved          epochs // of the copy
	marks          marks  // of the copy
	report         CopyReport
}

func (c *copier) open(ctx context.Context) (err error) {
	switch found, err := c.from.find(ctx); {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("ingest: copy: source topic %s: %w", c.from.name, kafka.UnknownTopicOrPartition)
	}
	if c.source, err = c.from.span(ctx); err != nil {
		return err
	}
	if c.DryRun {
		if found, err := c.to.find(ctx); err != nil || !found {
			return err
		}
	} else if _, err := openTopic(ctx, c.To, c.Logger); err != nil {
		return err
	}
	c.target, err = c.to.span(ctx)
	return err
}

func (t *topic) span(ctx context.Context) (span, error) {
	start, end, err := t.bounds(ctx)
	return span{start, end}, err
}

// recognise makes sure that the source is the log that the state database
// knows, so that its seqs are the ones that were shown.
func (c *copier) recognise(ctx context.Context) (err error) {
	if err := c.leased(ctx); err != nil {
		return err
	}
	if err := c.known(ctx); err != nil {
		return err
	}
	known, err := loadMarks(ctx, c.DB.Read(), c.epochs)
	if err != nil {
		return err
	}
	_, same, err := known.divergence(c.source.start, c.source.end, func(offset int64) (uint64, error) {
		return c.from.probe(ctx, offset)
	})
	switch next := c.epochs.offsetOf(c.position + 1); {
	case err != nil:
		return err
	case !same, len(known) == 0 && next > c.source.end:
		return fmt.Errorf("ingest: copy: topic %s: %w", c.from.name, ErrOtherLog)
	}
	return nil
}

// known takes the seqs of the source from the state database.
func (c *copier) known(ctx context.Context) (err error) {
	if c.epochs, err = loadEpochs(ctx, c.DB.Read()); err != nil {
		return err
	}
	if len(c.epochs) == 0 {
		c.epochs = epochs{{start: 0, base: firstBase, reason: epochFirst}}
	}
	c.position, err = loadCursor(ctx, c.DB.Read(), stateCursorName)
	return err
}

// leased refuses while a node holds a lease: it would go on with the source.
func (c *copier) leased(ctx context.Context) error {
	var node string
	err := c.DB.Read().QueryRowContext(ctx, `SELECT node FROM leases WHERE expires_at > $1 LIMIT 1`, time.Now().UnixMilli()).Scan(&node)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("ingest: copy: read leases: %w", err)
	}
	return fmt.Errorf("ingest: copy: node %s runs: %w", node, ErrBeingWritten)
}

func (c *copier) quiet(ctx context.Context) error {
	sleep(ctx, c.Quiet)
	return c.still(ctx)
}

// still makes sure that nobody but us has written.
func (c *copier) still(ctx context.Context) error {
	for t, was := range map[*topic]span{c.from: c.source, c.to: c.target} {
		if t == c.to && c.DryRun && was == (span{}) {
			continue // it need not exist
		}
		now, err := t.span(ctx)
		if err != nil {
			return err
		}
		if now != was {
			return fmt.Errorf("ingest: copy: topic %s: offsets %d to %d became %d to %d: %w",
				t.name, was.start, was.end, now.start, now.end, ErrBeingWritten)
		}
	}
	return nil
}

// carrier starts a pass over the source.
func (c *copier) carrier() *carrier {
	out := c.target.start
	if c.target.start == c.target.end {
		out = c.target.end
	}
	if c.report.Records > 0 {
		out = c.report.Start
	}
	var from fetcher = c.from
	if c.reread != nil {
		from = c.reread()
	}
	return &carrier{topic: from, next: c.source.start, end: c.source.end, out: out, source: append(epochs(nil), c.epochs...)}
}

// transfer compares what the target has and appends the rest.
func (c *copier) transfer(ctx context.Context) error {
	from := c.carrier()
	c.report.Start = from.out
	there := &sequence{topic: c.to, next: c.target.start, end: c.target.end}
	for {
		records, err := from.page(ctx)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			break
		}
		if records, err = c.compare(ctx, there, records); err != nil {
			return err
		}
		if err := c.append(ctx, records); err != nil {
			return err
		}
		c.tell(CopyStep, from.next)
	}
	if there.next < there.end {
		return fmt.Errorf("ingest: copy: offset %d: %w", there.next, ErrTargetTaken)
	}
	c.moved, c.report.End = from.copy, from.out
	return nil
}

// compare takes from records what the target holds already.
func (c *copier) compare(ctx context.Context, there *sequence, records []carried) ([]carried, error) {
	for i, r := range records {
		f, ok, err := there.read(ctx)
		if err != nil {
			return nil, err
		}
		c.count(r)
		if !ok {
			for _, r := range records[i+1:] {
				c.count(r)
			}
			return records[i:], nil
		}
		if !r.is(f) {
			return nil, fmt.Errorf("ingest: copy: offset %d: %w", f.offset, ErrTargetTaken)
		}
		c.report.Found++
	}
	return nil, nil
}

func (c *copier) count(r carried) {
	if c.report.Records == 0 {
		c.report.First = r.seq
	}
	c.report.Last = r.seq
	c.report.Records++
	c.report.Bytes += int64(len(r.value))
}

// is reports whether f is the record.
func (r carried) is(f fetched) bool {
	return r.offset == f.offset && r.time.UnixMilli() == f.time.UnixMilli() && string(r.value) == string(f.value)
}

// append writes records behind the target's end.
func (c *copier) append(ctx context.Context, records []carried) error {
	if c.DryRun {
		return nil
	}
	for len(records) > 0 {
		n, size := 0, 0
		for n < len(records) && n < appendBatchRecords {
			if size += len(records[n].value); n > 0 && size > appendBatchBytes {
				break
			}
			n++
		}
		if err := c.produce(ctx, records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// produce writes one batch, once: after an error the target's end tells whether
// it was taken.
func (c *copier) produce(ctx context.Context, records []carried) error {
	batch := make([]kafka.Record, len(records))
	for i, r := range records {
		batch[i] = kafka.Record{Time: r.time, Value: kafka.NewBytes(r.value)}
	}
	deadline := time.Now().Add(appendPatience)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		base, err := c.to.produceRecords(ctx, batch)
		if err == nil {
			if base != c.target.end {
				return fmt.Errorf("ingest: copy: a batch came to offset %d instead of %d: %w", base, c.target.end, ErrBeingWritten)
			}
			break
		}
		if ctx.Err() != nil || lasting(err) || time.Now().Add(pause).After(deadline) {
			return err
		}
		c.Logger.Warn("the target does not take a batch, trying again", "err", err)
		sleep(ctx, pause)
		if now, err := c.to.span(ctx); err == nil && now.end == c.target.end+int64(len(batch)) {
			break
		}
	}
	if c.target.start == c.target.end {
		c.target.start = c.report.Start
	}
	c.target.end += int64(len(batch))
	return nil
}

func (c *copier) tell(step string, next int64) {
	if c.Progress != nil {
		c.Progress(CopyProgress{Step: step, Done: next - c.source.start, Total: c.source.end - c.source.start})
	}
}

// verify reads both logs again, compares them record by record, and notes the
// copy's marks.
func (c *copier) verify(ctx context.Context) error {
	from, there := c.carrier(), &sequence{topic: c.to, next: c.report.Start, end: c.target.end}
	digest := xxhash.New()
	var records int64
	for {
		page, err := from.page(ctx)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			f, ok, err := there.read(ctx)
			if err != nil {
				return err
			}
			if !ok || !r.is(f) {
				return fmt.Errorf("ingest: copy: seq %d at offset %d is not what was written: %w", r.seq, r.offset, ErrBeingWritten)
			}
			print := fingerprintOf(f.value, f.time)
			_, _ = digest.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.seq), print))
			c.mark(mark{r.seq, r.offset, print})
			records++
		}
		c.tell(VerifyStep, from.next)
	}
	if records != c.report.Records || there.next != there.end {
		return fmt.Errorf("ingest: copy: %d records were written, %d are there: %w", c.report.Records, records, ErrBeingWritten)
	}
	c.report.Fingerprint = digest.Sum64()
	return nil
}

// mark keeps the newest marks of what the state database has folded in.
func (c *copier) mark(m mark) {
	if m.seq > c.position {
		return
	}
	if c.marks = append(c.marks, m); len(c.marks) > 2*marksKept {
		c.marks = append(marks(nil), c.marks[len(c.marks)-marksKept:]...)
	}
}

// settle makes the state database speak of the copy.
func (c *copier) settle(ctx context.Context) error {
	return c.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM marks`); err != nil {
			return fmt.Errorf("ingest: copy: marks: %w", err)
		}
		return errors.Join(
			saveMarks(ctx, tx, c.marks),
			c.moved.saveAll(ctx, tx, time.Now()),
		)
	})
}

// sequence reads a log's records one by one.
type sequence struct {
	topic     *topic
	next, end int64
	buf       []fetched
}

// read returns the next record; false at the end.
func (s *sequence) read(ctx context.Context) (fetched, bool, error) {
	if len(s.buf) == 0 {
		if s.next >= s.end {
			return fetched{}, false, nil
		}
		p, err := s.topic.fetch(ctx, s.next, fetchMaxBytes, fetchMaxWait)
		if err != nil {
			return fetched{}, false, err
		}
		if len(p.records) == 0 {
			return fetched{}, false, fmt.Errorf("ingest: copy: no record at offset %d, though the log ends at %d", s.next, s.end)
		}
		s.buf = p.records
	}
	f := s.buf[0]
	s.buf, s.next = s.buf[1:], f.offset+1
	return f, true, nil
}
