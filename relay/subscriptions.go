package relay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tributary/ingest/state"
	"tributary/relay/delivery"
)

// Enqueue writes an activity of one of our actors to one inbox into the table
// outbox, in the caller's transaction.
type Enqueue func(ctx context.Context, tx *sql.Tx, actor, inbox string, body []byte) error

// Subscriptions is who follows the relay. The table subscribers is the truth;
// what each inbox request asks is answered from a copy in memory, read anew
// after each change and by Refresh. Safe for concurrent use.
type Subscriptions struct {
	db        *state.DB
	community Community
	enqueue   Enqueue
	wake      func()        // tells the outbox that there is something to send
	next      func() uint64 // seq at which a new lane starts: the tip + 1
	perHost   int
	now       func() time.Time

	current atomic.Pointer[subscriberSet]

	mu      sync.Mutex // held while the copy is read anew
	changed chan struct{}
}

// subscriberSet is never changed after it was published.
type subscriberSet struct {
	all     []Subscriber // by time of the first Follow
	byActor map[string]Subscriber
	hosts   map[string]int // accepted subscribers per host
}

func newSubscriptions(ctx context.Context, d Deps, c Community, cfg Config) (*Subscriptions, error) {
	s := &Subscriptions{
		db: d.DB, community: c, enqueue: d.Enqueue, wake: d.Wake, next: d.Next,
		perHost: cfg.SubscribersPerHostMax, now: time.Now, changed: make(chan struct{}),
	}
	s.current.Store(&subscriberSet{})
	return s, s.Refresh(ctx)
}

// Changed returns a channel that is closed at the next change of who is
// subscribed. Take it before Accepted, so that no change falls between.
func (s *Subscriptions) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Accepted lists the subscribers to which posts flow, oldest first. Several may
// share a Delivery inbox, and so a lane.
func (s *Subscriptions) Accepted(context.Context) ([]Subscriber, error) {
	all := s.current.Load().all
	list := make([]Subscriber, 0, len(all))
	for _, sub := range all {
		if sub.State == StateAccepted {
			list = append(list, sub)
		}
	}
	return list, nil
}

// Receivers lists the delivery inboxes of the accepted subscribers, each once or
// more: what relay/delivery keeps lanes for.
func (s *Subscriptions) Receivers(context.Context) ([]delivery.Receiver, error) {
	var list []delivery.Receiver
	for _, sub := range s.current.Load().all {
		if sub.State == StateAccepted {
			list = append(list, delivery.Receiver{Inbox: sub.Delivery})
		}
	}
	return list, nil
}

// List returns all subscribers in every state, oldest first. The caller must not change it.
func (s *Subscriptions) List() []Subscriber { return s.current.Load().all }

// Count is the number of accepted subscribers.
func (s *Subscriptions) Count() (n int) {
	for _, c := range s.current.Load().hosts {
		n += c
	}
	return n
}

// Host reports whether the host, with its port, has an accepted subscriber.
func (s *Subscriptions) Host(host string) bool { return s.current.Load().hosts[host] > 0 }

// Actor returns the subscription of an actor.
func (s *Subscriptions) Actor(uri string) (Subscriber, bool) {
	sub, ok := s.current.Load().byActor[uri]
	return sub, ok
}

// Refresh reads the table anew, and announces a change when there is one. It is
// called after each change here, and now and then for those that other nodes made.
func (s *Subscriptions) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := listSubscribers(ctx, s.db.Read())
	if err != nil {
		return err
	}
	if slices.Equal(all, s.current.Load().all) {
		return nil
	}
	set := &subscriberSet{all: all, byActor: make(map[string]Subscriber, len(all)), hosts: make(map[string]int)}
	for _, sub := range all {
		set.byActor[sub.Actor] = sub
		if sub.State == StateAccepted {
			set.hosts[sub.Host]++
		}
	}
	s.current.Store(set)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// errTooMany: one host holds as many subscriptions as it may.
var errTooMany = errors.New("too many subscriptions of one host")

// accept stores a subscription and answers it. Everything is one transaction:
// the row, its lane, the Accept in the outbox, and what also writes (the
// signature). A crash before the commit leaves nothing, and the sender, who had
// no answer, sends the Follow again; a crash after it leaves an Accept that the
// outbox sends at the next start.
func (s *Subscriptions) accept(ctx context.Context, sub Subscriber, answer []byte, also func(*sql.Tx) error) error {
	sub.State, sub.Updated = StateAccepted, s.now().UTC().Truncate(time.Millisecond)
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		old, err := subscriberOf(ctx, tx, sub.Actor)
		known := err == nil
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		switch n, err := countOnHost(ctx, tx, sub.Host, sub.Actor); {
		case err != nil:
			return err
		case n >= s.perHost:
			return errTooMany
		}
		if err := openLane(ctx, tx, sub.Delivery, sub.Host, s.next()); err != nil {
			return err
		}
		if err := upsertSubscriber(ctx, tx, sub); err != nil {
			return err
		}
		if known && old.Delivery != sub.Delivery {
			if err := closeLane(ctx, tx, old.Delivery); err != nil {
				return err
			}
		}
		if err := s.enqueue(ctx, tx, s.community.Actor(), sub.Inbox, answer); err != nil {
			return err
		}
		return also(tx)
	})
	return s.settled(ctx, "accepting "+sub.Actor, err)
}

// end removes the subscriptions of these actors and their lanes. With a reject,
// each is told by Reject{Follow}, so that its admin sees it as rejected.
func (s *Subscriptions) end(ctx context.Context, actors []string, reject bool, also func(*sql.Tx) error) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		for _, actor := range actors {
			if err := s.endOne(ctx, tx, actor, reject); err != nil {
				return err
			}
		}
		return also(tx)
	})
	return s.settled(ctx, "ending subscriptions", err)
}

func (s *Subscriptions) endOne(ctx context.Context, tx *sql.Tx, actor string, reject bool) error {
	sub, err := subscriberOf(ctx, tx, actor)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := deleteSubscriber(ctx, tx, actor); err != nil {
		return err
	}
	if err := closeLane(ctx, tx, sub.Delivery); err != nil {
		return err
	}
	if !reject {
		return nil
	}
	return s.enqueue(ctx, tx, s.community.Actor(), sub.Inbox, s.community.answer("Reject", sub))
}

// settled reads the copy anew after a change. If that fails the change stands,
// and the next Refresh brings it.
func (s *Subscriptions) settled(ctx context.Context, doing string, err error) error {
	if err != nil {
		return fmt.Errorf("relay: %s: %w", doing, err)
	}
	s.wake()
	return s.Refresh(context.WithoutCancel(ctx))
}

// Remove ends a subscription by the operator's will and tells the subscriber.
func (s *Subscriptions) Remove(ctx context.Context, actor string) error {
	if _, ok := s.Actor(actor); !ok {
		return fmt.Errorf("relay: removing %s: %w", actor, ErrNotSubscribed)
	}
	return s.end(ctx, []string{actor}, true, nothing)
}

func nothing(*sql.Tx) error { return nil }
