package delivery

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

const days = 24 * time.Hour

// The state machine alone: each step is an answer after some time.
func TestSilence(t *testing.T) {
	cfg := Config{StaleAfter: 7 * days, PauseAfter: 30 * days}
	type step struct {
		after  time.Duration
		v      verdict
		status int
	}
	every := func(d, total time.Duration, v verdict, status int) (steps []step) {
		for range int(total / d) {
			steps = append(steps, step{d, v, status})
		}
		return steps
	}
	fails := step{0, judgedServer, 503}
	for name, c := range map[string]struct {
		steps          []step
		cfg            Config
		stale, overdue bool
	}{
		"one failure":                  {steps: []step{fails}},
		"a day":                        {steps: append([]step{fails}, every(time.Hour, days, judgedServer, 0)...)},
		"a week":                       {steps: append([]step{fails}, every(time.Hour, 7*days, judgedServer, 0)...), stale: true},
		"a week of refusals":           {steps: append([]step{fails}, every(time.Hour, 7*days, judgedRecord, 422)...), stale: true},
		"thirty days":                  {steps: append([]step{fails}, every(time.Hour, 30*days, judgedServer, 0)...), stale: true, overdue: true},
		"a year, nothing configured":   {steps: append([]step{fails}, every(days/20, 365*days, judgedServer, 0)...), cfg: Config{MaxAge: 1}},
		"asked twice in a year":        {steps: []step{fails, {365 * days, judgedServer, 503}}},
		"gone for a day":               {steps: every(time.Hour, 25*time.Hour, judgedInbox, 410), stale: true},
		"gone, asked once a day":       {steps: every(days, 10*days, judgedInbox, 410)},
		"gone, with hang-ups between":  {steps: append(every(time.Hour, 20*time.Hour, judgedInbox, 404), append(every(time.Hour, 3*time.Hour, judgedServer, 0), every(time.Hour, 3*time.Hour, judgedInbox, 404)...)...), stale: true},
		"gone, with 503 in the middle": {steps: append(every(time.Hour, 20*time.Hour, judgedInbox, 404), append([]step{fails}, every(time.Hour, 20*time.Hour, judgedInbox, 404)...)...)},
	} {
		if c.cfg == (Config{}) {
			c.cfg = cfg
		}
		var s silence
		now := time.Unix(1e9, 0)
		last := time.Time{}
		for _, step := range c.steps {
			now = now.Add(step.after)
			s.failed(step.v, step.status, last, now)
			last = now
		}
		if s.stale(&c.cfg, last) != c.stale || s.overdue(&c.cfg, last) != c.overdue {
			t.Errorf("%s: stale %v, overdue %v: %+v", name, s.stale(&c.cfg, last), s.overdue(&c.cfg, last), s)
		}
		if why := s.why(&c.cfg, last); (why != "") != c.stale {
			t.Errorf("%s: why %q", name, why)
		}
	}
}

func TestConfigOfSilence(t *testing.T) {
	for _, bad := range []Config{{StaleAfter: -1}, {PauseAfter: -1}, {StaleAfter: 2, PauseAfter: 1}} {
		if bad.validate() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if err := (&Config{StaleAfter: 2}).validate(); err != nil {
		t.Error(err)
	}
}

// A server that takes nothing is tried on for long, and then left alone with its
// position; a sign of life brings it everything.
func TestLongDeathLeadsToStaleAndThenToAPause(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.cfg = Config{StaleAfter: 7 * time.Hour, PauseAfter: 30 * time.Hour, SaveEvery: time.Minute}
		r.web.always(0)
		r.start()
		r.log.posts(20)
		r.pass(6 * time.Hour)
		if s := r.lane("a.example"); s.State != StateFailing || s.Why != "" {
			t.Errorf("after six hours: %+v", s)
		}
		if r.metric("tributary_delivery_lag_seconds", "1") < 5*time.Hour.Seconds() {
			t.Error("the metric does not know how old its oldest record is")
		}
		r.pass(2 * time.Hour)
		s := r.lane("a.example")
		if s.State != StateStale || !strings.HasPrefix(s.Why, "takes nothing since ") || s.NextTry.IsZero() || s.Behind(time.Now()) < 8*time.Hour-time.Minute {
			t.Errorf("after eight time.Hour: %+v", s)
		}
		if r.metric("tributary_delivery_lanes", "stale") != 1 || r.metric("tributary_delivery_lanes", "failing") != 0 || r.metric("tributary_delivery_lag_seconds", "1") != 0 || r.metric("tributary_delivery_lag_records", "1") != 0 {
			t.Error("the metrics do not say so")
		}
		before := len(r.web.of("a.example"))
		r.pass(time.Hour)
		if n := len(r.web.of("a.example")) - before; n < 6 || n > 13 {
			t.Errorf("a stale server is asked %d times an hour", n)
		}

		// The process starts again, and goes on counting.
		r.close()
		r.start()
		if s := r.lane("a.example"); s.State != StateStale {
			t.Errorf("after a restart: %+v", s)
		}
		r.pass(22 * time.Hour)
		s = r.lane("a.example")
		if s.State != StatePaused || s.PausedAt.IsZero() || !strings.HasPrefix(s.Why, "paused by the relay: took nothing since ") || s.Position != 1 || s.GivenUp != 0 || !s.NextTry.IsZero() {
			t.Errorf("after a month: %+v", s)
		}
		before = len(r.web.of("a.example"))
		r.pass(5 * time.Hour)
		r.close()
		r.start()
		r.pass(5 * time.Hour)
		if n := len(r.web.of("a.example")) - before; n != 0 {
			t.Errorf("a paused server was asked %d times", n)
		}
		if r.metric("tributary_delivery_lanes", "paused") != 1 {
			t.Error("the metric does not count it")
		}

		r.engine.Alive(t.Context(), "b.example")
		r.web.always(202)
		r.pass(time.Hour)
		if s := r.lane("a.example"); s.State != StatePaused {
			t.Errorf("another server's life woke it: %+v", s)
		}
		r.engine.Alive(t.Context(), "a.example")
		r.pass(time.Minute)
		if got := seqs(r.web.of("a.example", 202)); !slices.Equal(got, upTo(1, 20)) {
			t.Errorf("it got %v", got)
		}
		if s := r.lane("a.example"); s.State != StateLive || s.Lag != 0 || !s.UntakenSince.IsZero() || s.Behind(time.Now()) != 0 {
			t.Errorf("after its return: %+v", s)
		}
	})
}

