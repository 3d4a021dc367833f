package lease

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
)

// sighting is what we know of another node's row.
type sighting struct {
	life, expires int64     // the row
	since         time.Time // when it was first seen so, by our monotonic clock
	moved         bool      // it was seen to change: the node lives
}

type sightings map[string]*sighting

// look compares the table with what was seen before, and returns who is dead.
func (s sightings) look(rows table, self string, now time.Time) (dead []string) {
	for node := range s {
		if !rows.there(node) {
			delete(s, node)
		}
	}
	for name, r := range rows {
		if !strings.HasPrefix(name, nodePrefix) || r.node == self {
			continue
		}
		was := s[r.node]
		switch {
		case was == nil:
			s[r.node] = &sighting{life: r.generation, expires: r.expires, since: now}
		case was.life != r.generation || was.expires != r.expires:
			*was = sighting{life: r.generation, expires: r.expires, since: now, moved: true}
		case now.Sub(was.since) >= ttl:
			dead = append(dead, r.node)
		}
	}
	return dead
}

// again begins the waiting anew: nobody looked for a while.
func (s sightings) again(now time.Time) {
	for _, x := range s {
		x.since = now
	}
}

// round is one beat: what it starts from, and what it comes to.
type round struct {
	k     *Keeper
	began time.Time
	life  int64

	wants    map[string]int  // shards by kind
	serving  map[string]Term // by share
	ending   map[string]bool // of them, those that were told to end
	returned []Term

	entered bool // our node's row is a new one: nothing is ours
	nodes   int
	proven  map[string]bool
	taken   []Term
	hand    []Term
	lost    []Term
}

// beat renews our row and settles what is to take and what to hand over, in one
// transaction. It is called by one goroutine at a time.
func (k *Keeper) beat(ctx context.Context) error {
	r := k.round()
	if last := k.lastLook(); r.began.Sub(last) > ttl/2 {
		k.sightings.again(r.began)
	}
	err := k.db.Write(ctx, func(tx *sql.Tx) error { return r.write(ctx, tx) })
	if errors.Is(err, ErrName) {
		k.endAll()
	}
	if err != nil {
		return err
	}
	k.apply(r)
	return nil
}

// lastLook is when the table was looked at last.
func (k *Keeper) lastLook() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.until.Add(margin - ttl)
}

func (k *Keeper) round() *round {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := &round{
		k: k, began: time.Now(), life: k.life, returned: append([]Term(nil), k.returned...),
		wants: make(map[string]int), serving: make(map[string]Term), ending: make(map[string]bool), proven: make(map[string]bool),
	}
	for kind, c := range k.claims {
		r.wants[kind] = c.shards
		for _, x := range c.terms {
			r.serving[x.name], r.ending[x.name] = x.Term, x.ending
		}
	}
	return r
}

func (r *round) write(ctx context.Context, tx *sql.Tx) error {
	if err := r.renew(ctx, tx); err != nil {
		return err
	}
	rows, err := readTable(ctx, tx)
	if err != nil {
		return err
	}
	changed := make(map[string]row)
	for _, t := range r.returned {
		if x := rows[t.name]; x.node == r.k.node && x.generation == t.Generation {
			x.node = ""
			rows[t.name], changed[t.name] = x, x
		}
	}
	if err := r.say(ctx, tx, rows); err != nil {
		return err
	}
	for _, node := range r.k.sightings.look(rows, r.k.node, time.Now()) {
		r.k.log.Warn("a node is gone", "gone", node)
		if err := rows.bury(ctx, tx, node); err != nil {
			return err
		}
	}
	for name := range rows {
		if strings.HasPrefix(name, nodePrefix) {
			r.nodes++
		}
	}
	for node, x := range r.k.sightings {
		r.proven[node] = x.moved && rows.there(node)
	}
	r.proven[r.k.node] = true
	for kind, shards := range r.wants {
		r.deal(rows, changed, kind, shards)
	}
	return hold(ctx, tx, slices.Collect(maps.Values(changed)))
}

