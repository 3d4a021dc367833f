package relay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tributary/ingest"
	"tributary/ingest/remote"
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
	mode      Mode
	allowed   *AllowList
	perHost   int // for all that passes
	topics    int // a host, too
	now       func() time.Time

	current atomic.Pointer[subscriberSet]

	mu      sync.Mutex // held while the copy is read anew
	changed chan struct{}
}

// subscriberSet is never changed after it was published.
type subscriberSet struct {
	all     []Subscriber // by time of the first Follow
	byActor map[string][]Subscriber
	count   int                        // accepted subscribers; who follows several of our actors counts once
	follow  map[delivery.Topic]int     // of them, those of each of our actors
	givers  map[string]ingest.Grant    // hosts whose posts are taken, and what may be done with them
	runs    map[string]remote.Software // by host: of subscribers, and for a while of those whose software is blocked
	limited map[string]bool            // hosts with a limited subscriber, in whatever state
}

func newSubscriptions(ctx context.Context, d Deps, c Community, cfg Config, allowed *AllowList) (*Subscriptions, error) {
	s := &Subscriptions{
		db: d.DB, community: c, enqueue: d.Enqueue, wake: d.Wake, next: d.Next,

		mode: cfg.Mode, allowed: allowed, perHost: cfg.SubscribersPerHostMax, topics: cfg.TopicsPerHostMax, now: time.Now, changed: make(chan struct{}),
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
		if sub.served() {
			filter, err := delivery.ParseFilter(sub.Filter)
			if err != nil { // a later program's: more than is wanted, rather than nothing
				filter = delivery.Filter{}
			}
			list = append(list, delivery.Receiver{Inbox: sub.Delivery, Actor: s.community.TopicActor(sub.Topic), Topic: sub.Topic, Style: sub.Style, Filter: filter, Signing: sub.Signing(), Paused: sub.Role == RolePaused})
		}
	}
	return list, nil
}

// List returns all subscribers in every state, oldest first. The caller must not change it.
func (s *Subscriptions) List() []Subscriber { return s.current.Load().all }

// Count is the number of accepted subscribers.
func (s *Subscriptions) Count() int { return s.current.Load().count }

// Host says what may be done with the posts of a host, with its port: GrantNone
// unless it has an accepted subscriber who may publish.
func (s *Subscriptions) Host(host string) ingest.Grant { return s.current.Load().givers[host] }

// gives is Host, and asks the table about a host that the copy in memory does not
// know: another node may have subscribed it a moment ago, and a 403 would lose the
// posts that it sends to this one.
func (s *Subscriptions) gives(ctx context.Context, host string) (ingest.Grant, error) {
	if grant := s.Host(host); grant != ingest.GrantNone {
		return grant, nil
	}
	var one int
	err := s.db.Read().QueryRowContext(ctx, `SELECT 1 FROM subscribers WHERE host = $1 AND state = $2 AND role IN ($3, $4, $5) LIMIT 1`,
		host, StateAccepted, string(RoleBoth), string(RolePublish), string(RoleLimited)).Scan(&one)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ingest.GrantNone, nil
	case err != nil:
		return ingest.GrantNone, fmt.Errorf("relay: looking for a subscriber on %s: %w", host, err)
	}
	err = s.Refresh(context.WithoutCancel(ctx))
	return s.Host(host), err
}

// Software is what a host says it runs, zero if that is not known.
func (s *Subscriptions) Software(host string) remote.Software { return s.current.Load().runs[host] }

// Of returns the subscriptions of an actor, oldest first. The caller must not change it.
func (s *Subscriptions) Of(actor string) []Subscriber { return s.current.Load().byActor[actor] }

// Actor returns the subscription of an actor to all that passes, else its oldest one to a topic.
func (s *Subscriptions) Actor(uri string) (Subscriber, bool) {
	if sub, ok := s.Topic(uri, delivery.Topic{}); ok {
		return sub, true
	}
	list := s.Of(uri)
	if len(list) == 0 {
		return Subscriber{}, false
	}
	return list[0], true
}

// Topic returns the subscription of an actor to a topic, or with the zero topic that to
// all that passes.
func (s *Subscriptions) Topic(actor string, topic delivery.Topic) (Subscriber, bool) {
	for _, sub := range s.Of(actor) {
		if sub.Topic == topic {
			return sub, true
		}
	}
	return Subscriber{}, false
}

// followers counts who follows one of our actors.
func (s *Subscriptions) followers(topic delivery.Topic) int { return s.current.Load().follow[topic] }

// mostOf is how many subscriptions like that to a topic one host may have.
func (s *Subscriptions) mostOf(topic delivery.Topic) int {
	if topic.Whole() {
		return s.perHost
	}
	return s.topics
}

// Refresh reads the table anew, and announces a change when there is one. It is
// called after each change here, and now and then for those that other nodes made.
func (s *Subscriptions) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	runs, err := software(ctx, s.db.Read())
	if err != nil {
		return err
	}
	all, err := listSubscribers(ctx, s.db.Read(), runs)
	if err != nil {
		return err
	}
	if old := s.current.Load(); slices.Equal(all, old.all) && maps.Equal(runs, old.runs) {
		return nil
	}
	s.current.Store(newSubscriberSet(all, runs))
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// newSubscriberSet sorts them. One limited subscriber limits its host: another account of
// it that follows too must not lift what the operator decided.
func newSubscriberSet(all []Subscriber, runs map[string]remote.Software) *subscriberSet {
	set := &subscriberSet{
		all: all, runs: runs, byActor: make(map[string][]Subscriber, len(all)), follow: make(map[delivery.Topic]int),
		givers: make(map[string]ingest.Grant), limited: make(map[string]bool),
	}
	for _, sub := range all {
		set.byActor[sub.Actor] = append(set.byActor[sub.Actor], sub)
		if sub.Role == RoleLimited {
			set.limited[sub.Host] = true
		}
	}
	accepted := make(map[string]bool, len(all))
	for _, sub := range all {
		if sub.State != StateAccepted {
			continue
		}
		accepted[sub.Actor] = true
		set.follow[sub.Topic]++
		switch {
		case set.limited[sub.Host]:
			set.givers[sub.Host] = ingest.GrantLimited
		case sub.Role.publishes():
			set.givers[sub.Host] = ingest.GrantSubscriber
		}
	}
	set.count = len(accepted)
	return set
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
