package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// Bounds of the appender.
const (
	appendBatchRecords = 500
	appendBatchBytes   = 900 << 10 // under Kafka's message.max.bytes even before compression
	appendQueueBytes   = 64 << 20  // waiting for the broker; beyond it callers are told to come back
	appendPatience     = 20 * time.Second
)

// appender batches records by what arrives while the batch before is on its
// way: alone, a record waits for nothing; under load the batches grow.
//
// A failed produce is tried again, since a record may be in the log although
// its acknowledgement was lost: Tail drops the repeat.
type appender struct {
	topic *topic
	wake  chan struct{} // capacity 1

	mu      sync.Mutex
	queue   []*pending // guarded by mu
	bytes   int        // of queue, guarded by mu
	stopped bool       // guarded by mu
}

type pending struct {
	value []byte
	done  chan error // capacity 1
}

func newAppender(t *topic) *appender {
	return &appender{topic: t, wake: make(chan struct{}, 1)}
}

// append returns when Kafka has acknowledged the record. After ErrUnavailable
// the record may still appear in the log.
func (a *appender) append(ctx context.Context, r *Record) error {
	value, err := Encode(r)
	if err != nil {
		return err
	}
	p := &pending{value: value, done: make(chan error, 1)}
	if err := a.enqueue(p); err != nil {
		return err
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

func (a *appender) enqueue(p *pending) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return ErrClosed
	}
	if a.bytes+len(p.value) > appendQueueBytes {
		return fmt.Errorf("%w: %d bytes are waiting for the broker", ErrUnavailable, a.bytes)
	}
	a.queue = append(a.queue, p)
	a.bytes += len(p.value)
	select {
	case a.wake <- struct{}{}:
	default:
	}
	return nil
}

// run sends batches until ctx ends, then fails what is left.
func (a *appender) run(ctx context.Context) {
	defer a.stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		for batch := a.take(); len(batch) > 0; batch = a.take() {
			a.send(ctx, batch)
		}
	}
}

func (a *appender) take() []*pending {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, size := 0, 0
	for n < len(a.queue) && n < appendBatchRecords {
		size += len(a.queue[n].value)
		if n > 0 && size > appendBatchBytes {
			break
		}
		n++
	}
	batch := a.queue[:n:n]
	a.queue = a.queue[n:]
	if len(a.queue) == 0 {
		a.queue = nil
	}
	for _, p := range batch {
		a.bytes -= len(p.value)
	}
	return batch
}

func (a *appender) send(ctx context.Context, batch []*pending) {
	values := make([][]byte, len(batch))
	for i, p := range batch {
		values[i] = p.value
	}
	err := a.produce(ctx, values)
	if len(batch) > 1 && errors.Is(err, kafka.MessageSizeTooLarge) {
		for _, p := range batch {
			p.done <- a.produce(ctx, [][]byte{p.value})
		}
		return
	}
	for _, p := range batch {
		p.done <- err
	}
}

// produce tries until the broker takes the batch, refuses it for good, or
// appendPatience is over.
func (a *appender) produce(ctx context.Context, values [][]byte) error {
	deadline := time.Now().Add(appendPatience)
	for pause := 10 * time.Millisecond; ; pause = min(pause*2, time.Second) {
		_, err := a.topic.produce(ctx, values, time.Now())
		switch {
		case err == nil:
			return nil
		case errors.Is(err, kafka.MessageSizeTooLarge):
			return fmt.Errorf("%w: %w", ErrRecordTooLarge, err)
		case ctx.Err() != nil || time.Now().Add(pause).After(deadline):
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		sleep(ctx, pause)
	}
}

func (a *appender) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	for _, p := range a.queue {
		p.done <- ErrClosed
	}
	a.queue = nil
}
