package delivery

import (
	"database/sql"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary/ingest"
)

const (
	inboxA = "https://a.example/inbox"
	inboxB = "https://b.example/inbox"
)

func TestEveryRecordReachesEverySubscriberOnce(t *testing.T) {
	bubble(t, []string{inboxA, inboxB}, func(t *testing.T, r *rig) {
		r.start()
		r.log.posts(500)
		r.pass(time.Minute)
		for _, host := range []string{"a.example", "b.example"} {
			if got := seqs(r.web.of(host)); !slices.Equal(got, upTo(1, 500)) {
				t.Fatalf("%s got %d records", host, len(got))
			}
			if s := r.lane(host); s.Lag != 0 || s.Position != 501 || s.Delivered != 500 || s.State != StateLive || s.InFlight != 0 {
				t.Errorf("%+v", s)
			}
			if n := r.web.most[host]; n != 8 {
				t.Errorf("%s: at most %d requests at once, want the window of 8", host, n)
			}
		}
		if n := r.metric("tributary_delivery_deliveries_total", "ok", viaLane); n != 1000 {
			t.Errorf("metric says %v", n)
		}
	})
}

func TestOrderWithinObjectAndActor(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		n := 0
		r.web.behave(func(d delivered) (int, bool) {
			if n++; n%7 == 3 {
				return 503, false
			}
			return 202, false
		})
		r.start()
		var seq uint64
		for i := range 200 {
			seq++
			r.log.append(entry(seq, fmt.Sprint("o", i%5), fmt.Sprint("a", i%5)))
		}
		r.pass(20 * time.Minute)
		taken := r.web.of("a.example", 202)
		if got := seqs(taken); !slices.Equal(got, upTo(1, 200)) {
			t.Fatalf("%d taken", len(got))
		}
		last := map[string]uint64{}
		for _, d := range taken {
			if d.seq < last[d.object] {
				t.Fatalf("%d of %s came after %d", d.seq, d.object, last[d.object])
			}
			last[d.object] = d.seq
		}
	})
}