// Who comes back and fails again has all its time again.
func TestALifeThatWasAMistakeIsNoEnd(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.cfg = Config{StaleAfter: 7 * time.Hour, PauseAfter: 30 * time.Hour, SaveEvery: time.Minute}
		r.web.always(503)
		r.start()
		r.log.posts(3)
		r.pass(31 * time.Hour)
		if s := r.lane("a.example"); s.State != StatePaused {
			t.Fatalf("%+v", s)
		}
		before := len(r.web.of("a.example"))
		for range 30 {
			r.engine.Alive(t.Context(), "a.example") // an inbox in which much comes in
			r.pass(time.Second)
		}
		if n := len(r.web.of("a.example")) - before; n == 0 || n > 8 {
			t.Errorf("%d requests in half a minute", n)
		}
		if s := r.lane("a.example"); s.State != StateFailing {
			t.Errorf("%+v", s)
		}
		r.pass(29 * time.Hour)
		if s := r.lane("a.example"); s.State != StateStale {
			t.Errorf("%+v", s)
		}
		r.pass(2 * time.Hour)
		if s := r.lane("a.example"); s.State != StatePaused {
			t.Errorf("%+v", s)
		}
		if err := r.engine.Revive(t.Context(), inboxA); err != nil {
			t.Error(err)
		}
		if err := r.engine.Revive(t.Context(), inboxB); !errors.Is(err, ErrNoLane) {
			t.Errorf("no lane: %v", err)
		}
		r.web.always(202)
		r.pass(time.Minute)
		if s := r.lane("a.example"); s.State != StateLive || s.Delivered != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// A stale server that shows life is probed at once, not when its pause is over; and once
// a minute at most.
func TestLifeEndsThePauseOfABreaker(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.cfg = Config{StaleAfter: time.Hour}
		r.web.always(503)
		r.start()
		r.log.posts(3)
		r.pass(2 * time.Hour)
		for time.Until(r.lane("a.example").NextTry) < 2*time.Minute {
			r.pass(time.Minute)
		}
		before := len(r.web.of("a.example"))
		r.engine.Alive(t.Context(), "a.example")
		r.pass(time.Second)
		if n := len(r.web.of("a.example")) - before; n != 1 {
			t.Errorf("%d requests, want the probe", n)
		}
		if s := r.lane("a.example"); s.State != StateStale {
			t.Errorf("a probe that fails: %+v", s)
		}
	})
}

// The time in which we asked nothing says nothing about a server.
func TestADowntimeOfOursMakesNobodyStale(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.cfg = Config{StaleAfter: 7 * days, PauseAfter: 30 * days, SaveEvery: time.Minute}
		r.web.always(503)
		r.start()
		r.log.posts(3)
		r.pass(time.Hour)
		r.close()
		time.Sleep(60 * days)
		r.start()
		r.pass(time.Hour)
		if s := r.lane("a.example"); s.State != StateFailing || len(r.web.of("a.example")) == 0 {
			t.Errorf("%+v", s)
		}
	})
}

