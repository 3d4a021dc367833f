package lease

import (
	"context"
	"database/sql"
	"fmt"
)

// Opening is the right to compare the log with the state database and to change
// what they say of each other, alone. nil: other nodes read the log already.
type Opening struct {
	Term
}

// Join waits until this node may open the log. The first node that opens it gets an
// Opening and calls Done when the two agree; while it works the others wait. Later
// ones get nil: they read on from what the state database says.
//
// From the first node's Done until the last node's end, at least one node that has
// joined is there at any time: whatever happens to the log meanwhile is seen by one
// that was reading it. Join does not believe the row of a node that it has not seen
// renewed; it waits until that is renewed, or for ttl.
//
// A crash of the first node before Done: the others wait for ttl, then one of them
// is the first.
func (k *Keeper) Join(ctx context.Context) (*Opening, error) {
	if k.isAlone() {
		return &Opening{}, nil
	}
	for told := false; ; told = true {
		k.mu.Lock()
		beaten := k.beaten
		k.mu.Unlock()
		opening, done, err := k.tryJoin(ctx)
		if err != nil || done {
			return opening, err
		}
		if !told {
			k.log.Info("waiting for word of the other nodes before the log is opened")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-beaten:
		}
	}
}

func (k *Keeper) tryJoin(ctx context.Context) (opening *Opening, done bool, err error) {
	k.mu.Lock()
	life, proven := k.life, k.proven
	k.mu.Unlock()
	err = k.db.Write(ctx, func(tx *sql.Tx) error {
		rows, err := readTable(ctx, tx)
		if err != nil {
			return err
		}
		if rows[nodePrefix+k.node].generation != life {
			return nil // the next beat puts that right
		}
		others := 0
		for _, node := range rows.said(openedPrefix) {
			switch {
			case node == k.node:
			case proven[node]:
				done = true
				return say(ctx, tx, openedPrefix+k.node, k.node, life)
			default:
				others++
			}
		}
		held := rows[openingName]
		if others > 0 || held.node != k.node && rows.there(held.node) {
			return nil
		}
		done = true
		opening = &Opening{Term{Generation: held.generation + 1, keeper: k, kind: openingName, name: openingName}}
		return say(ctx, tx, openingName, k.node, held.generation+1)
	})
	if err != nil {
		return nil, false, fmt.Errorf("lease: join: %w", err)
	}
	if done && opening == nil {
		k.setJoined()
	}
	return opening, done, nil
}

// Alone says that there is nobody to share with: the right has no end.
func (o *Opening) Alone() bool { return o.keeper == nil }

// Done says that log and state database agree, and lets the other nodes in.
func (o *Opening) Done(ctx context.Context) error {
	k := o.keeper
	if k == nil {
		return nil
	}
	k.mu.Lock()
	life := k.life
	k.mu.Unlock()
	err := k.db.Write(ctx, func(tx *sql.Tx) error {
		if err := o.Check(ctx, tx); err != nil {
			return err
		}
		if err := say(ctx, tx, openedPrefix+k.node, k.node, life); err != nil {
			return err
		}
		return say(ctx, tx, openingName, "", o.Generation)
	})
	if err != nil {
		return fmt.Errorf("lease: open: %w", err)
	}
	k.setJoined()
	return nil
}

// Last reports in a transaction whether no other node reads the log.
func (k *Keeper) Last(ctx context.Context, tx *sql.Tx) (bool, error) {
	if k.isAlone() {
		return true, nil
	}
	rows, err := readTable(ctx, tx)
	if err != nil {
		return false, err
	}
	for _, node := range rows.said(openedPrefix) {
		if node != k.node {
			return false, nil
		}
	}
	return true, nil
}

func (k *Keeper) isJoined() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.joined
}

func (k *Keeper) setJoined() {
	k.mu.Lock()
	k.joined = true
	k.mu.Unlock()
}