func (r *round) renew(ctx context.Context, tx *sql.Tx) (err error) {
	k := r.k
	k.token = max(k.token+1, r.began.Add(ttl).UnixMilli())
	if r.life != 0 {
		if ok, err := renew(ctx, tx, k.node, r.life, k.token); ok || err != nil {
			return err
		}
		if taken, err := named(ctx, tx, k.node); err != nil {
			return err
		} else if taken {
			return ErrName // it began later; two that took the name from each other in turn would both act
		}
		k.log.Error("our row was taken out: we stood still for too long")
	}
	r.entered = true
	r.life, err = enter(ctx, tx, k.node, r.began.UnixMicro(), k.token)
	return err
}

// say writes what our node wants, where the table does not say it.
func (r *round) say(ctx context.Context, tx *sql.Tx, rows table) error {
	k := r.k
	ours := make(map[string]bool)
	for kind := range r.wants {
		ours[wantsName(kind, k.node)] = true
	}
	if k.isJoined() {
		ours[openedPrefix+k.node] = true
	}
	for name := range ours {
		if rows[name].generation == r.life {
			continue
		}
		if err := say(ctx, tx, name, k.node, r.life); err != nil {
			return err
		}
		rows[name] = row{name: name, node: k.node, generation: r.life}
	}
	for name, x := range rows {
		if strings.HasPrefix(name, wantsPrefix) && x.node == k.node && !ours[name] {
			if err := remove(ctx, tx, name); err != nil {
				return err
			}
			delete(rows, name)
		}
	}
	return nil
}

// deal looks at each share of a kind, and notes what shall stand in the table.
func (r *round) deal(rows table, changed map[string]row, kind string, shards int) {
	k := r.k
	members := rows.said(wantsPrefix + kind + "/")
	for shard := range shards {
		name := shareName(kind, shard, shards)
		at := rows[name]
		mine := at.node == k.node
		heir := k.node // of a kind with one shard: whoever comes first, for as long as it lives
		if shards > 1 {
			heir = rendezvous(name, members)
		}
		if t, served := r.serving[name]; served {
			switch {
			case r.ending[name]:
			case r.entered || !mine || at.generation != t.Generation:
				r.lost = append(r.lost, t)
			case heir != k.node && r.proven[heir]:
				r.hand = append(r.hand, t)
			}
			continue
		}
		if !mine && rows.there(at.node) {
			continue
		}
		switch {
		case heir == k.node:
			changed[name] = row{name: name, node: k.node, generation: at.generation + 1}
			r.taken = append(r.taken, Term{Shard: shard, Generation: at.generation + 1, keeper: k, kind: kind, name: name})
		case mine && r.proven[heir]: // of our life before this one
			changed[name] = row{name: name, generation: at.generation}
		}
	}
}

// rendezvous is the member that a share belongs to: it changes for few shares when
// members come and go.
func rendezvous(name string, members []string) (heir string) {
	var most uint64
	for _, node := range members {
		if x := xxhash.Sum64String(strconv.Itoa(len(node)) + node + name); heir == "" || x > most || x == most && node > heir {
			heir, most = node, x
		}
	}
	return heir
}

// apply carries out what was committed.
func (k *Keeper) apply(r *round) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.life, k.proven = r.life, r.proven
	k.returned = k.returned[len(r.returned):]
	k.extend(r.began)
	for _, t := range r.lost {
		k.end(t, ErrLost)
	}
	for _, t := range r.hand {
		k.end(t, ErrHandover)
	}
	inTime := time.Now().Before(k.until)
	for _, t := range r.taken {
		if inTime {
			k.begin(t)
		} // otherwise the next beat finds it ours and not served
	}
	if len(r.taken)+len(r.hand)+len(r.lost) > 0 {
		k.log.Info("shares of the work have moved", "taken", len(r.taken), "handed_over", len(r.hand), "lost", len(r.lost), "nodes", r.nodes)
	}
	k.metrics.there(r.nodes)
	close(k.beaten)
	k.beaten = make(chan struct{})
}

// end asks a term to end; k.mu is held.
func (k *Keeper) end(t Term, why error) {
	c := k.claims[t.kind]
	if c == nil {
		return
	}
	if x := c.terms[t.Shard]; x != nil && x.Generation == t.Generation {
		x.ending = true
		x.end(why)
	}
}