func TestNothingIsLostWhileAServerFails(t *testing.T) {
	for name, status := range map[string]int{"503": 503, "403": 403, "429": 429, "301": 301, "down": 0, "500": 500} {
		t.Run(name, func(t *testing.T) {
			bubble(t, []string{inboxA, inboxB}, func(t *testing.T, r *rig) {
				r.web.behave(func(d delivered) (int, bool) {
					if d.host == "a.example" {
						return status, false
					}
					return 202, false
				})
				r.start()
				const hours = 2
				for range hours * 60 {
					r.log.post()
					r.pass(time.Minute)
				}
				if got := len(r.web.of("b.example")); got != hours*60 {
					t.Fatalf("the other server got %d", got)
				}
				if n := len(r.web.of("a.example")); n > 40 {
					t.Errorf("a failing server was asked %d times in %d h", n, hours)
				}
				s := r.lane("a.example")
				if s.State != StateFailing || s.Lag != hours*60 || s.FailingSince.IsZero() || s.LastError == "" || s.Unsettled > probeAhead+probeRead {
					t.Errorf("%+v", s)
				}
				if n := r.metric("tributary_delivery_breakers_open"); n != 1 {
					t.Errorf("%v breakers are open", n)
				}
				r.web.always(202)
				r.pass(15 * time.Minute)
				if got := seqs(r.web.of("a.example", 202)); !slices.Equal(got, upTo(1, hours*60)) {
					t.Fatalf("after the failure it got %v", got)
				}
				if s := r.lane("a.example"); s.State != StateLive || s.Lag != 0 || !s.FailingSince.IsZero() || s.GivenUp != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestAJudgedRecordGetsOneMoreChance(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.web.behave(func(d delivered) (int, bool) {
			switch {
			case d.seq == 3:
				return 422, false
			case d.seq == 5 && d.try == 1:
				return 404, false
			}
			return 202, false
		})
		r.start()
		r.log.posts(10)
		r.pass(2 * time.Second)
		if s := r.lane("a.example"); s.Delivered != 8 || s.State != StateLive {
			t.Errorf("others wait for judged records: %+v", s)
		}
		if p, _ := r.position(inboxA); p != 3 {
			t.Errorf("position %d is saved, 3 is not settled", p)
		}
		r.pass(time.Minute)
		s := r.lane("a.example")
		if s.Delivered != 9 || s.GivenUp != 1 || s.Lag != 0 || s.LastError != "422 Unprocessable Entity: said so" {
			t.Errorf("%+v", s)
		}
		if n := len(r.web.of("a.example")); n != 12 {
			t.Errorf("%d requests, want 10 and 2 second chances", n)
		}
		if n := r.metric("tributary_delivery_deliveries_total", "given_up", viaLane); n != 1 {
			t.Errorf("metric says %v", n)
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.web.header = map[string][]string{"Retry-After": {"1800"}}
		r.web.always(429)
		r.start()
		r.log.posts(1)
		r.pass(29 * time.Minute)
		if n := len(r.web.of("a.example")); n != 1 {
			t.Errorf("asked %d times", n)
		}
		r.web.always(202)
		r.pass(2 * time.Minute)
		if s := r.lane("a.example"); s.Delivered != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAServerThatNeverAnswers(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.web.behave(func(delivered) (int, bool) { return 0, true })
		r.start()
		r.log.posts(3)
		r.pass(11 * time.Second)
		s := r.lane("a.example")
		if s.State != StateFailing || s.LastError != "timeout: no answer in time of 10s" {
			t.Errorf("%+v", s)
		}
		if n := r.metric("tributary_delivery_deliveries_total", "timeout", viaLane); n != 1 {
			t.Errorf("metric says %v", n)
		}
	})
}

func TestRestartResumesWithoutLoss(t *testing.T) {
	bubble(t, []string{inboxA, inboxB}, func(t *testing.T, r *rig) {
		r.web.behave(func(d delivered) (int, bool) {
			return map[string]int{"a.example": 202, "b.example": 503}[d.host], false
		})
		r.start()
		r.log.posts(50)
		r.pass(time.Minute)
		r.close()
		if p, _ := r.position(inboxA); p != 51 {
			t.Errorf("position %d is saved", p)
		}
		r.log.posts(50) // while we are down
		r.web.always(202)
		r.start()
		r.pass(time.Minute)
		if got := seqs(r.web.of("a.example", 202)); !slices.Equal(got, upTo(1, 100)) {
			t.Errorf("a got %d, not each of 100 once", len(got))
		}
		if got := seqs(r.web.of("b.example", 202)); !slices.Equal(got, upTo(1, 100)) {
			t.Errorf("b got %d", len(got))
		}
		if s := r.lane("a.example"); s.Delivered != 100 {
			t.Errorf("the counts start anew: %+v", s)
		}
	})
}

// TestACrashRepeatsAndLosesNothing: the process ends before a position is saved
// (crashpoint.BeforePosition). A second process that takes the lane over stands
// for SIGKILL: what the first one still writes does not count.
func TestACrashRepeatsAndLosesNothing(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.cfg.SaveEvery = time.Hour
		r.start()
		r.log.posts(100)
		r.pass(time.Minute)
		err := r.db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := claim(t.Context(), tx, inboxA, "a.example", 1)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r.close()
		if p, _ := r.position(inboxA); p != 1 {
			t.Fatalf("position %d was saved by a process that lost the lane", p)
		}
		r.start()
		r.pass(time.Minute)
		got := seqs(r.web.of("a.example"))
		if n := len(got); n != 200 || !slices.Equal(slices.Compact(got), upTo(1, 100)) {
			t.Errorf("%d deliveries", n)
		}
	})
}

func TestNeverBackToOriginOrGiver(t *testing.T) {
	bubble(t, []string{inboxA, inboxB, "https://c.example:443/inbox"}, func(t *testing.T, r *rig) {
		r.start()
		one, two, three := entry(1, "o1", "x"), entry(2, "o2", "y"), entry(3, "o3", "z")
		one.Record.Domain, one.Record.Giver = "a.example", "b.example"
		two.Record.Domain, two.Record.Giver = "c.example:443", "a.example"
		three.Record.Domain, three.Record.Giver = "c.example", "c.example"
		r.log.append(one, two, three)
		r.pass(time.Second)
		for host, want := range map[string][]uint64{"a.example": {3}, "b.example": {2, 3}, "c.example:443": {1}} {
			if got := seqs(r.web.of(host)); !slices.Equal(got, want) {
				t.Errorf("%s got %v, want %v", host, got, want)
			}
		}
		if s := r.lane("a.example"); s.Lag != 0 {
			t.Errorf("what is passed over counts as lag: %+v", s)
		}
		if n := r.metric("tributary_delivery_skipped_records_total", skipOrigin); n != 3 {
			t.Errorf("metric says %v", n)
		}
	})
}

func TestLanesFollowTheSubscribers(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.start()
		r.log.posts(5)
		r.pass(time.Second)
		r.subs.set(inboxA, inboxB, "not a URL")
		r.pass(time.Second)
		r.log.posts(5)
		r.pass(time.Second)
		if got := seqs(r.web.of("b.example")); !slices.Equal(got, upTo(6, 10)) {
			t.Errorf("a new subscriber got %v, want what came since", got)
		}

		// What is in flight to a server that left ends at once.
		r.web.behave(func(delivered) (int, bool) { return 0, true })
		r.log.posts(1)
		r.pass(time.Second)
		r.subs.set(inboxB)
		r.pass(time.Second)
		if _, found := r.position(inboxA); found {
			t.Error("the row of an ended lane stays")
		}
		if n := r.web.flying["a.example"]; n != 0 {
			t.Errorf("%d requests go on", n)
		}
		r.web.always(202)
		r.log.posts(5)

		// Back again, after a while: from here on.
		r.subs.set(inboxA, inboxB)
		r.pass(time.Minute)
		r.log.posts(1)
		r.pass(time.Minute)
		if got := seqs(r.web.of("a.example", 202)); !slices.Equal(got, append(upTo(1, 10), 17)) {
			t.Errorf("got %v", got)
		}
		if got := seqs(r.web.of("b.example", 202)); !slices.Equal(got, upTo(6, 17)) {
			t.Errorf("b got %v", got)
		}
	})
}

// A paused receiver gets nothing, and then everything from where it stood.
func TestAPausedLaneKeepsItsPosition(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.start()
		r.log.posts(10)
		r.pass(time.Minute)
		r.subs.pause(inboxA, true)
		r.pass(time.Second)
		r.log.posts(10)
		r.pass(2 * time.Minute)
		if got := seqs(r.web.of("a.example")); !slices.Equal(got, upTo(1, 10)) {
			t.Fatalf("got %v while paused", got)
		}
		r.subs.pause(inboxA, false)
		r.pass(time.Minute)
		if got := seqs(r.web.of("a.example")); !slices.Equal(got, upTo(1, 20)) {
			t.Fatalf("got %v", got)
		}
	})
}

