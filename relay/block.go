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
	Hosts       []string     // the blocked domain and those below it that we know; nil for an actor
	Authors     int          // authors whose posts were taken from there
}

// Affected says whom a block concerns, and changes nothing.
func (r *Relay) Affected(ctx context.Context, b Block) (Affected, error) {
	var a Affected
	for _, sub := range r.subscriptions.List() {
		if b.Covers(sub.Host, sub.Actor) {
			a.Subscribers = append(a.Subscribers, sub)
		}
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
// withdraws what is there of it.
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
	keys := affected.Hosts
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

// Unblock lets a domain or an actor in again. What was withdrawn stays so.
func (r *Relay) Unblock(ctx context.Context, scope ingest.Scope, key string) error {
	return r.blocks.remove(ctx, scope, key, "", nothing)
}