// An inbox that is gone costs two records, not all, and no other inbox of its host anything.
func TestAGoneInboxKeepsItsPosts(t *testing.T) {
	const other = "https://a.example/users/x/inbox"
	for _, status := range []int{404, 410} {
		bubble(t, []string{inboxA, other}, func(t *testing.T, r *rig) {
			r.cfg = Config{StaleAfter: 7 * days, SaveEvery: time.Minute}
			gone := 0
			r.start()
			r.web.behaveByURL(func(path string) int {
				if path == "/inbox" {
					gone++
					return status
				}
				return 202
			})
			lane := func(inbox string) Status {
				list, err := r.engine.Status(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				i := slices.IndexFunc(list, func(s Status) bool { return s.Inbox == inbox })
				return list[i]
			}
			for range 26 * 6 {
				r.log.posts(5)
				r.pass(10 * time.Minute)
			}
			s := lane(inboxA)
			if s.State != StateStale || !strings.HasPrefix(s.Why, "answers 404 or 410 to everything since ") || s.GivenUp != missesMax || s.Delivered != 0 {
				t.Errorf("%+v", s)
			}
			if gone > 500 {
				t.Errorf("a gone inbox was asked %d times in a day", gone)
			}
			if s := lane(other); s.State != StateLive || s.Lag != 0 || s.Delivered != 26*6*5 {
				t.Errorf("the other inbox of the host: %+v", s)
			}
			r.close()
			r.start()
			r.pass(time.Hour)
			if s := lane(inboxA); s.GivenUp != missesMax {
				t.Errorf("a restart gives more up: %+v", s)
			}
			r.web.behaveByURL(nil)
			r.pass(20 * time.Minute)
			if s := lane(inboxA); s.State != StateLive || s.Lag != 0 || s.Delivered != 26*6*5-missesMax+1 { // the probe that was taken comes twice
				t.Errorf("after its return: %+v", s)
			}
		})
	}
}

// A server that takes what is new, and has nothing of what is deleted, is asked on at full pace.
func TestManyUnknownRecordsDoNotHoldUpOthers(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.web.behave(func(d delivered) (int, bool) {
			if d.seq%3 != 0 {
				return 404, false
			}
			return 202, false
		})
		r.start()
		r.log.posts(300)
		r.pass(time.Hour)
		if s := r.lane("a.example"); s.Delivered != 100 || s.GivenUp < 190 {
			t.Errorf("%+v", s)
		}
		// What was refused last, with nothing behind it, is judged when something is.
		r.log.posts(3)
		r.pass(2 * time.Hour)
		if s := r.lane("a.example"); s.GivenUp < 200 || s.Lag != 0 || s.State != StateLive {
			t.Errorf("%+v", s)
		}
	})
}

// However many records a server does not want one after another, and for how long: what it wants comes to it.
func TestARunOfUnknownRecordsIsNoGoneInbox(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.web.behave(func(d delivered) (int, bool) {
			if d.seq > 5 && d.seq <= 205 {
				return 404, false
			}
			return 202, false
		})
		r.start()
		r.log.posts(205)
		r.pass(10 * time.Minute)
		s := r.lane("a.example")
		if s.Delivered != 5 || s.GivenUp != missesMax || s.State != StateFailing || s.Position < 6 || s.Position > 8 {
			t.Errorf("%+v", s)
		}
		r.pass(3 * days)
		r.log.posts(5)
		r.pass(time.Hour)
		if got := seqs(r.web.of("a.example", 202)); !slices.Equal(slices.Compact(got), append(upTo(1, 5), upTo(206, 210)...)) {
			t.Errorf("got %v", got)
		}
		if s := r.lane("a.example"); s.GivenUp != 200 || s.Lag != 0 || s.State != StateLive {
			t.Errorf("%+v", s)
		}
	})
}

