package ingest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/segmentio/kafka-go"

	"tributary/ingest/state"
)

// Exported is a record of a log as it stands outside of one, in a backup.
type Exported struct {
	Offset int64
	Time   time.Time // to the millisecond
	Value  []byte
}

// An Export is what a log holds at a moment: the offsets from Start to before End.
type Export struct {
	Start, End int64
	topic      *topic
}

// OpenExport looks how far a log reaches. Whoever writes it may go on.
func OpenExport(ctx context.Context, k Kafka) (*Export, error) {
	t := k.topic()
	switch found, err := t.find(ctx); {
	case err != nil:
		return nil, err
	case !found:
		return nil, fmt.Errorf("ingest: export: topic %s: %w", t.name, kafka.UnknownTopicOrPartition)
	}
	start, end, err := t.bounds(ctx)
	return &Export{Start: start, End: end, topic: t}, err
}

// Records hands every record to each, oldest first. The value is each's until it returns. What expired
// before the first one was read is left out; a log that expires faster than it is read is an error.
func (x *Export) Records(ctx context.Context, each func(Exported) error) error {
	start, _, err := x.topic.bounds(ctx)
	if err != nil {
		return err
	}
	for next := max(x.Start, start); next < x.End; {
		p, err := x.topic.fetch(ctx, next, fetchMaxBytes, fetchMaxWait)
		switch {
		case errors.Is(err, kafka.OffsetOutOfRange):
			return fmt.Errorf("ingest: export: the record at offset %d expired while the log was read: %w", next, err)
		case err != nil:
			return err
		case len(p.records) == 0:
			return fmt.Errorf("ingest: export: no record at offset %d, though the log ends at %d", next, x.End)
		}
		for _, f := range p.records {
			if f.offset >= x.End {
				return nil
			}
			if err := each(Exported{f.offset, f.time, f.value}); err != nil {
				return err
			}
			next = f.offset + 1
		}
	}
	return nil
}

// ImportConfig says which exported log goes where.
type ImportConfig struct {
	Start, End int64                             // of the export
	Records    func() iter.Seq2[Exported, error] // all of it, each time
	To         Kafka                             // holds nothing yet
	DB         *state.DB                         // was read before the log was, and restored since
	Logger     *slog.Logger
	Progress   func(CopyProgress) // nil: nobody is told
}

// Import writes an exported log to a server that has none: the records get the seqs that they had, as with
// Copy, and the state database then speaks of that log. ErrOtherLog: the export is of another log than
// the state database.
func Import(ctx context.Context, cfg ImportConfig) (CopyReport, error) {
	c := copier{
		CopyConfig: CopyConfig{To: cfg.To, DB: cfg.DB, Logger: cfg.Logger, Progress: cfg.Progress},
		to:         cfg.To.topic(), source: span{cfg.Start, cfg.End},
	}
	if cfg.Start == cfg.End {
		return c.report, c.openEmpty(ctx)
	}
	open := &exported{stop: func() {}}
	defer func() { open.stop() }()
	c.reread = func() fetcher {
		open.stop() // one reads at a time
		open = newExported(cfg)
		return open
	}
	for _, step := range []func(context.Context) error{c.openEmpty, c.known, c.matches, c.transfer, c.verify, c.settle} {
		if err := step(ctx); err != nil {
			return c.report, err
		}
	}
	return c.report, nil
}

// openEmpty makes the topic, which must hold nothing.
func (c *copier) openEmpty(ctx context.Context) error {
	if _, err := openTopic(ctx, c.To, c.Logger); err != nil {
		return err
	}
	var err error
	if c.target, err = c.to.span(ctx); err != nil {
		return err
	}
	if c.target.start != c.target.end {
		return fmt.Errorf("ingest: import: topic %s: %w", c.to.name, ErrTargetTaken)
	}
	return nil
}

// matches makes sure that the export holds the newest record that the state database knows, if that has
// not expired.
func (c *copier) matches(ctx context.Context) error {
	known, err := loadMarks(ctx, c.DB.Read(), c.epochs)
	if err != nil || len(known) == 0 || known[len(known)-1].offset < c.source.start {
		return err
	}
	newest := known[len(known)-1]
	from := c.reread()
	for next := c.source.start; next < c.source.end; {
		p, err := from.fetch(ctx, next, fetchMaxBytes, 0)
		if err != nil {
			return err
		}
		for _, f := range p.records {
			if f.offset == newest.offset && fingerprintOf(f.value, f.time) == newest.fingerprint {
				return nil
			}
			next = f.offset + 1
		}
		if len(p.records) == 0 || next > newest.offset {
			break
		}
	}
	return fmt.Errorf("ingest: import: record at offset %d: %w", newest.offset, ErrOtherLog)
}

// exported is an export that a carrier reads as a log.
type exported struct {
	span
	next func() (Exported, error, bool)
	stop func()
}

func newExported(cfg ImportConfig) *exported {
	next, stop := iter.Pull2(cfg.Records())
	return &exported{span: span{cfg.Start, cfg.End}, next: next, stop: stop}
}

// fetch returns the next records: whoever reads does so in order.
func (x *exported) fetch(ctx context.Context, offset, maxBytes int64, _ time.Duration) (page, error) {
	p := page{start: x.start, end: x.end}
	for size := int64(0); size < maxBytes; {
		r, err, ok := x.next()
		switch {
		case !ok:
			return p, nil
		case err != nil:
			return page{}, err
		case ctx.Err() != nil:
			return page{}, ctx.Err()
		case r.Offset < offset || r.Offset >= x.end:
			return page{}, fmt.Errorf("ingest: import: a record at offset %d, where one from %d to %d is expected", r.Offset, offset, x.end-1)
		}
		p.records = append(p.records, fetched{offset: r.Offset, time: r.Time, value: r.Value})
		offset = r.Offset + 1
		size += int64(len(r.Value))
	}
	return p, nil
}
