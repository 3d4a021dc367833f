package relay

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"tributary/ingest"
)

// Affected is whom a block concerns.
type Affected struct {
	Subscribers []Subscriber // their subscriptions end
	Hosts       []string     // the blocked domain and those below it that we know; nil for an actor and a software
	Authors     int          // authors whose posts were taken from there
}

// Affected says whom a block concerns, and changes nothing.
func (r *Relay) Affected(ctx context.Context, b Block) (Affected, error) {
	var a Affected
	for _, sub := range r.subscriptions.List() {
		if b.Covers(sub.Host, sub.Actor) || b.Scope == ScopeSoftware && sub.Software.Name == b.Key && sub.active() {
			a.Subscribers = append(a.Subscribers, sub)
		}
	}
	if b.Scope == ScopeSoftware {
		return a, nil
	}
	hosts, authors, err := r.authorsUnder(ctx, b)
	if err != nil {
		return Affected{}, err
	}
	a.Authors = authors
	if b.Scope != ingest.ScopeDomain {
		return a, nil
	}
	hosts[b.Key] = true
	for _, sub := range a.Subscribers {
		hosts[sub.Host] = true
	}
	a.Hosts = slices.Sorted(maps.Keys(hosts))
	return a, nil
}

// authorsUnder counts the authors that a block covers, and their hosts.
func (r *Relay) authorsUnder(ctx context.Context, b Block) (hosts map[string]bool, n int, err error) {
	hosts = make(map[string]bool)
	err = r.eachAuthor(ctx, func(uri string) {
		if host := hostOf(uri); b.Covers(host, uri) {
			hosts[host] = true
			n++
		}
	})
	return hosts, n, err
}

// eachAuthor reads through all authors: an operator's action, not a request's.
func (r *Relay) eachAuthor(ctx context.Context, f func(uri string)) error {
	rows, err := r.db.Read().QueryContext(ctx, `SELECT uri FROM authors`)
	if err != nil {
		return fmt.Errorf("relay: listing authors: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var uri string
		if err := rows.Scan(&uri); err != nil {
			return fmt.Errorf("relay: listing authors: %w", err)
		}
		f(uri)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("relay: listing authors: %w", err)
	}
	return nil
}

// Block refuses a domain or an actor from now on, ends its subscriptions and
// withdraws what is there of it. Of a software it withdraws nothing: what a server runs
// is its own word, and a withdrawal is for good.
//
// The row is committed first, with the end of the subscriptions, so that nothing
// new comes in between; then the withdrawals are appended. If that fails, or the
// process is killed before it, the block stands and what was there is still
// shown: the error says so, and the same call again completes it.
func (r *Relay) Block(ctx context.Context, b Block) (Affected, error) {
	affected, err := r.Affected(ctx, b)
	if err != nil {
		return Affected{}, err
	}
	err = r.blocks.add(ctx, b, func(tx *sql.Tx) error {
		for _, sub := range affected.Subscribers {
			if err := r.subscriptions.endOne(ctx, tx, sub.Actor, true); err != nil {
				return err
			}
		}
		return nil
	})
	if err := r.subscriptions.settled(ctx, "ending the subscriptions of "+b.Key, err); err != nil {
		return Affected{}, err
	}
	keys := affected.Hosts // none of a software
	if b.Scope == ingest.ScopeActor {
		keys = []string{b.Key}
	}
	for _, key := range keys {
		if err := r.admission.Withdraw(ctx, b.Scope, key, ingest.TierNone, b.Reason); err != nil {
			return Affected{}, fmt.Errorf("relay: %s is blocked, but what it sent before is not withdrawn yet; block it again: %w", b.Key, err)
		}
	}
	r.log.InfoContext(ctx, "blocked", "key", b.Key, "subscribers", len(affected.Subscribers), "authors", affected.Authors)
	return affected, nil
}

// blockOf returns the block that covers an actor or an object: its own, its host's, or
// that of the software that its host says it runs.
func (r *Relay) blockOf(uri string) (Block, bool) {
	if block, ok := r.blocks.Actor(uri); ok || !r.blocks.bySoftware() {
		return block, ok
	}
	return r.blocks.Software(r.subscriptions.Software(hostOf(uri)).Name)
}

// Blocked reports whether nothing of an actor or an object is taken.
func (r *Relay) Blocked(uri string) bool {
	_, blocked := r.blockOf(uri)
	return blocked
}

// endBlocked ends the subscriptions of who is blocked: when what a server runs is found
// out after it subscribed, and when it subscribed at a node that did not know the block yet.
func (r *Relay) endBlocked(ctx context.Context) error {
	var actors []string
	for _, sub := range r.subscriptions.List() {
		block, ok := r.blocks.Software(sub.Software.Name)
		if !ok {
			block, ok = r.blocks.Actor(sub.Actor)
		}
		if ok && !block.Own() && sub.active() {
			actors = append(actors, sub.Actor)
			r.log.InfoContext(ctx, "a subscription of who is blocked ends", "actor", sub.Actor, "block", block.Key)
		}
	}
	if len(actors) == 0 {
		return nil
	}
	return r.subscriptions.end(ctx, actors, true, nothing)
}

// Unblock lets a domain, an actor or a software in again. What was withdrawn stays so.
func (r *Relay) Unblock(ctx context.Context, scope ingest.Scope, key string) error {
	return r.blocks.remove(ctx, scope, key, "", nothing)
}
