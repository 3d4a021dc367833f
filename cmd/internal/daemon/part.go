package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// part is something that runs until it is told to end.
type part struct {
	name   string
	run    func(context.Context) error
	budget time.Duration // to end in
}

const partBudget = 15 * time.Second

// parts run together. They are started in order and ended in reverse.
type parts struct {
	log *slog.Logger
	all []part
}

func (p *parts) add(name string, run func(context.Context) error) {
	p.all = append(p.all, part{name: name, run: run, budget: partBudget})
}

type running struct {
	part
	cancel context.CancelFunc
	done   chan struct{}
	err    error // after done
}

// run starts all parts and waits for the end of ctx or for the first part that
// ends by itself; then it ends the others, last started first, each within its
// budget. It returns what failed.
func (p *parts) run(ctx context.Context) error {
	ended := make(chan *running, len(p.all))
	started := make([]*running, 0, len(p.all))
	for _, x := range p.all {
		partCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r := &running{part: x, cancel: cancel, done: make(chan struct{})}
		started = append(started, r)
		go func() {
			r.err = r.part.run(partCtx)
			close(r.done)
			ended <- r
		}()
	}
	var first error
	select {
	case <-ctx.Done():
	case r := <-ended:
		first = fmt.Errorf("%s ended: %w", r.name, orUnexpected(r.err))
		p.log.Error("a part ended, stopping", "part", r.name, "err", r.err)
	}
	return errors.Join(first, p.end(started))
}

var errUnexpected = errors.New("not asked to")

func orUnexpected(err error) error {
	if err == nil {
		return errUnexpected
	}
	return err
}

func (p *parts) end(started []*running) error {
	var failed []error
	for i := len(started) - 1; i >= 0; i-- {
		r := started[i]
		r.cancel()
		select {
		case <-r.done:
			if r.err != nil && !errors.Is(r.err, context.Canceled) {
				failed = append(failed, fmt.Errorf("%s: %w", r.name, r.err))
			}
		case <-time.After(r.budget):
			failed = append(failed, fmt.Errorf("%s: did not end within %s", r.name, r.budget))
		}
	}
	return errors.Join(failed...)
}
