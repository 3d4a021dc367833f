package relay

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"slices"
	"time"

	"tributary/relay/delivery"
)

// errTooMany: one host holds as many subscriptions as it may.
var errTooMany = errors.New("too many subscriptions of one host")

// follow settles a Follow by the mode and by what the operator decided before.
// Everything is one transaction: the row, its lane, the answer in the outbox, and
// what also writes (the signature). A crash before the commit leaves nothing, and
// the sender, who had no answer, sends the Follow again; a crash after it leaves
// an answer that the outbox sends at the next start.
func (s *Subscriptions) follow(ctx context.Context, sub Subscriber, also func(*sql.Tx) error) (made decision, err error) {
	allowed := s.allowed.Host(sub.Host)
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		own, err := subscriptionsOf(ctx, tx, sub.Actor)
		if err != nil {
			return err
		}
		old, before := standing(own, sub.Topic)
		sub.Role, sub.Filter, sub.Back, sub.BackState = old.Role, old.Filter, old.Back, old.BackState
		if sub.Role == "" {
			sub.Role = s.roleOf(sub.Host)
		}
		made = s.mode.decide(before, allowed)
		switch made {
		case rejectNow:
			err = s.refuse(ctx, tx, sub)
		case waitForOperator:
			sub.State = StatePending
			err = s.store(ctx, tx, sub)
		default:
			err = s.accept(ctx, tx, sub, old.Delivery)
		}
		return errors.Join(err, also(tx))
	})
	return made, s.settled(ctx, "the Follow of "+sub.Actor, err)
}

// roleOf is the role of a new subscriber: a limited host stays so.
func (s *Subscriptions) roleOf(host string) Role {
	if s.current.Load().limited[host] {
		return RoleLimited
	}
	return RoleBoth
}

// standing is the subscription of an actor to a topic, and the state in which its new
// Follow finds it. What was decided of the actor holds for what it follows for the first
// time as well: its role, that it is rejected, and that it may have all that passes.
func standing(own []Subscriber, topic delivery.Topic) (old Subscriber, before string) {
	for i, sub := range own {
		if sub.Topic == topic {
			return sub, sub.State
		}
		if i == 0 {
			old.Role = sub.Role
		}
		if sub.Topic.Whole() && sub.State == StateAccepted {
			before = StateAccepted
		}
	}
	if len(own) > 0 && !slices.ContainsFunc(own, func(sub Subscriber) bool { return sub.State != StateRejected }) {
		before = StateRejected
	}
	return old, before
}

// store writes the row, unless its host has as many as it may.
func (s *Subscriptions) store(ctx context.Context, tx *sql.Tx, sub Subscriber) error {
	switch n, err := countBeside(ctx, tx, sub); {
	case err != nil:
		return err
	case n >= s.mostOf(sub.Topic):
		return errTooMany
	}
	sub.Updated = s.now().UTC().Truncate(time.Millisecond)
	return upsertSubscriber(ctx, tx, sub)
}

// accept lets posts flow to a subscriber, which was served at the inbox before
// ("" if it was not), and tells it. Whoever follows our actor is followed back,
// every time: a peer that lost our Follow gets it again, with the same id.
func (s *Subscriptions) accept(ctx context.Context, tx *sql.Tx, sub Subscriber, before string) error {
	sub.State = StateAccepted
	if sub.served() {
		if err := openLane(ctx, tx, sub.Delivery, sub.Host, s.next()); err != nil {
			return err
		}
	}
	back := s.followsBack(&sub)
	if err := s.store(ctx, tx, sub); err != nil {
		return err
	}
	if before != "" && before != sub.Delivery {
		if err := closeLane(ctx, tx, before); err != nil {
			return err
		}
	}
	if err := s.tell(ctx, tx, sub, s.community.answer("Accept", sub)); err != nil || !back {
		return err
	}
	return s.tell(ctx, tx, sub, s.community.followBack(sub))
}