// TestSubscribedAnewWhileTheLaneRuns: relay removes and makes the row in its own
// transactions, faster than we look.
func TestSubscribedAnewWhileTheLaneRuns(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.web.always(503)
		r.start()
		r.log.posts(5)
		r.pass(time.Minute)
		err := r.db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`UPDATE lanes SET position = 6, generation = 0`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r.web.always(202)
		r.subs.set(inboxA)
		r.log.posts(1)
		r.pass(time.Minute)
		if got := seqs(r.web.of("a.example", 202)); !slices.Equal(got, []uint64{6}) {
			t.Errorf("got %v", got)
		}
		r.pass(2 * time.Second)
		if p, _ := r.position(inboxA); p != 7 {
			t.Errorf("position %d is saved", p)
		}
	})
}

// TestARowIsNotRemovedByWhoIsBehind: a server leaves and comes back, and the engine takes the
// row of its new subscription for that of the old one. Then it hears that the server has
// left, and at last that it is back: what was posted in between is not lost.
func TestARowIsNotRemovedByWhoIsBehind(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		comesBack := func(position uint64) {
			err := r.db.Write(t.Context(), func(tx *sql.Tx) error {
				if _, err := tx.Exec(`DELETE FROM lanes`); err != nil {
					return err
				}
				_, err := tx.Exec(`INSERT INTO lanes (inbox, host, position, generation, delivered, given_up, last_success,
					last_failure, last_error, failing_since) VALUES ($1, 'a.example', $2, 0, 0, 0, 0, 0, '', 0)`, inboxA, int64(position))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		comesBack(1)
		r.start()
		r.log.posts(3)
		r.pass(time.Second)
		comesBack(4)
		r.subs.set(inboxA) // any change: the engine looks, and knows the server from before
		r.pass(time.Second)
		r.subs.set() // it left
		r.pass(time.Second)
		r.log.posts(2)
		r.subs.set(inboxA) // and is back
		r.pass(time.Second)
		if got := seqs(r.web.of("a.example", 202)); !slices.Equal(got, upTo(1, 5)) {
			t.Errorf("got %v, want all", got)
		}
	})
}

// TestSlowServersDoNotSlowOthers (I3): a fifth of the servers hold their responses
// open; everybody else has everything before one of them lets go.
func TestSlowServersDoNotSlowOthers(t *testing.T) {
	var inboxes []string
	for i := range 100 {
		inboxes = append(inboxes, fmt.Sprintf("https://s%02d.example/inbox", i))
	}
	bubble(t, inboxes, func(t *testing.T, r *rig) {
		r.cfg.ExtraMax = 32 // far fewer than 20 windows
		r.start()
		r.log.posts(100) // all have earned their window
		r.pass(10 * time.Second)
		start := time.Now()
		r.web.behave(func(d delivered) (int, bool) { return 202, d.host < "s20" })
		r.log.posts(100)
		r.pass(9 * time.Second)
		for i := 20; i < 100; i++ {
			host := fmt.Sprintf("s%02d.example", i)
			got := r.web.of(host)
			if len(got) != 200 {
				t.Fatalf("%s has %d of 200 after %v", host, len(got), time.Since(start))
			}
		}
		for i := range 20 {
			if n := len(r.web.of(fmt.Sprintf("s%02d.example", i), 202)); n != 100 {
				t.Fatalf("a slow server let go of %d", n)
			}
		}
		free := r.engine.slots.free.Load()
		r.web.always(202)
		r.pass(10 * time.Minute)
		if s := r.lane("s00.example"); s.Delivered != 200 {
			t.Errorf("%+v", s)
		}
		if n := r.engine.slots.free.Load(); n != 32 {
			t.Errorf("%d slots are free after all, %d during it", n, free)
		}
	})
}

// TestWithdrawnDuringAnOutage: a lane that waits for its server does not send what
// was withdrawn meanwhile.
func TestWithdrawnDuringAnOutage(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.web.always(502)
		r.start()
		r.log.posts(20)
		r.pass(10 * time.Minute)
		for _, seq := range []uint64{1, 7, 20} {
			r.log.withdraw(seq)
		}
		r.web.always(202)
		r.pass(time.Hour)
		want := slices.DeleteFunc(upTo(1, 20), func(s uint64) bool { return s == 1 || s == 7 || s == 20 })
		if got := seqs(r.web.of("a.example", 202)); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
		if s := r.lane("a.example"); s.Lag != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestARecordThatBreaksItsServer: 500 for ever to one record, everything else goes through.
func TestARecordThatBreaksItsServer(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.web.behave(func(d delivered) (int, bool) {
			if d.seq == 5 {
				return 500, false
			}
			return 202, false
		})
		r.start()
		for range 300 {
			r.log.post()
			r.pass(5 * time.Second)
		}
		r.pass(time.Hour)
		s := r.lane("a.example")
		if s.Delivered != 299 || s.GivenUp != 1 || s.Lag != 0 {
			t.Errorf("%+v", s)
		}
		if n := len(r.web.of("a.example", 500)); n < brokenTries {
			t.Errorf("given up after %d tries", n)
		}
		// A post every 5 s, and one record that fails at 20 s: it holds up the others
		// for a few pauses, not for the time that it is tried.
		for _, d := range r.web.of("a.example", 202) {
			if late := d.at.Sub(r.log.at(d.seq)); late > time.Minute {
				t.Errorf("%d came %v late", d.seq, late)
			}
		}
	})
}

