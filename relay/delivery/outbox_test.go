package delivery

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// enqueue writes letters whose bodies are entries, so that fakeWeb knows them by seq.
func (r *rig) enqueue(inbox string, numbers ...int) {
	r.t.Helper()
	err := r.db.Write(r.t.Context(), func(tx *sql.Tx) error {
		for _, n := range numbers {
			if err := Enqueue(r.t.Context(), tx, testActor, inbox, fmt.Appendf(nil, `{"seq":%d}`, n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if r.engine != nil {
		r.engine.Wake()
	}
}

func (r *rig) outboxRows() (n int) {
	r.t.Helper()
	if err := r.db.Read().QueryRow(`SELECT COUNT(*) FROM outbox`).Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

func inOrder(list []delivered) (s []uint64) {
	for _, d := range list {
		s = append(s, d.seq)
	}
	return s
}

func TestOutboxSendsAtOnceAndInOrder(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start()
		r.enqueue(inboxA, 1, 2, 3, 4, 5)
		r.enqueue(inboxB, 6)
		r.pass(time.Second)
		if got := inOrder(r.web.of("a.example")); !slices.Equal(got, upTo(1, 5)) {
			t.Errorf("a got %v", got)
		}
		if n := len(r.web.of("b.example")); n != 1 {
			t.Errorf("b got %d", n)
		}
		if n := r.outboxRows(); n != 0 {
			t.Errorf("%d rows stay", n)
		}
		if n := r.metric("tributary_delivery_deliveries_total", "ok", viaOutbox); n != 6 {
			t.Errorf("metric says %v", n)
		}
	})
}

func TestOutboxSurvivesARestartAndAnOutage(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.enqueue(inboxA, 1, 2) // nobody runs
		r.web.always(503)
		r.start()
		r.pass(time.Hour)
		if n := len(r.web.of("a.example")); n < 2 || n > 40 {
			t.Errorf("asked %d times in an hour", n)
		}
		r.close()
		r.enqueue(inboxA, 3)
		r.web.always(202)
		r.start()
		r.pass(15 * time.Minute)
		if got := inOrder(r.web.of("a.example", 202)); !slices.Equal(got, upTo(1, 3)) {
			t.Errorf("got %v", got)
		}
		if n := r.metric("tributary_delivery_outbox_rows"); n != 0 {
			t.Errorf("metric says %v rows", n)
		}
	})
}

// TestOutboxKeepsInboxesApart: one inbox of a host is judged, the other is not held up.
func TestOutboxKeepsInboxesApart(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.web.behave(func(d delivered) (int, bool) {
			if d.seq == 1 {
				return 410, false
			}
			return 202, false
		})
		r.start()
		r.enqueue("https://a.example/users/x/inbox", 1, 2)
		r.enqueue("https://a.example/users/y/inbox", 3)
		r.pass(time.Second)
		if got := inOrder(r.web.of("a.example", 202)); !slices.Equal(got, []uint64{3}) {
			t.Errorf("at first: %v", got)
		}
		r.pass(time.Minute)
		if got := inOrder(r.web.of("a.example")); !slices.Equal(got, []uint64{1, 3, 1, 2}) {
			t.Errorf("in the end: %v", got)
		}
		if n := r.metric("tributary_delivery_deliveries_total", "given_up", viaOutbox); n != 1 || r.outboxRows() != 0 {
			t.Errorf("given up: %v, rows: %d", n, r.outboxRows())
		}
	})
}

func TestOutboxGivesUpInTheEnd(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.cfg.OutboxKeep = 12 * time.Hour
		r.web.always(0)
		r.start()
		r.enqueue(inboxA, 1)
		r.pass(11 * time.Hour)
		r.enqueue(inboxA, 2)
		if n := r.outboxRows(); n != 2 {
			t.Fatalf("%d rows before the end", n)
		}
		r.pass(2 * time.Hour)
		if n := r.outboxRows(); n != 1 {
			t.Errorf("%d rows after it", n)
		}
		if n := r.metric("tributary_delivery_deliveries_total", "given_up", viaOutbox); n != 1 {
			t.Errorf("metric says %v", n)
		}
	})
}

// TestOutboxAndLaneShareTheBreaker: while posts fail, no Accept is wasted, and the
// other way round.
func TestOutboxAndLaneShareTheBreaker(t *testing.T) {
	bubble(t, []string{inboxA}, func(t *testing.T, r *rig) {
		r.web.always(503)
		r.start()
		r.log.posts(10)
		r.pass(10 * time.Minute)
		r.enqueue("https://a.example/users/x/inbox", 1000)
		r.pass(3 * time.Hour)
		if n := len(r.web.of("a.example")); n > 50 {
			t.Errorf("asked %d times", n)
		}
		r.web.always(202)
		r.pass(30 * time.Minute)
		if got := seqs(r.web.of("a.example", 202)); !slices.Equal(got, append(upTo(1, 10), 1000)) {
			t.Errorf("got %v", got)
		}
	})
}

func TestOutboxManyDeadHosts(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.cfg.OutboxMax = 4
		r.web.behave(func(d delivered) (int, bool) { return 202, d.host != "good.example" })
		r.start()
		for i := range 20 {
			r.enqueue(fmt.Sprintf("https://dead%d.example/inbox", i), i)
		}
		r.enqueue("https://good.example/inbox", 99)
		r.pass(2 * time.Minute)
		if n := len(r.web.of("good.example", 202)); n != 1 {
			t.Errorf("the good host got %d", n)
		}
	})
}

func TestEnqueueRefusesWhatIsNoInbox(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		err := r.db.Write(t.Context(), func(tx *sql.Tx) error {
			return Enqueue(t.Context(), tx, testActor, "mailto:x@a.example", []byte(`{}`))
		})
		if !errors.Is(err, ErrInbox) {
			t.Errorf("%v", err)
		}
	})
}

func TestNewIDIsOrdered(t *testing.T) {
	now := time.Now()
	last := newID(now)
	if last < idAt(now) || last >= idAt(now.Add(time.Second)) {
		t.Fatalf("%d is not within its second", last)
	}
	for range 5000 {
		id := newID(now)
		if id <= last {
			t.Fatal("not ordered")
		}
		last = id
	}
}
