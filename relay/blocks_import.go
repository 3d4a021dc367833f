package relay

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"tributary/ingest"
)

// Imported is what the import of a block-list did, or would do.
type Imported struct {
	Affected         // Hosts: blocked ones of which something is here
	New      []Block // that were not there before
	Known    int     // domains that were blocked already, by themselves or by one above
}

// AffectedByAll says what BlockAll would do, and changes nothing.
func (r *Relay) AffectedByAll(ctx context.Context, blocks []Block) (Imported, error) {
	var done Imported
	domains := make([]string, 0, len(blocks))
	for _, b := range blocks {
		if b.Scope != ingest.ScopeDomain {
			return Imported{}, fmt.Errorf("relay: importing blocks: %s: %w", b.Key, ErrBlockKey)
		}
		if r.blocks.own(b.Key) {
			done.Known++
			continue
		}
		domains = append(domains, b.Key)
		done.New = append(done.New, b)
	}
	affected, err := r.affectedBy(ctx, domains, func(string) bool { return false })
	done.Affected = affected
	return done, err
}

// affectedBy says whom a block of many domains would concern, but for the hosts that are
// spared.
func (r *Relay) affectedBy(ctx context.Context, list []string, spared func(host string) bool) (Affected, error) {
	if len(list) == 0 {
		return Affected{}, nil
	}
	domains := make(map[string]bool, len(list))
	for _, domain := range list {
		domains[domain] = true
	}
	covered := func(host string) bool {
		for name := range parents(host) {
			if domains[name] {
				return !spared(host)
			}
		}
		return false
	}
	var a Affected
	hosts := make(map[string]bool)
	for _, sub := range r.subscriptions.List() {
		if covered(sub.Host) {
			a.Subscribers = append(a.Subscribers, sub)
			hosts[sub.Host] = true
		}
	}
	err := r.eachAuthor(ctx, func(uri string) {
		if host := hostOf(uri); covered(host) {
			hosts[host] = true
			a.Authors++
		}
	})
	a.Hosts = slices.Sorted(maps.Keys(hosts))
	return a, err
}

// BlockAll refuses many domains from now on, ends their subscriptions and withdraws
// what is there of them. The order of writes is that of Block; the same call again
// completes what a crash left: until then what is there of a host is still shown.
func (r *Relay) BlockAll(ctx context.Context, blocks []Block) (Imported, error) {
	done, err := r.AffectedByAll(ctx, blocks)
	if err != nil {
		return Imported{}, err
	}
	err = r.blocks.addAll(ctx, done.New, func(tx *sql.Tx) error {
		for _, sub := range done.Subscribers {
			if err := r.subscriptions.endOne(ctx, tx, sub.Actor, true); err != nil {
				return err
			}
		}
		return nil
	})
	if err := r.subscriptions.settled(ctx, "ending the subscriptions of blocked servers", err); err != nil {
		return Imported{}, err
	}
	for _, host := range done.Hosts {
		block, _ := r.blocks.Host(host)
		if err := r.admission.Withdraw(ctx, ingest.ScopeDomain, host, ingest.TierNone, block.Reason); err != nil {
			return Imported{}, fmt.Errorf("relay: the list is blocked, but what %s sent before is not withdrawn yet; block it once more by itself: %w", host, err)
		}
	}
	r.log.InfoContext(ctx, "blocks imported", "blocks", len(done.New), "subscribers", len(done.Subscribers), "authors", done.Authors)
	return done, nil
}