func TestARecordThatBreaksAQuietServer(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.web.behave(func(d delivered) (int, bool) {
			if d.seq == 1 {
				return 500, false
			}
			return 202, false
		})
		r.start()
		r.log.posts(1)
		r.pass(3 * time.Hour)
		r.log.posts(3)
		r.pass(time.Hour)
		if got := seqs(r.web.of("a.example", 202)); !slices.Equal(got, upTo(2, 4)) {
			t.Errorf("got %v past a record that fails", got)
		}
		if p, _ := r.position(inboxA); p != 1 {
			t.Errorf("position %d", p)
		}
	})
}

func TestCatchUpIsPaced(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.cfg.CatchUpPerSecond = 10
		r.start()
		r.close()
		r.log.posts(100)
		time.Sleep(time.Hour)
		r.start()
		r.pass(5 * time.Second)
		if n := len(r.web.of("a.example")); n < 45 || n > 55 {
			t.Errorf("%d old records in 5 s, want about 50", n)
		}
		if s := r.lane("a.example"); s.State != StateCatchingUp {
			t.Errorf("%+v", s)
		}
		r.pass(10 * time.Second)
		if s := r.lane("a.example"); s.State != StateLive || s.Delivered != 100 {
			t.Errorf("%+v", s)
		}
	})
}

