package relay

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/signature"
	"tributary/ingest/state"
	"tributary/relay/delivery"
)

// Takeover is what another relay leaves to the one that comes under its name.
type Takeover struct {
	Key        *rsa.PrivateKey // of its actor; nil: ours stays what it is
	ReplaceKey bool            // even if there are subscribers that know another one

	// Subscribers need Actor, Inbox, Delivery, Style, State and Role, and Follow if its id is known.
	Subscribers []Subscriber
	Blocks      []Block // of domains and software
	Allowed     []Allowed
}

// Skipped is what a Takeover holds and TakeOver left out.
type Skipped struct {
	What string `json:"what"` // an actor, a domain
	Why  string `json:"why"`
}

// KeyChange is what became of our actor's key.
type KeyChange string

// What becomes of a key.
const (
	KeyKept     KeyChange = "kept"     // none was given
	KeyKnown    KeyChange = "known"    // it is ours already
	KeySet      KeyChange = "set"      // there was none
	KeyReplaced KeyChange = "replaced" // there was another
)

// TakenOver says what TakeOver did, or would do.
type TakenOver struct {
	Key         KeyChange
	Subscribers []Subscriber // that were not here
	Blocks      []Block      // that were not here
	Allowed     []Allowed    // that were not here
	Known       int          // of all of these that were here
	FollowsBack int          // of the subscribers that get a Follow of ours
	Skipped     []Skipped
}

// errNothingWritten ends the transaction of a dry run.
var errNothingWritten = errors.New("dry run")

// TakeOver makes a relay that does not run the one whose subscribers know its
// address and its key: they need not follow again. What is here already stays as
// it is, so that the same call again changes nothing.
//
// Lanes are not made: an inbox without one starts at the tip when the relay does.
// Whoever follows our actor gets our Follow under a new id, as it would after a
// Follow of its own; the old relay's id is not known, and could not be undone.
//
// All of it is one transaction. A crash before its commit leaves what was there; a
// crash after it leaves nothing to do, as the Follows are rows of the outbox, which
// the relay sends when it starts.
func TakeOver(ctx context.Context, db *state.DB, c Community, enqueue Enqueue, t Takeover, dryRun bool) (TakenOver, error) {
	allowed, err := newAllowList(ctx, db)
	if err != nil {
		return TakenOver{}, err
	}
	blocks, err := newBlocks(ctx, db, allowed)
	if err != nil {
		return TakenOver{}, err
	}
	var cfg Config
	cfg.applyDefaults()
	var done TakenOver
	err = db.Write(ctx, func(tx *sql.Tx) error {
		s := &Subscriptions{community: c, enqueue: enqueue, perHost: cfg.SubscribersPerHostMax, topics: cfg.TopicsPerHostMax, now: time.Now}
		run := takingOver{Subscriptions: s, tx: tx, blocks: blocks, allowed: *allowed.current.Load()}
		if err := run.all(ctx, t); err != nil {
			return err
		}
		done = run.done
		if dryRun {
			return errNothingWritten
		}
		return nil
	})
	if err != nil && !(dryRun && errors.Is(err, errNothingWritten)) {
		return TakenOver{}, fmt.Errorf("relay: taking over: %w", err)
	}
	return done, nil
}

type takingOver struct {
	*Subscriptions
	tx      *sql.Tx
	blocks  *Blocks
	allowed map[string]Allowed
	done    TakenOver
}

func (t *takingOver) all(ctx context.Context, from Takeover) error {
	if err := t.key(ctx, from); err != nil {
		return err
	}
	refused, err := t.block(ctx, from.Blocks)
	if err != nil {
		return err
	}
	for _, a := range from.Allowed {
		if err := t.allow(ctx, a); err != nil {
			return err
		}
	}
	for _, sub := range from.Subscribers {
		if err := t.subscribe(ctx, sub, refused); err != nil {
			return fmt.Errorf("%s: %w", sub.Actor, err)
		}
	}
	return nil
}

