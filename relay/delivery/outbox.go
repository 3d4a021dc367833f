package delivery

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tributary/ingest/signature"
	"tributary/ingest/state"
)

// outbox sends the rows of the table outbox: one request per host at a time,
// each inbox in order, by the rules that lanes follow (answer.go, host.go). The
// table is the queue: nothing is kept here that a restart would miss.
//
// A crash after an inbox took a row and before the row was removed sends it once
// more. Accept, Reject and Follow may be repeated.
type outbox struct {
	db      *state.DB
	sender  *sender
	hosts   *hosts
	keyOf   func(actor string) (keyID string, ours bool)
	max     int // hosts at once
	keep    time.Duration
	metrics *Metrics
	logger  *slog.Logger
	news    chan struct{}
	share   func(host string) *share // nil: another node's
	every   time.Duration            // between two looks at the table when nothing is said to be due

	errands sync.WaitGroup

	mu      sync.Mutex
	busy    map[string]bool    // hosts with an errand; guarded by mu
	refused map[int64]struct{} // rows judged once; guarded by mu

	known map[string]*host // hosts with rows; owned by run
}

func newOutbox(e *Engine) *outbox {
	every := outboxEvery
	if e.deps.Leases.Shared() {
		every = outboxShared
	}
	return &outbox{
		share: e.shareOf, every: every,
		db: e.deps.DB, sender: e.sender, hosts: e.hosts, keyOf: e.keyOf,
		max: e.cfg.OutboxMax, keep: e.cfg.OutboxKeep, metrics: e.metrics, logger: e.logger,
		news: make(chan struct{}, 1), busy: make(map[string]bool),
		refused: make(map[int64]struct{}), known: make(map[string]*host),
	}
}

func (o *outbox) wake() { signal(o.news) }

// outboxEvery is how often the table is looked at when nothing is said to be due.
const outboxEvery = time.Minute

// outboxShared is how often that is when another node may have written rows for our hosts.
const outboxShared = time.Second