func TestMaxAgeSkipsPostsAndNoDeletes(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.cfg.MaxAge = time.Hour
		r.start()
		r.close()
		create, update, gone := entry(1, "o1", "x"), entry(2, "o2", "y"), entry(3, "o3", "z")
		update.Record.Kind, update.Record.Activity = ingest.KindUpdate, "Update"
		gone.Record.Kind, gone.Record.Activity = ingest.KindDelete, "Delete"
		r.log.append(create, update, gone)
		time.Sleep(2 * time.Hour)
		r.log.post()
		r.start()
		r.pass(time.Minute)
		if got := seqs(r.web.of("a.example")); !slices.Equal(got, upTo(2, 4)) {
			t.Errorf("got %v", got)
		}
	})
}

func TestExpiredRecordsAreReported(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.start()
		r.close()
		r.log.posts(20)
		r.log.expire(15)
		r.start()
		r.pass(time.Minute)
		if got := seqs(r.web.of("a.example")); !slices.Equal(got, upTo(15, 20)) {
			t.Errorf("got %v", got)
		}
		if s := r.lane("a.example"); s.Missed != 14 || s.LastError == "" {
			t.Errorf("%+v", s)
		}
		if n := r.metric("tributary_delivery_gaps_total", "expired"); n != 1 {
			t.Errorf("metric says %v", n)
		}
	})
}

// TestShutdown: what is in flight may finish; what does not is ended and sent again.
func TestShutdown(t *testing.T) {
	bubble(t, []string{inboxA, inboxB}, func(t *testing.T, r *rig) {
		r.cfg.Drain = 2 * time.Second
		r.web.latency = time.Second
		r.web.behave(func(d delivered) (int, bool) { return 202, d.host == "b.example" })
		r.start()
		r.log.posts(3)
		r.pass(100 * time.Millisecond)
		start := time.Now()
		r.close()
		if d := time.Since(start); d < 900*time.Millisecond || d > 3*time.Second {
			t.Errorf("took %v", d)
		}
		if p, _ := r.position(inboxA); p != 2 {
			t.Errorf("a: position %d, want past the one in flight", p)
		}
		if p, _ := r.position(inboxB); p != 1 {
			t.Errorf("b: position %d", p)
		}
	})
}

func TestLanesOfOneHostShareItsWindowAndBreaker(t *testing.T) {
	var inboxes []string
	for i := range 20 {
		inboxes = append(inboxes, fmt.Sprintf("https://a.example/users/%d/inbox", i))
	}
	bubble(t, inboxes, func(t *testing.T, r *rig) {
		r.start()
		r.log.posts(200)
		r.pass(time.Minute)
		if n := len(r.web.of("a.example")); n != 20*200 {
			t.Fatalf("%d deliveries", n)
		}
		if n := r.web.most["a.example"]; n > 20+8 {
			t.Errorf("%d requests at once to one host", n)
		}
		r.web.always(503)
		before := len(r.web.of("a.example"))
		r.log.posts(10)
		r.pass(time.Hour)
		if n := len(r.web.of("a.example")) - before; n > 20+8+20 {
			t.Errorf("%d requests to a host that fails", n)
		}
		r.web.always(202)
		r.pass(time.Hour)
		if n := len(r.web.of("a.example", 202)); n != 20*210 {
			t.Errorf("%d deliveries", n)
		}
	})
}

// TestAThousandLanes bounds what an idle and a failing lane cost: two goroutines
// and no request.
func TestAThousandLanes(t *testing.T) {
	var inboxes []string
	for i := range 1000 {
		inboxes = append(inboxes, fmt.Sprintf("https://s%d.example/inbox", i))
	}
	bubble(t, inboxes, func(t *testing.T, r *rig) {
		r.web.behave(func(d delivered) (int, bool) {
			if strings.HasSuffix(d.host, "7.example") {
				return 503, false
			}
			return 202, false
		})
		before := runtime.NumGoroutine()
		r.start()
		r.log.posts(5)
		r.pass(time.Minute)
		if n := runtime.NumGoroutine() - before; n > 2*1000+shards+20 {
			t.Errorf("%d goroutines for 1000 lanes", n)
		}
		if n := r.metric("tributary_delivery_breakers_open"); n != 100 {
			t.Errorf("%v breakers are open", n)
		}
		if n := r.metric("tributary_delivery_lag_records", "0.5"); n != 0 {
			t.Errorf("lag in the middle: %v", n)
		}
		if n := r.metric("tributary_delivery_lag_records", "1"); n != 5 {
			t.Errorf("lag of the last: %v", n)
		}
		r.web.always(202)
		r.pass(15 * time.Minute)
		if n := r.metric("tributary_delivery_deliveries_total", "ok", viaLane); n != 5000 {
			t.Errorf("%v deliveries", n)
		}
	})
}