func (t *takingOver) skip(what, why string, args ...any) {
	t.done.Skipped = append(t.done.Skipped, Skipped{What: what, Why: fmt.Sprintf(why, args...)})
}

// key sets our actor's key. One that subscribers know is not replaced unasked: they
// would refuse what we send until they fetch the new one.
func (t *takingOver) key(ctx context.Context, from Takeover) error {
	t.done.Key = KeyKept
	if from.Key == nil {
		return nil
	}
	var pem string
	var subscribers int
	err := t.tx.QueryRowContext(ctx, `SELECT private FROM keys WHERE actor = $1`, t.community.Actor()).Scan(&pem)
	if errors.Is(err, sql.ErrNoRows) {
		t.done.Key = KeySet
	} else if err != nil {
		return err
	} else if old, err := signature.ParsePrivate(pem); err == nil && old.Equal(from.Key) {
		t.done.Key = KeyKnown
		return nil
	} else {
		t.done.Key = KeyReplaced
	}
	if err := t.tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM subscribers`).Scan(&subscribers); err != nil {
		return err
	}
	if t.done.Key == KeyReplaced && subscribers > 0 && !from.ReplaceKey {
		return fmt.Errorf("%w: %d of them", ErrKeyKnown, subscribers)
	}
	_, err = t.tx.ExecContext(ctx, `INSERT INTO keys (actor, private, created_at) VALUES ($1, $2, $3)
		ON CONFLICT (actor) DO UPDATE SET private = excluded.private, created_at = excluded.created_at`,
		t.community.Actor(), signature.MarshalPrivate(from.Key), t.now().UnixMilli())
	return err
}

// block refuses software, and the domains of which nothing is here. Of the others the posts would
// have to be withdrawn, which only a relay that runs can do. It returns all domains
// that are refused now, but for those that were before.
func (t *takingOver) block(ctx context.Context, list []Block) (map[string]bool, error) {
	refused := make(map[string]bool, len(list))
	for _, b := range list {
		switch b.Scope {
		case ingest.ScopeDomain:
			refused[b.Key] = true
		case ScopeSoftware:
		default:
			return nil, fmt.Errorf("%s: %w", b.Key, ErrBlockKey)
		}
	}
	here, err := t.here(ctx, refused)
	if err != nil {
		return nil, err
	}
	taken := make(map[string]bool, len(list))
	for _, b := range list {
		known := t.blocks.Host
		if b.Scope == ScopeSoftware {
			known = t.blocks.Software
		}
		if _, ok := known(b.Key); ok || taken[name(b)] {
			t.done.Known++
			continue
		}
		if here[b.Key] && b.Scope == ingest.ScopeDomain {
			delete(refused, b.Key)
			t.skip(b.Key, "posts or subscriptions of it are here: block it with tributary admin block add when the relay runs")
			continue
		}
		if _, err := t.tx.ExecContext(ctx, `INSERT INTO blocks (scope, key, reason, note, created_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (scope, key) DO NOTHING`, b.Scope, b.Key, b.Reason, b.Note, t.now().UnixMilli()); err != nil {
			return nil, err
		}
		taken[name(b)] = true
		t.done.Blocks = append(t.done.Blocks, b)
	}
	return refused, nil
}

// name tells the software example from a domain that is called so.
func name(b Block) string { return fmt.Sprint(b.Scope, " ", b.Key) }

// here says of which of the domains, or of a domain below, posts or subscriptions are here.
func (t *takingOver) here(ctx context.Context, domains map[string]bool) (map[string]bool, error) {
	found := make(map[string]bool)
	if len(domains) == 0 {
		return found, nil
	}
	rows, err := t.tx.QueryContext(ctx, `SELECT uri FROM authors UNION ALL SELECT actor FROM subscribers`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var uri string
		if err := rows.Scan(&uri); err != nil {
			return nil, err
		}
		for name := range parents(hostOf(uri)) {
			if domains[name] {
				found[name] = true
			}
		}
	}
	return found, rows.Err()
}

func (t *takingOver) allow(ctx context.Context, a Allowed) error {
	res, err := t.tx.ExecContext(ctx, `INSERT INTO allowed (domain, note, created_at) VALUES ($1, $2, $3)
		ON CONFLICT (domain) DO NOTHING`, a.Domain, a.Note, t.now().UnixMilli())
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.done.Known++
		return err
	}
	t.done.Allowed = append(t.done.Allowed, a)
	return nil
}

func (t *takingOver) subscribe(ctx context.Context, sub Subscriber, refused map[string]bool) error {
	if why := t.community.unfit(sub); why != "" {
		t.skip(sub.Actor, "%s", why)
		return nil
	}
	sub.Host, sub.Object = hostOf(sub.Actor), ap.PublicURI
	if sub.Style == delivery.StyleAnnounce {
		sub.Object = t.community.Actor()
	}
	switch own, err := subscriptionsOf(ctx, t.tx, sub.Actor); {
	case err != nil:
		return err
	case len(only(own, []delivery.Topic{{}})) > 0:
		t.done.Known++
		return nil
	}
	if sub.Host == t.community.Host() {
		t.skip(sub.Actor, "this is the relay itself")
		return nil
	}
	if _, blocked := t.blocks.Actor(sub.Actor); blocked || within(sub.Host, refused) {
		t.skip(sub.Actor, "its server is blocked")
		return nil
	}
	return t.add(ctx, sub)
}

// add writes a new subscriber. Its inbox may have the lane of somebody who left,
// which a crash kept: it must not start from there.
func (t *takingOver) add(ctx context.Context, sub Subscriber) error {
	if err := closeLane(ctx, t.tx, sub.Delivery); err != nil {
		return err
	}
	back := sub.State == StateAccepted && sub.Style == delivery.StyleAnnounce && sub.Role.publishes()
	if back {
		sub.Back, sub.BackState = t.community.Activity(rand.Text()), BackPending
	}
	switch err := t.store(ctx, t.tx, sub); {
	case errors.Is(err, errTooMany):
		t.skip(sub.Actor, "its server has %d subscriptions already", t.perHost)
		return nil
	case err != nil:
		return err
	}
	t.done.Subscribers = append(t.done.Subscribers, sub)
	if !back {
		return nil
	}
	t.done.FollowsBack++
	return t.tell(ctx, t.tx, sub, t.community.followBack(sub))
}

// unfit says why an actor cannot be subscribed: the rules of a Follow, in inbox.subscriber.
func (c Community) unfit(sub Subscriber) string {
	for _, uri := range []string{sub.Actor, sub.Inbox, sub.Delivery} {
		u, err := url.Parse(uri)
		if err != nil || hostOf(uri) == "" || u.User != nil || u.Fragment != "" && uri != sub.Actor || len(uri) > maxURIBytes {
			return "its actor or its inbox is not a usable URL"
		}
		if u.Scheme != "https" && strings.HasPrefix(c.base, "https:") {
			return "it is not reached by https"
		}
		if !ap.SameOrigin(uri, sub.Actor) {
			return "its inbox is on another server than its actor: it must subscribe anew"
		}
	}
	switch {
	case len(sub.Follow) > maxURIBytes:
		return "the id of its Follow is too long"
	case sub.State == StatePending && sub.Follow == "":
		return "it waits for approval, but the id of its Follow is missing: it must subscribe anew"
	case sub.State != StatePending && sub.State != StateAccepted:
		return "its state is " + sub.State
	}
	return ""
}

// within reports whether a host, or a domain above it, is one of these.
func within(host string, domains map[string]bool) bool {
	for name := range parents(host) {
		if domains[name] {
			return true
		}
	}
	return false
}
