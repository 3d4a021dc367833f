package delivery

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tributary/ingest/signature"
)

// State of a lane, for people and metrics.
type State string

// The states.
const (
	StateLive       State = "live"        // sends what is new
	StateCatchingUp State = "catching_up" // sends old records, at a capped rate
	StateFailing    State = "failing"     // waits for its server to answer again
	StateStale      State = "stale"       // has waited for long, and is tried on (silence.go)
	StatePaused     State = "paused"      // has waited for longer still, and is not tried: by the relay, not by the operator
)

// Worse says whether a lane in this state is worse off than one in the other.
func (s State) Worse(other State) bool { return slices.Index(states, s) > slices.Index(states, other) }

// Status is how one lane is doing.
type Status struct {
	Inbox     string
	Host      string
	State     State
	Brings    []string // "all", and topics; nil when another node knows
	Position  uint64   // lowest seq not settled
	Lag       uint64   // tip − position, in seqs; 0 when it has everything
	InFlight  int      // requests
	Unsettled int      // records read and not settled
	Delivered int64    // records answered 2xx, ever
	GivenUp   int64    // records that the server refused, ever
	Missed    uint64   // seqs that had left the log before they could be read, since the start

	Form    string // of the next signature: "shared", "full" or "rfc9421"; "" when another node knows
	FormWhy string // in words

	LastSuccess  time.Time // zero: never
	LastFailure  time.Time // zero: never
	LastError    string    // of the last failure: status and the first words of the answer
	FailingSince time.Time // zero: not failing
	NextTry      time.Time // zero: nothing is waited for

	WaitingSince time.Time // when the record at Position entered the log; zero: nothing waits, or not known
	PerMinute    float64   // records answered 2xx in the last minute; 0 of a lane of another node
	UntakenSince time.Time // since when the inbox takes nothing, of the time in which it was asked; zero: it does
	PausedAt     time.Time // by the relay; zero: it is not
	Why          string    // it is stale or paused, in words
}

// states are all states.
var states = []State{StateLive, StateCatchingUp, StateFailing, StateStale, StatePaused}

// Behind is how long the oldest record that is not settled has waited, as far as it is known.
func (s *Status) Behind(now time.Time) time.Duration {
	if s.Lag == 0 || s.WaitingSince.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.WaitingSince))
}

// Status lists the lanes by host and inbox; those of other nodes as they were saved last.
func (e *Engine) Status(ctx context.Context) ([]Status, error) {
	list := e.snapshot()
	if e.deps.Leases.Shared() {
		others, err := e.elsewhere(ctx, list)
		if err != nil {
			return nil, err
		}
		list = append(list, others...)
	}
	slices.SortFunc(list, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Inbox, b.Inbox))
	})
	return list, nil
}

// elsewhere lists the lanes that are not among ours.
func (e *Engine) elsewhere(ctx context.Context, ours []Status) ([]Status, error) {
	mine := make(map[string]bool, len(ours))
	for _, s := range ours {
		mine[s.Inbox] = true
	}
	rows, err := stored(ctx, e.deps.DB)
	if err != nil {
		return nil, err
	}
	var list []Status
	for _, r := range rows {
		if mine[r.inbox] {
			continue
		}
		s := Status{
			Inbox: r.inbox, Host: r.host, State: StateLive, Position: r.position, Delivered: r.delivered, GivenUp: r.givenUp,
			LastSuccess: r.lastSuccess, LastFailure: r.lastFailure, LastError: r.lastError, FailingSince: r.failingSince,
			WaitingSince: r.waitingSince,
		}
		if e.cfg.FullSignatures { // what the other node found out is its own
			s.Form, s.FormWhy = formName(signature.FormCavage), whyOff
		}
		if tip := e.log.Tip(); tip >= s.Position {
			s.Lag = tip + 1 - s.Position
		}
		if !s.FailingSince.IsZero() {
			s.State = StateFailing
		}
		s.silent(&r, &e.cfg)
		list = append(list, s)
	}
	return list, nil
}

func (e *Engine) snapshot() []Status {
	e.mu.Lock()
	lanes := make([]*lane, 0, len(e.lanes))
	for _, l := range e.lanes {
		lanes = append(lanes, l)
	}
	e.mu.Unlock()
	list := make([]Status, len(lanes))
	for i, l := range lanes {
		list[i] = l.status()
	}
	return list
}

// silent fills in how long the inbox has taken nothing, and what follows from that.
func (s *Status) silent(r *row, cfg *Config) {
	s.UntakenSince, s.PausedAt, s.Why = r.silence.since, r.silence.paused, r.silence.why(cfg, r.lastFailure)
	switch {
	case !s.PausedAt.IsZero():
		s.State, s.NextTry = StatePaused, time.Time{}
	case r.silence.stale(cfg, r.lastFailure):
		s.State = StateStale
	}
}

func (l *lane) status() Status {
	now, tip, host := time.Now(), l.e.log.Tip(), l.held(l.host.look())
	form, why := l.signs()
	brings := l.brings()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{
		Inbox: l.inbox, Host: l.host.name, State: StateLive, Brings: brings, Position: l.position(),
		InFlight: l.work.flying, Unsettled: len(l.work.items),
		Delivered: l.row.delivered, GivenUp: l.row.givenUp, Missed: l.missed,
		LastSuccess: l.row.lastSuccess, LastFailure: l.row.lastFailure,
		LastError: l.row.lastError, FailingSince: l.row.failingSince,
		Form: formName(form), FormWhy: why, WaitingSince: l.waits(), PerMinute: l.meter.PerMinute(now),
	}
	if tip >= s.Position {
		s.Lag = tip + 1 - s.Position
	}
	switch {
	case host.fails > 0:
		s.State = StateFailing
		s.NextTry = host.until
	case l.behind && s.Lag > 0:
		s.State = StateCatchingUp
	}
	s.silent(&l.row, &l.e.cfg)
	return s
}

// brings names what the receivers of the lane follow.
func (l *lane) brings() (list []string) {
	for _, p := range *l.parts.Load() {
		if name := cmp.Or(p.topic.String(), "all"); !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}