// followsBack reports whether an accepted subscriber is followed back, and names that
// Follow if there is none.
func (s *Subscriptions) followsBack(sub *Subscriber) bool {
	if sub.Style != delivery.StyleAnnounce || !sub.Role.publishes() {
		return false
	}
	if sub.Back == "" || sub.BackState == BackRejected {
		sub.Back, sub.BackState = s.community.identity(sub.Topic).activity(rand.Text()), BackPending
	}
	return true
}

// refuse tells a server that it is not subscribed.
func (s *Subscriptions) refuse(ctx context.Context, tx *sql.Tx, sub Subscriber) error {
	return s.tell(ctx, tx, sub, s.community.answer("Reject", sub))
}

// tell sends a subscriber something, as the actor of ours that it follows.
func (s *Subscriptions) tell(ctx context.Context, tx *sql.Tx, sub Subscriber, body []byte) error {
	return s.enqueue(ctx, tx, s.community.TopicActor(sub.Topic), sub.Inbox, body)
}

// end removes all subscriptions of these actors and their lanes. With a reject,
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

// leave ends one subscription, as its own actor wishes. The row of one to which the operator
// gave a role stays: who leaves and comes back is what it was.
func (s *Subscriptions) leave(ctx context.Context, sub Subscriber, also func(*sql.Tx) error) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		own, err := subscriptionsOf(ctx, tx, sub.Actor)
		if err != nil {
			return err
		}
		for _, now := range only(own, []delivery.Topic{sub.Topic}) {
			if err := s.leaveOne(ctx, tx, now); err != nil {
				return err
			}
		}
		return also(tx)
	})
	return s.settled(ctx, "ending the subscription of "+sub.Actor, err)
}

func (s *Subscriptions) leaveOne(ctx context.Context, tx *sql.Tx, sub Subscriber) error {
	if sub.Role == RoleBoth {
		return s.endOne(ctx, tx, sub.Actor, false, sub.Topic)
	}
	left := sub
	left.State, left.Back, left.BackState = StateLeft, "", ""
	return errors.Join(s.store(ctx, tx, left), s.part(ctx, tx, sub, false))
}

// endOne removes the subscriptions of an actor to these topics; to all without any.
func (s *Subscriptions) endOne(ctx context.Context, tx *sql.Tx, actor string, reject bool, topics ...delivery.Topic) error {
	own, err := subscriptionsOf(ctx, tx, actor)
	if err != nil {
		return err
	}
	for _, sub := range only(own, topics) {
		if err := deleteSubscriber(ctx, tx, sub); err != nil {
			return err
		}
		if err := s.part(ctx, tx, sub, reject && sub.active()); err != nil {
			return err
		}
	}
	return nil
}

// only are those of an actor's subscriptions that are named by their topics; all of them
// when none is named.
func only(own []Subscriber, topics []delivery.Topic) []Subscriber {
	if len(topics) == 0 {
		return own
	}
	var list []Subscriber
	for _, sub := range own {
		if slices.Contains(topics, sub.Topic) {
			list = append(list, sub)
		}
	}
	return list
}

// part closes the lane of a subscriber whose row says already that it is none,
// takes our own Follow back, and tells it with a reject.
func (s *Subscriptions) part(ctx context.Context, tx *sql.Tx, sub Subscriber, reject bool) error {
	if err := closeLane(ctx, tx, sub.Delivery); err != nil {
		return err
	}
	if reject {
		if err := s.refuse(ctx, tx, sub); err != nil {
			return err
		}
	}
	if sub.Back == "" || sub.BackState == BackRejected {
		return nil
	}
	return s.tell(ctx, tx, sub, s.community.undoBack(sub))
}

