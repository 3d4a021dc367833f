package child

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"sync"
)

// Process is a child that is kept running. Its methods are safe for concurrent use.
type Process struct {
	spec   Spec
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{} // closed when the supervisor has ended, and the child with it

	mu      sync.Mutex
	pid     int           // 0 while none runs
	ready   chan struct{} // closed while the running child is ready
	isReady bool          // ready is closed
	last    error         // how the last life ended, nil before that
	killed  bool          // the last life did not end in time
}

// Start starts the child and keeps it running until Close is called or ctx ends.
// Whoever drains into the child gives a ctx that ends after the draining.
//
// It does not wait for the child: see Ready. A child that cannot be started is
// tried again like one that crashed.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	spec.applyDefaults()
	if err := spec.validate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &Process{
		spec:   spec,
		log:    spec.Log.With("component", "child", "child", spec.Name),
		cancel: cancel,
		done:   make(chan struct{}),
		ready:  make(chan struct{}),
	}
	spec.Metrics.open(spec.Name)
	go p.supervise(ctx)
	return p, nil
}

// Ready waits until the child serves. When ctx ends first, the error says how the
// last life of the child ended, if one did. A child that crashes later is not ready
// again until its successor is.
func (p *Process) Ready(ctx context.Context) error {
	p.mu.Lock()
	ready := p.ready
	p.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-p.done:
		return ErrClosed
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil {
		return fmt.Errorf("child: %s is not ready: %w; it ended last with: %w", p.spec.Name, ctx.Err(), p.last)
	}
	return fmt.Errorf("child: %s is not ready: %w", p.spec.Name, ctx.Err())
}

// Pid is the process id of the running child, 0 while none runs.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

// Close tells the child to end by closing its pipe, kills it when that takes longer
// than the budget (ErrKilled), and returns when it is gone. It may be called twice.
func (p *Process) Close() error {
	p.cancel()
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return fmt.Errorf("%w: %s", ErrKilled, p.spec.Name)
	}
	return nil
}

// begin starts the child's process. It holds the lock meanwhile, so that the line
// "ready" of a quick child finds the pid set.
func (p *Process) begin(cmd *exec.Cmd) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	p.pid = cmd.Process.Pid
	p.log.Info("child started", "pid", p.pid)
	return nil
}

func (p *Process) becameReady() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isReady {
		return
	}
	p.isReady = true
	close(p.ready)
	p.spec.Metrics.setReady(p.spec.Name, true)
	p.log.Info("child ready", "pid", p.pid)
}

// ended leaves a channel that nobody closed in place: who waits, waits for the next life.
func (p *Process) ended(err error, killed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pid, p.last, p.killed = 0, err, killed
	if p.isReady {
		p.ready, p.isReady = make(chan struct{}), false
	}
	p.spec.Metrics.setReady(p.spec.Name, false)
}
