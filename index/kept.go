package index

import (
	"context"
	"time"
)

// kept is an answer that everybody gets for a while: it costs a walk over much, and
// one asker at a time has it made.
type kept[T any] struct {
	making semaphore
	found  T
	made   time.Time
}

type semaphore chan struct{}

func newKept[T any]() kept[T] { return kept[T]{making: make(semaphore, 1)} }

func (k *kept[T]) get(ctx context.Context, now time.Time, age time.Duration, ask func(context.Context) (T, error)) (T, error) {
	select {
	case k.making <- struct{}{}:
		defer func() { <-k.making }()
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
	if old := now.Sub(k.made); old < age && old >= 0 {
		return k.found, nil
	}
	found, err := ask(ctx)
	if err == nil {
		k.found, k.made = found, now
	}
	return found, err
}
