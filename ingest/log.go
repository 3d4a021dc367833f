package ingest

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest/lease"
	"tributary/ingest/state"
)

// Config of the log.
type Config struct {
	Kafka      Kafka
	DB         *state.DB
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	WindowSize int                   // objects in the repeat window; 0: 200,000. Only tests change it

	// Leases decide which node folds the log into the state database. nil: this one is alone.
	Leases *lease.Keeper
	// Follow leaves the fold to other nodes.
	Follow bool
}

// Log is the one log of the process: what appends to it, the Tail that reads
// it, and the state cursor that folds it into the state database.
type Log struct {
	tail     *Tail
	appender *appender
	state    *stateCursor
	leases   *lease.Keeper
	db       *state.DB
	logger   *slog.Logger
	metrics  *metrics
}

// Open connects to the log, compares it with what the state database knows of
// it, and raises the base if any seq could otherwise be shown twice. Nothing
// runs until Run.
//
// Of several nodes the first one does so, while the others wait (lease.Keeper.Join);
// who comes later reads on from what the state database says.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	logger := cfg.Logger.With("component", "ingest")
	topic, err := openTopic(ctx, cfg.Kafka, logger)
	if err != nil {
		return nil, err
	}
	l := &Log{db: cfg.DB, leases: cfg.Leases, logger: logger, metrics: newMetrics(cfg.Registerer), appender: newAppender(topic)}
	first, err := cfg.Leases.Join(ctx)
	if err != nil {
		return nil, err
	}
	l.tail = &Tail{topic: topic, db: cfg.DB, log: logger, metrics: l.metrics, failed: make(chan error, 1)}
	position, err := l.tail.open(ctx, first, cfg.WindowSize)
	if err != nil {
		return nil, err
	}
	if first != nil {
		if err := first.Done(ctx); err != nil {
			return nil, err
		}
	}
	l.state = newStateCursor(l.tail, cfg, logger, l.metrics, position)
	return l, nil
}

// Tail is where readers come from.
func (l *Log) Tail() *Tail { return l.tail }

// Ready is closed when the state cursor has reached the end that the log had
// when it was opened.
func (l *Log) Ready() <-chan struct{} { return l.state.ready }

// StatePosition is the seq up to which the state database is a fold of the log.
func (l *Log) StatePosition() uint64 { return l.state.position.Load() }

// folded waits until the state database knows all that the log holds now: what is
// decided by the table authors must not be decided by rows that are behind.
func (l *Log) folded(ctx context.Context) error {
	_, end, err := l.tail.topic.bounds(ctx)
	if err != nil || end == 0 {
		return err
	}
	target := l.tail.epochs.Load().seqOf(end - 1)
	for l.state.position.Load() < target {
		if sleep(ctx, 2*time.Millisecond); ctx.Err() != nil {
			return fmt.Errorf("ingest: waiting for the state database: %w", ErrUnavailable)
		}
	}
	return nil
}

// Append returns when Kafka has acknowledged the record.
func (l *Log) Append(ctx context.Context, r *Record) error { return l.appender.append(ctx, r) }

// Run keeps the log going until ctx ends, and returns when all of it has
// stopped: first what appends, then what reads, then the state cursor. It ends by
// itself with ErrSuperseded.
func (l *Log) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var appending, reading sync.WaitGroup
	readCtx, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()
	appending.Go(func() { l.appender.run(ctx) })
	reading.Go(func() { l.tail.run(readCtx) })
	reading.Go(func() { l.state.run(readCtx) })
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-l.tail.failed:
		stop()
	}
	appending.Wait()
	stopReading()
	reading.Wait()
	if failed != nil {
		return failed
	}
	return l.settle(ctx)
}

// settle lowers the ceiling to what was really shown, so that a clean restart
// goes on with the next seq. Nothing is shown after it. Without it (a kill) the
// next start raises the base instead.
//
// Of several nodes the last one does it, if it has read all that the others could
// have shown.
func (l *Log) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if l.leases.Shared() {
		if _, end, err := l.tail.topic.bounds(ctx); err != nil || end != l.tail.next {
			return nil // the next start skips some seqs
		}
	}
	e := *l.tail.epochs.Load()
	err := l.db.Write(ctx, func(tx *sql.Tx) error {
		last, err := l.leases.Last(ctx, tx)
		if err != nil || !last {
			return err
		}
		return saveCeiling(ctx, e.seqOf(l.tail.next))(tx)
	})
	if err != nil {
		return fmt.Errorf("ingest: settle ceiling: %w", err)
	}
	return nil
}

// CatchUp waits until the Tail and the state cursor have read all that was in
// the log when it was called.
func (l *Log) CatchUp(ctx context.Context) error {
	_, end, err := l.tail.topic.bounds(ctx)
	if err != nil {
		return err
	}
	for end > 0 && l.StatePosition() < l.tail.epochs.Load().seqOf(end-1) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("ingest: catch up: state cursor at %d: %w", l.StatePosition(), ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}
