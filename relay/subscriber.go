package relay

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"tributary/ingest/remote"
	"tributary/relay/delivery"
)

// The states of a subscription.
const (
	StateAccepted = "accepted" // posts flow
	StatePending  = "pending"  // waits for the operator
	StateRejected = "rejected" // refused or ended by the operator
	StateLeft     = "left"     // ended by itself; kept for the role that the operator gave it
)

// What became of our Follow of a member.
const (
	BackPending  = "pending"
	BackAccepted = "accepted"
	BackRejected = "rejected"
)

// Subscriber is an actor of another server that follows the relay, or the actor of a topic.
// One that follows several of our actors is several Subscribers.
type Subscriber struct {
	Actor     string // URI
	Topic     delivery.Topic
	Host      string // host[:port] of Actor, lower case; of Inbox and Delivery too (same origin)
	Inbox     string // where answers to it go
	Delivery  string // its shared inbox, else its inbox: the lane that serves it
	Follow    string // id of its Follow
	Object    string // what it followed, as it wrote it
	State     string // StateAccepted …
	Style     delivery.Style
	Filter    string          // delivery.Filter as it is kept; "" wants all
	Role      Role            // RoleBoth unless the operator says otherwise
	Back      string          // id of our own Follow of it (LitePub), "" if there is none
	BackState string          // what became of that: BackPending …
	Software  remote.Software // of Host, by its own word; zero when it is not known
	Created   time.Time       // first Follow
	Updated   time.Time       // last change
}

// served reports whether a subscriber has a lane: it gets posts, now or when its pause is over.
func (s Subscriber) served() bool { return s.State == StateAccepted && s.Role != RolePublish }

// active reports whether there is anything to end.
func (s Subscriber) active() bool { return s.State == StateAccepted || s.State == StatePending }

const selectSubscribers = `SELECT actor, topic, host, inbox, delivery, follow, object, state, style, role, back, back_state, filter, created_at, updated_at
	FROM subscribers`

func listSubscribers(ctx context.Context, q *sql.DB, runs map[string]remote.Software) ([]Subscriber, error) {
	rows, err := q.QueryContext(ctx, selectSubscribers+` ORDER BY created_at, actor, topic`)
	if err != nil {
		return nil, fmt.Errorf("relay: listing subscribers: %w", err)
	}
	defer rows.Close()
	var list []Subscriber
	for rows.Next() {
		s, err := scanSubscriber(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("relay: listing subscribers: %w", err)
		}
		s.Software = runs[s.Host]
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("relay: listing subscribers: %w", err)
	}
	return list, nil
}

// subscriptionsOf reads the rows of an actor, that of all that passes first, then as it subscribed.
func subscriptionsOf(ctx context.Context, tx *sql.Tx, actor string) ([]Subscriber, error) {
	rows, err := tx.QueryContext(ctx, selectSubscribers+` WHERE actor = $1 ORDER BY CASE WHEN topic = '' THEN 0 ELSE 1 END, created_at, topic`, actor)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Subscriber
	for rows.Next() {
		s, err := scanSubscriber(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

func scanSubscriber(scan func(...any) error) (s Subscriber, err error) {
	var topic string
	var created, updated int64
	err = scan(&s.Actor, &topic, &s.Host, &s.Inbox, &s.Delivery, &s.Follow, &s.Object, &s.State, &s.Style, &s.Role, &s.Back, &s.BackState, &s.Filter, &created, &updated)
	// As it was written: a later program may fold names in another way.
	s.Topic.Kind, s.Topic.Name, _ = strings.Cut(topic, "/")
	s.Created, s.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	return s, err
}

func upsertSubscriber(ctx context.Context, tx *sql.Tx, s Subscriber) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO subscribers
		(actor, topic, host, inbox, delivery, follow, object, state, style, role, back, back_state, filter, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)
		ON CONFLICT (actor, topic) DO UPDATE SET host = excluded.host, inbox = excluded.inbox, delivery = excluded.delivery,
			follow = excluded.follow, object = excluded.object, state = excluded.state, style = excluded.style,
			role = excluded.role, back = excluded.back, back_state = excluded.back_state, filter = excluded.filter,
			updated_at = excluded.updated_at`,
		s.Actor, s.Topic.String(), s.Host, s.Inbox, s.Delivery, s.Follow, s.Object, s.State, s.Style, s.Role, s.Back, s.BackState, s.Filter, s.Updated.UnixMilli())
	return err
}

func deleteSubscriber(ctx context.Context, tx *sql.Tx, s Subscriber) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM subscribers WHERE actor = $1 AND topic = $2`, s.Actor, s.Topic.String())
	return err
}

// countBeside counts the other subscriptions of a host: those for a topic if s is for one,
// else those for all that passes.
func countBeside(ctx context.Context, tx *sql.Tx, s Subscriber) (n int, err error) {
	query := `SELECT COUNT(*) FROM subscribers WHERE host = $1 AND topic <> '' AND NOT (actor = $2 AND topic = $3)`
	if s.Topic.Whole() {
		query = `SELECT COUNT(*) FROM subscribers WHERE host = $1 AND topic = $3 AND actor <> $2`
	}
	err = tx.QueryRowContext(ctx, query, s.Host, s.Actor, s.Topic.String()).Scan(&n)
	return n, err
}

// openLane makes the lane of an inbox that had none, starting at seq: a new
// subscriber gets what comes from now on. The lane of a subscriber keeps its
// position. Call it before the subscriber is written.
//
// A row that serves nobody is one that relay/delivery made while the last
// subscriber left, and is about to remove, or that a crash has left: it begins
// anew, under a generation that whoever knew it before cannot remove. Else its
// removal would fall between this Follow and the start of its lane, which then
// began at the tip of that time, without what came in between.
func openLane(ctx context.Context, tx *sql.Tx, inbox, host string, seq uint64) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO lanes
		(inbox, host, position, generation, delivered, given_up, last_success, last_failure, last_error, failing_since)
		VALUES ($1, $2, $3, 0, 0, 0, 0, 0, '', 0)
		ON CONFLICT (inbox) DO UPDATE SET position = excluded.position, generation = lanes.generation + 1,
			waiting_since = 0, untaken_since = 0, gone_since = 0, paused_at = 0
		WHERE NOT EXISTS (SELECT 1 FROM subscribers WHERE delivery = $1 AND state = $4 AND role <> $5)`,
		inbox, host, int64(seq), StateAccepted, string(RolePublish))
	return err
}

// closeLane forgets the lane of an inbox that no subscriber needs any more.
// Whoever runs it finds its row gone, and a later Follow starts at the tip. Call it after
// the subscriber is written: the row goes with what it serves, in one transaction.
func closeLane(ctx context.Context, tx *sql.Tx, inbox string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM lanes WHERE inbox = $1
		AND NOT EXISTS (SELECT 1 FROM subscribers WHERE delivery = $1 AND state = $2 AND role <> $3)`,
		inbox, StateAccepted, string(RolePublish))
	return err
}
