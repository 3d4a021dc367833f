package delivery

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"tributary/ingest/lease"
)

const sharedHosts = 40

func sharedInboxes() (inboxes []string) {
	for i := range sharedHosts {
		inboxes = append(inboxes, fmt.Sprintf("https://s%d.example/inbox", i))
	}
	return inboxes
}

// node starts an engine beside r, over the same log and database.
func (r *rig) node(name string) *rig {
	r.t.Helper()
	n := &rig{t: r.t, dir: r.dir, db: r.db, log: r.log, subs: r.subs, web: r.web, cfg: r.cfg}
	keeper, err := lease.Start(r.t.Context(), lease.Config{DB: r.db, Node: name, Logger: quiet()})
	if err != nil {
		r.t.Fatal(err)
	}
	n.leases = keeper
	n.start()
	return n
}

// leave ends a node in good order.
func (r *rig) leave() {
	r.t.Helper()
	r.close()
	if err := r.leases.Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) lanes() (n int) {
	r.engine.mu.Lock()
	defer r.engine.mu.Unlock()
	return len(r.engine.lanes)
}

// check compares what every host got with the log.
func (r *rig) check(twice bool) {
	r.t.Helper()
	for i := range sharedHosts {
		host := fmt.Sprintf("s%d.example", i)
		count := map[uint64]int{}
		for _, d := range r.web.of(host, 202) {
			count[d.seq]++
		}
		for seq := uint64(1); seq <= r.log.Tip(); seq++ {
			if count[seq] == 0 || count[seq] > 1 && !twice {
				r.t.Errorf("%s got record %d %d times", host, seq, count[seq])
			}
		}
	}
}

// A node that joins and one that leaves change hands of lanes without a delivery lost or
// made twice.
func TestLanesMoveBetweenNodes(t *testing.T) {
	bubble(t, sharedInboxes(), func(t *testing.T, r *rig) {
		posts := func() {
			for range 50 {
				r.log.post()
				r.pass(100 * time.Millisecond)
			}
		}
		a := r.node("a")
		posts()
		b := r.node("b")
		posts()
		r.pass(5 * time.Second)
		if a.lanes()+b.lanes() != sharedHosts || a.lanes() < sharedHosts/5 || b.lanes() < sharedHosts/5 {
			t.Errorf("%d and %d lanes", a.lanes(), b.lanes())
		}
		if list, err := a.engine.Status(t.Context()); err != nil || len(list) != sharedHosts {
			t.Errorf("a node knows of %d lanes, %v", len(list), err)
		}
		a.leave()
		posts()
		r.pass(5 * time.Second)
		if b.lanes() != sharedHosts {
			t.Errorf("%d lanes, want all", b.lanes())
		}
		b.leave()
		r.check(false)
	})
}

// A node whose shares were taken while it does not know goes on for a moment. It can
// neither save a position nor claim a lane any more, and nothing is lost.
func TestPositionsAreFenced(t *testing.T) {
	bubble(t, sharedInboxes(), func(t *testing.T, r *rig) {
		r.cfg.SaveEvery = 100 * time.Millisecond
		a := r.node("a")
		r.log.posts(20)
		r.pass(5 * time.Second)
		other := r.node("a") // of the same name: it takes everything at once
		r.log.posts(20)
		for range 20 {
			r.pass(100 * time.Millisecond)
			if err := a.engine.save(t.Context()); err != nil {
				t.Error(err)
			}
		}
		r.pass(5 * time.Second)
		if a.lanes() != 0 && other.lanes() != 0 {
			t.Errorf("%d and %d lanes", a.lanes(), other.lanes())
		}
		a.close()
		if err := a.leases.Close(); err != nil {
			t.Error(err)
		}
		r.log.posts(20)
		r.pass(20 * time.Second)
		other.leave()
		r.check(true)
		for _, inbox := range sharedInboxes() {
			if at, _ := r.position(inbox); at != r.log.Tip()+1 {
				t.Errorf("%s stands at %d, want %d", inbox, at, r.log.Tip()+1)
			}
		}
	})
}

// Rows of the outbox are sent by the node that has their host, once.
func TestOutboxIsShared(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		a, b := r.node("a"), r.node("b")
		r.pass(5 * time.Second)
		err := r.db.Write(t.Context(), func(tx *sql.Tx) error {
			for _, inbox := range sharedInboxes() {
				if err := Enqueue(t.Context(), tx, testActor, inbox, []byte(`{"type":"Accept"}`)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		a.engine.Wake()
		r.pass(5 * time.Second)
		for i := range sharedHosts {
			if n := len(r.web.of(fmt.Sprintf("s%d.example", i))); n != 1 {
				t.Errorf("host %d got %d", i, n)
			}
		}
		a.leave()
		b.leave()
	})
}
