package relay

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
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
		old, err := subscriberOf(ctx, tx, sub.Actor)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		sub.Role, sub.Filter, sub.Back, sub.BackState = old.Role, old.Filter, old.Back, old.BackState
		if sub.Role == "" {
			sub.Role = s.roleOf(sub.Host)
		}
		made = s.mode.decide(old.State, allowed)
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

// store writes the row, unless its host has as many as it may.
func (s *Subscriptions) store(ctx context.Context, tx *sql.Tx, sub Subscriber) error {
	switch n, err := countOnHost(ctx, tx, sub.Host, sub.Actor); {
	case err != nil:
		return err
	case n >= s.perHost:
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
		sub.Back, sub.BackState = s.community.Activity(rand.Text()), BackPending
	}
	return true
}

// refuse tells a server that it is not subscribed.
func (s *Subscriptions) refuse(ctx context.Context, tx *sql.Tx, sub Subscriber) error {
	return s.tell(ctx, tx, sub, s.community.answer("Reject", sub))
}

func (s *Subscriptions) tell(ctx context.Context, tx *sql.Tx, sub Subscriber, body []byte) error {
	return s.enqueue(ctx, tx, s.community.Actor(), sub.Inbox, body)
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

// leave ends a subscription as its own actor wishes. The row of one to which the operator
// gave a role stays: who leaves and comes back is what it was.
func (s *Subscriptions) leave(ctx context.Context, actor string, also func(*sql.Tx) error) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		sub, err := subscriberOf(ctx, tx, actor)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return also(tx)
		case err != nil:
			return err
		case sub.Role == RoleBoth:
			err = s.endOne(ctx, tx, actor, false)
		default:
			left := sub
			left.State, left.Back, left.BackState = StateLeft, "", ""
			err = errors.Join(s.store(ctx, tx, left), s.part(ctx, tx, sub, false))
		}
		return errors.Join(err, also(tx))
	})
	return s.settled(ctx, "ending the subscription of "+actor, err)
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
	return s.part(ctx, tx, sub, reject && sub.active())
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
	if sub, ok := s.Actor(actor); !ok || sub.Back == "" || sub.Back != follow {
		return false, nil
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE subscribers SET back_state = $1 WHERE actor = $2 AND back = $3`, state, actor, follow)
		return errors.Join(err, also(tx))
	})
	return true, s.settled(ctx, "the answer of "+actor, err)
}

// Remove ends a subscription by the operator's will and tells the subscriber,
// who may follow again.
func (s *Subscriptions) Remove(ctx context.Context, actor string) error {
	if _, ok := s.Actor(actor); !ok {
		return fmt.Errorf("relay: removing %s: %w", actor, ErrNotSubscribed)
	}
	return s.end(ctx, []string{actor}, true, nothing)
}

// Approve accepts a subscription that waits, or that was rejected.
func (s *Subscriptions) Approve(ctx context.Context, actor string) error {
	return s.change(ctx, actor, "approving", func(tx *sql.Tx, sub Subscriber) error {
		if sub.State == StateAccepted || sub.State == StateLeft {
			return nil // who left has to follow again
		}
		return s.accept(ctx, tx, sub, "")
	})
}

// Reject refuses a subscription, or ends it, and every later Follow of the actor
// until it is approved or removed.
func (s *Subscriptions) Reject(ctx context.Context, actor string) error {
	return s.change(ctx, actor, "rejecting", func(tx *sql.Tx, sub Subscriber) error {
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
func (s *Subscriptions) SetRole(ctx context.Context, actor string, role Role) error {
	return s.change(ctx, actor, "changing the role of", func(tx *sql.Tx, sub Subscriber) error {
		if sub.State == StateLeft && role == RoleBoth {
			return deleteSubscriber(ctx, tx, actor) // it was kept for its role
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
func (s *Subscriptions) SetFilter(ctx context.Context, actor string, filter delivery.Filter) error {
	filter, err := filter.Tidy()
	if err != nil {
		return err
	}
	return s.change(ctx, actor, "changing the filter of", func(tx *sql.Tx, sub Subscriber) error {
		sub.Filter = filter.String()
		return s.store(ctx, tx, sub)
	})
}

func (s *Subscriptions) change(ctx context.Context, actor, doing string, f func(*sql.Tx, Subscriber) error) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		sub, err := subscriberOf(ctx, tx, actor)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotSubscribed
		}
		if err != nil {
			return err
		}
		return f(tx, sub)
	})
	return s.settled(ctx, doing+" "+actor, err)
}

func nothing(*sql.Tx) error { return nil }