func (o *outbox) run(stop context.Context) {
	defer func() {
		o.errands.Wait()
		for _, h := range o.known {
			o.hosts.leave(h, o)
		}
	}()
	var expireAt time.Time
	for stop.Err() == nil {
		now := time.Now()
		if !now.Before(expireAt) {
			o.expire(stop, now)
			expireAt = now.Add(outboxEvery)
		}
		at, err := o.dispatch(stop, now)
		if err != nil && stop.Err() == nil {
			o.logger.Error("the outbox cannot be read, trying again", "err", err)
			at = now.Add(time.Second)
		}
		wait := o.every
		if !at.IsZero() {
			wait = min(wait, max(0, time.Until(at)))
		}
		timer := time.NewTimer(wait)
		select {
		case <-stop.Done():
		case <-o.news:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// dispatch sends an errand to each host that has something due, the longest due
// first, and says when to come again.
func (o *outbox) dispatch(stop context.Context, now time.Time) (at time.Time, err error) {
	list, total, err := backlogs(stop, o.db)
	if err != nil {
		return at, err
	}
	list = slices.DeleteFunc(list, func(b backlog) bool { return o.share(b.host) == nil })
	o.follow(list)
	o.metrics.outboxRows(total)
	for _, b := range list {
		h := o.known[b.host]
		c := h.look()
		due := b.due
		if c.fails > 0 && c.until.After(due) {
			due = c.until
		}
		if due.After(now) {
			if at.IsZero() || due.Before(at) {
				at = due
			}
			continue
		}
		if c.ready(now) {
			o.start(b.host, h)
		}
	}
	return at, nil
}

// start sends an errand to a host, if its share is ours and nobody is there yet.
func (o *outbox) start(name string, h *host) {
	s := o.share(name)
	if s == nil || !s.enter() {
		return
	}
	if !o.occupy(name) {
		s.leave()
		return
	}
	o.errands.Go(func() {
		defer s.leave()
		defer o.free(name)
		o.errand(s.stop, s.abort, h)
	})
}

// follow keeps the breakers of the hosts that have rows, and no others.
func (o *outbox) follow(list []backlog) {
	have := make(map[string]bool, len(list))
	for _, b := range list {
		have[b.host] = true
		if o.known[b.host] == nil {
			o.known[b.host] = o.hosts.join(b.host, o)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, h := range o.known {
		if !have[name] && !o.busy[name] {
			o.hosts.leave(h, o)
			delete(o.known, name)
		}
	}
}

func (o *outbox) occupy(host string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy[host] || len(o.busy) >= o.max {
		return false // the end of an errand wakes run
	}
	o.busy[host] = true
	return true
}

func (o *outbox) free(host string) {
	o.mu.Lock()
	delete(o.busy, host)
	o.mu.Unlock()
	o.wake()
}

// errand sends what is due to one host until nothing is, or the host fails.
func (o *outbox) errand(stop, abort context.Context, h *host) {
	for stop.Err() == nil {
		r, found, err := nextRow(stop, o.db, h.name, time.Now())
		if err == nil && !found {
			return
		}
		if err == nil {
			var more bool
			if more, err = o.send(abort, h, r); err == nil && !more {
				return
			}
		}
		if err != nil {
			if stop.Err() == nil {
				o.logger.Error("the outbox does not get on, trying again", "host", h.name, "err", err)
			}
			pause(stop, time.Second)
			return
		}
	}
}

var errForeignActor = errors.New("no key for its actor")

// send makes one attempt and books it. more says whether the host may get another row.
func (o *outbox) send(abort context.Context, h *host, r outboxRow) (more bool, err error) {
	u, _, err := parseInbox(r.inbox)
	keyID, ours := o.keyOf(r.actor)
	if err == nil && !ours {
		err = errForeignActor
	}
	if err != nil {
		return true, o.giveUp(abort, r, "outbox: "+err.Error())
	}
	p := h.begin(time.Now())
	if p == passNo {
		return false, nil
	}
	ans := o.sender.send(abort, letter{to: u, body: r.body, digest: signature.Digest(r.body), keyID: keyID})
	now := time.Now()
	h.end(p, ans.verdict, ans.after, now)
	// What happened is written even when we are about to end.
	return o.book(context.WithoutCancel(abort), r, ans, now)
}

func (o *outbox) book(ctx context.Context, r outboxRow, ans answer, now time.Time) (more bool, err error) {
	switch ans.verdict {
	case settled:
		o.forget(r)
		o.metrics.outboxDone(resultOK)
		return true, r.remove(ctx, o.db)
	case judgedRecord:
		if o.judgedBefore(r) {
			return true, o.giveUp(ctx, r, ans.text)
		}
		o.metrics.outboxDone(resultStatus)
		return true, r.postpone(ctx, o.db, now.Add(retryRefused), ans.text)
	case judgedServer:
		o.metrics.outboxDone(resultOf(ans))
		if now.Sub(r.created) > o.keep {
			return false, o.giveUp(ctx, r, ans.text)
		}
		return false, r.postpone(ctx, o.db, now.Add(backoff(1+int(min(r.attempts, 64)))), ans.text)
	}
	return false, nil
}

// giveUp removes a row and says so.
func (o *outbox) giveUp(ctx context.Context, r outboxRow, why string) error {
	o.forget(r)
	o.metrics.outboxDone(resultGivenUp)
	o.logger.Warn("an activity is given up", "inbox", r.inbox, "attempts", r.attempts+1, "written", r.created, "answer", why)
	return r.remove(ctx, o.db)
}

// judgedBefore remembers a row that its server has judged. A restart forgets it,
// and gives it one more chance.
func (o *outbox) judgedBefore(r outboxRow) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, before := o.refused[r.id]
	o.refused[r.id] = struct{}{}
	return before
}

func (o *outbox) forget(r outboxRow) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.refused, r.id)
}

// expire gives up what was tried long enough.
func (o *outbox) expire(ctx context.Context, now time.Time) {
	list, err := expired(ctx, o.db, now.Add(-o.keep))
	if err != nil {
		o.logger.Error("old rows of the outbox are not found", "err", err)
		return
	}
	for _, r := range list {
		if o.share(r.host) == nil {
			continue
		}
		if err := o.giveUp(ctx, r, "kept too long"); err != nil {
			o.logger.Error("an old row of the outbox stays", "err", err)
			return
		}
	}
}