// answered notes what a member says of our Follow. It reports whether there is one
// with this id.
func (s *Subscriptions) answered(ctx context.Context, actor, follow, state string, also func(*sql.Tx) error) (bool, error) {
	ours := func(sub Subscriber) bool { return sub.Back != "" && sub.Back == follow }
	if !slices.ContainsFunc(s.Of(actor), ours) {
		return false, nil
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE subscribers SET back_state = $1 WHERE actor = $2 AND back = $3`, state, actor, follow)
		return errors.Join(err, also(tx))
	})
	return true, s.settled(ctx, "the answer of "+actor, err)
}

// Remove ends the subscriptions of an actor by the operator's will, or those to the topics
// that are named alone, and tells the subscriber, who may follow again.
func (s *Subscriptions) Remove(ctx context.Context, actor string, topics ...delivery.Topic) error {
	return s.change(ctx, actor, topics, "removing", func(tx *sql.Tx, sub Subscriber) error {
		return s.endOne(ctx, tx, sub.Actor, true, sub.Topic)
	})
}

// Approve accepts subscriptions that wait, or that were rejected: all of an actor, or those
// to the topics that are named. So do the others that the operator decides by.
func (s *Subscriptions) Approve(ctx context.Context, actor string, topics ...delivery.Topic) error {
	return s.change(ctx, actor, topics, "approving", func(tx *sql.Tx, sub Subscriber) error {
		if sub.State == StateAccepted || sub.State == StateLeft {
			return nil // who left has to follow again
		}
		return s.accept(ctx, tx, sub, "")
	})
}

// Reject refuses subscriptions, or ends them, and every later Follow like them
// until they are approved or removed. An actor that has no other can subscribe to nothing.
func (s *Subscriptions) Reject(ctx context.Context, actor string, topics ...delivery.Topic) error {
	return s.change(ctx, actor, topics, "rejecting", func(tx *sql.Tx, sub Subscriber) error {
		if sub.State == StateRejected {
			return nil
		}
		gone := sub
		gone.State, gone.Back, gone.BackState = StateRejected, "", ""
		if err := s.store(ctx, tx, gone); err != nil {
			return err
		}
		return s.part(ctx, tx, sub, true)
	})
}

// SetRole says what a member may do from now on. A member that only published
// gets what comes from now on; a paused one goes on where it stood. Our own Follow of a
// member is taken back when it is limited, and made when it may publish and has none.
func (s *Subscriptions) SetRole(ctx context.Context, actor string, role Role, topics ...delivery.Topic) error {
	return s.change(ctx, actor, topics, "changing the role of", func(tx *sql.Tx, sub Subscriber) error {
		if sub.State == StateLeft && role == RoleBoth {
			return deleteSubscriber(ctx, tx, sub) // it was kept for its role
		}
		sub.Role = role
		if sub.served() {
			if err := openLane(ctx, tx, sub.Delivery, sub.Host, s.next()); err != nil {
				return err
			}
		}
		var told []byte
		switch followed := sub.Back != "" && sub.BackState != BackRejected; {
		case followed && role == RoleLimited:
			told, sub.Back, sub.BackState = s.community.undoBack(sub), "", ""
		case !followed && sub.State == StateAccepted && s.followsBack(&sub):
			told = s.community.followBack(sub)
		}
		if err := s.store(ctx, tx, sub); err != nil {
			return err
		}
		if err := closeLane(ctx, tx, sub.Delivery); err != nil || told == nil {
			return err
		}
		return s.tell(ctx, tx, sub, told)
	})
}

// SetFilter says which posts a member gets from now on.
func (s *Subscriptions) SetFilter(ctx context.Context, actor string, filter delivery.Filter, topics ...delivery.Topic) error {
	filter, err := filter.Tidy()
	if err != nil {
		return err
	}
	return s.change(ctx, actor, topics, "changing the filter of", func(tx *sql.Tx, sub Subscriber) error {
		sub.Filter = filter.String()
		return s.store(ctx, tx, sub)
	})
}

func (s *Subscriptions) change(ctx context.Context, actor string, topics []delivery.Topic, doing string, f func(*sql.Tx, Subscriber) error) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		own, err := subscriptionsOf(ctx, tx, actor)
		if err != nil {
			return err
		}
		own = only(own, topics)
		if len(own) == 0 {
			return ErrNotSubscribed
		}
		for _, sub := range own {
			if err := f(tx, sub); err != nil {
				return err
			}
		}
		return nil
	})
	return s.settled(ctx, doing+" "+actor, err)
}

func nothing(*sql.Tx) error { return nil }
