package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/ingest/state"
)

// Config of the log.
type Config struct {
	Kafka      Kafka
	DB         *state.DB
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	WindowSize int                   // objects in the repeat window; 0: 200,000. Only tests change it
}

// Log is the one log of the process: what appends to it, the Tail that reads
// it, and the state cursor that folds it into the state database.
type Log struct {
	tail     *Tail
	appender *appender
	state    *stateCursor
	db       *state.DB
	logger   *slog.Logger
	metrics  *metrics
}

// Open connects to the log, compares it with what the state database knows of
// it, and raises the base if any seq could otherwise be shown twice. Nothing
// runs until Run.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	logger := cfg.Logger.With("component", "ingest")
	topic, err := openTopic(ctx, cfg.Kafka, logger)
	if err != nil {
		return nil, err
	}
	l := &Log{db: cfg.DB, logger: logger, metrics: newMetrics(cfg.Registerer), appender: newAppender(topic)}
	position, err := loadCursor(ctx, cfg.DB, stateCursorName)
	if err != nil {
		return nil, err
	}
	l.tail = &Tail{topic: topic, db: cfg.DB, log: logger, metrics: l.metrics}
	if err := l.tail.open(ctx, position, cfg.WindowSize); err != nil {
		return nil, err
	}
	l.state = newStateCursor(l.tail, cfg.DB, logger, l.metrics, position)
	return l, nil
}

// Tail is where readers come from.
func (l *Log) Tail() *Tail { return l.tail }

// Ready is closed when the state cursor has reached the end that the log had
// when it was opened.
func (l *Log) Ready() <-chan struct{} { return l.state.ready }

// StatePosition is the seq up to which the state database is a fold of the log.
func (l *Log) StatePosition() uint64 { return l.state.position.Load() }

// Append returns when Kafka has acknowledged the record.
func (l *Log) Append(ctx context.Context, r *Record) error { return l.appender.append(ctx, r) }

// Run keeps the log going until ctx ends, and returns when all of it has
// stopped: first what appends, then what reads, then the state cursor.
func (l *Log) Run(ctx context.Context) error {
	var appending, reading sync.WaitGroup
	readCtx, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()
	appending.Go(func() { l.appender.run(ctx) })
	reading.Go(func() { l.tail.run(readCtx) })
	reading.Go(func() { l.state.run(readCtx) })
	appending.Wait()
	stopReading()
	reading.Wait()
	return l.settle(ctx)
}

// settle lowers the ceiling to what was really shown, so that a clean restart
// goes on with the next seq. Nothing is shown after it. Without it (a kill) the
// next start raises the base instead.
func (l *Log) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	e := *l.tail.epochs.Load()
	if err := l.db.Write(ctx, saveCeiling(ctx, e.seqOf(l.tail.next))); err != nil {
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
