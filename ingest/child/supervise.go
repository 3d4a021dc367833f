package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// backoff is the pause before a child is started again. It doubles with each crash
// and starts over after a life of at least healthy.
type backoff struct {
	min, max, healthy time.Duration
}

// The longest pause is what one more crash costs at most: posts are refused, or not
// found, meanwhile, so it is short. Who fails at start fails long before a minute, and
// who lived for one is started again at once.
var restart = backoff{min: 100 * time.Millisecond, max: 5 * time.Second, healthy: time.Minute}

// next returns the pause after a life that lasted lived, given the pause before it (0: none).
func (b backoff) next(pause, lived time.Duration) time.Duration {
	if pause == 0 || lived >= b.healthy {
		return b.min
	}
	return min(2*pause, b.max)
}

// supervise is the one goroutine that owns the child.
func (p *Process) supervise(ctx context.Context) {
	defer close(p.done)
	var pause time.Duration
	for ctx.Err() == nil {
		begun := time.Now()
		err := p.live(ctx)
		if ctx.Err() != nil {
			return
		}
		lived := time.Since(begun)
		pause = restart.next(pause, lived)
		p.spec.Metrics.restarted(p.spec.Name)
		p.log.Error("child ended, starting it again", "err", err, "lived", lived.Round(time.Millisecond), "pause", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// life is one run of the child, from start to end.
type life struct {
	cmd    *exec.Cmd
	tether *os.File // read end of the pipe: the child's standard input
	hold   *os.File // write end: the child lives while it is open
	talk   *talk    // nil: none
	out    *lines
	errs   *lines
	last   words
}

// live runs the child once. When ctx ends it closes the child's pipe, and kills the
// child after the budget.
func (p *Process) live(ctx context.Context) error {
	l, err := p.newLife(ctx)
	if err != nil {
		p.ended(err, false)
		return err
	}
	err = p.begin(l.cmd)
	l.tether.Close() // the child has its own copy
	if err == nil {
		l.talk.begin(p.spec.Talk, func() {
			if ctx.Err() == nil {
				_ = l.cmd.Process.Kill()
			}
		})
		err = l.talk.end(l.cmd.Wait())
	} else {
		l.talk.drop()
	}
	l.hold.Close()
	l.out.flush()
	l.errs.flush()
	err = l.last.explain(err)
	p.ended(err, ctx.Err() != nil && wasKilled(l.cmd.ProcessState))
	return err
}

func (p *Process) newLife(ctx context.Context) (*life, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("child: finding our own binary: %w", err)
	}
	tether, hold, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("child: making the pipe: %w", err)
	}
	l := &life{tether: tether, hold: hold}
	l.out = newLines(p.output)
	l.errs = newLines(func(line []byte, cut int) { p.forward(&l.last, line, cut) })
	l.cmd = exec.CommandContext(ctx, executable, p.spec.Args...)
	l.cmd.Env = append([]string{}, p.spec.Env...) // nil would inherit ours
	l.cmd.Stdin, l.cmd.Stdout, l.cmd.Stderr = tether, l.out, l.errs
	if p.spec.Talk != nil {
		if l.talk, err = newTalk(); err != nil {
			tether.Close()
			hold.Close()
			return nil, err
		}
		l.cmd.ExtraFiles = []*os.File{l.talk.theirs}
	}
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	l.cmd.Cancel = hold.Close // step one; step two is the kill after WaitDelay
	l.cmd.WaitDelay = p.spec.StopBudget
	return l, nil
}

// explain adds the child's last error line to how it ended. A child that ends
// unasked has failed, whatever its exit code.
func (w *words) explain(err error) error {
	if err == nil {
		err = errors.New("child: ended unasked, exit status 0")
	}
	if line := w.get(); line != "" {
		return fmt.Errorf("%w: %s", err, line)
	}
	return err
}

func wasKilled(s *os.ProcessState) bool {
	if s == nil {
		return false
	}
	ws, ok := s.Sys().(syscall.WaitStatus)
	return ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL
}