// A server is sent again what it has had, from where the operator says, and goes on from there; what the
// lane had in flight does not set it forwards.
func TestReplay(t *testing.T) {
	bubble(t, []string{inboxA, inboxB}, func(t *testing.T, r *rig) {
		r.start()
		r.log.posts(100)
		r.pass(time.Minute)
		ctx := t.Context()
		if at, err := r.engine.Replay(ctx, inboxA, 41, true); err != nil || at != 101 {
			t.Errorf("dry: %d, %v", at, err)
		}
		r.pass(time.Minute)
		if n := len(r.web.of("a.example")); n != 100 {
			t.Fatalf("the dry run sent %d", n-100)
		}
		if at, err := r.engine.Replay(ctx, inboxA, 101, false); !errors.Is(err, ErrNotPassed) || at != 101 {
			t.Errorf("%d, %v", at, err)
		}
		if _, err := r.engine.Replay(ctx, "https://c.example/inbox", 1, false); !errors.Is(err, ErrNoLane) {
			t.Error(err)
		}
		r.web.behave(func(d delivered) (int, bool) { return 202, d.seq > 100 }) // held, until the lane ends
		r.log.posts(5)
		r.pass(time.Second)
		if at, err := r.engine.Replay(ctx, inboxA, 41, false); err != nil || at != 101 {
			t.Errorf("%d, %v", at, err)
		}
		if p, _ := r.position(inboxA); p != 41 {
			t.Errorf("position %d", p)
		}
		r.web.always(202)
		r.pass(time.Minute)
		if got := slices.Compact(seqs(r.web.of("a.example", 202))); !slices.Equal(got, upTo(1, 105)) {
			t.Errorf("got %v", got)
		}
		count := map[uint64]int{}
		for _, d := range r.web.of("a.example", 202) {
			count[d.seq]++
		}
		if count[40] != 1 || count[41] != 2 || count[100] != 2 {
			t.Errorf("40: %d, 41: %d, 100: %d times", count[40], count[41], count[100])
		}
		if s := r.lane("a.example"); s.Lag != 0 || s.Delivered != 165 {
			t.Errorf("%+v", s)
		}
		if n := len(r.web.of("b.example", 202)); n < 105 {
			t.Errorf("the other server has %d", n)
		}

		// A crash behind the transaction: the next start begins there.
		if _, err := r.engine.Replay(ctx, inboxA, 1, false); err != nil {
			t.Fatal(err)
		}
		r.close()
		r.start()
		r.pass(time.Minute)
		if s := r.lane("a.example"); s.Lag != 0 || s.Delivered != 165+105 {
			t.Errorf("after a restart: %+v", s)
		}
	})
}

// A node that hears of life, or is asked to replay, need not be the one that has the lane.
func TestLifeAndReplayReachTheOtherNode(t *testing.T) {
	bubble(t, sharedInboxes(), func(t *testing.T, r *rig) {
		r.cfg = Config{StaleAfter: 5 * time.Minute, PauseAfter: 10 * time.Minute, SaveEvery: time.Second}
		a, b := r.node("a"), r.node("b")
		r.pass(10 * time.Second)
		r.log.posts(10)
		r.pass(time.Minute)
		host := func(n *rig) (host, inbox string) {
			n.engine.mu.Lock()
			defer n.engine.mu.Unlock()
			for inbox, l := range n.engine.lanes {
				return l.host.name, inbox
			}
			return "", ""
		}
		of, inbox := host(b)
		if _, err := a.engine.Replay(t.Context(), inbox, 3, false); err != nil {
			t.Fatal(err)
		}
		r.pass(20 * time.Second)
		if n := len(r.web.of(of, 202)); n != 18 {
			t.Errorf("%s got %d", of, n)
		}
		r.web.behave(func(d delivered) (int, bool) {
			if d.host == of {
				return 503, false
			}
			return 202, false
		})
		r.log.posts(5)
		r.pass(25 * time.Minute)
		if s := a.lane(of); s.State != StatePaused || s.Why == "" {
			t.Fatalf("the other node's lane: %+v", s)
		}
		r.web.always(202)
		a.engine.Alive(t.Context(), of)
		r.pass(20 * time.Second)
		if s := a.lane(of); s.State != StateLive || s.Lag != 0 {
			t.Errorf("%+v", s)
		}
		a.leave()
		b.leave()
	})
}

func TestMeter(t *testing.T) {
	var m Meter
	at := time.Unix(6000, 0)
	for range 30 {
		m.Count(at)
		at = at.Add(time.Second)
	}
	if n := m.PerMinute(at); n != 30 {
		t.Errorf("in its first minute: %v", n)
	}
	at = time.Unix(6075, 0)
	if n := m.PerMinute(at); n != 22.5 {
		t.Errorf("a quarter into the next: %v", n)
	}
	if n := m.PerMinute(at.Add(2 * time.Minute)); n != 0 {
		t.Errorf("long after: %v", n)
	}
}

// A row that the program before this one wrote says nothing of silence.
func TestRowsOfBefore(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		err := r.db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`INSERT INTO lanes (inbox, host, position, generation, delivered, given_up, last_success, last_failure, last_error, failing_since)
				VALUES ($1, 'a.example', 1, 7, 0, 0, 0, 1000, 'x', 1000)`, inboxA)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r.cfg = Config{StaleAfter: days, PauseAfter: days}
		r.web.always(503)
		r.start()
		r.log.posts(1)
		r.pass(time.Hour)
		if s := r.lane("a.example"); s.State != StateFailing {
			t.Errorf("%+v", s)
		}
	})
}
