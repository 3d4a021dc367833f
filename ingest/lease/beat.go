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
func (s sightings) look(rows table, self string, now time.Time) map[string]sighting {
	dead := make(map[string]sighting)
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
			dead[r.node] = *was
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

// moved are those that live.
func (s sightings) moved() map[string]bool {
	all := make(map[string]bool)
	for node, x := range s {
		if x.moved {
			all[node] = true
		}
	}
	return all
}

// watch renews our row and looks at those of the others, once. Neither waits for the
// writers of the database, whose transactions may take long.
func (k *Keeper) watch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ttl-margin)
	defer cancel()
	k.mu.Lock()
	life := k.life
	began, expires := k.token()
	k.mu.Unlock()
	ours, err := renew(ctx, k.db, k.node, life, expires)
	if err != nil {
		return err
	}
	if ours {
		k.mu.Lock()
		k.extend(began)
		k.mu.Unlock()
	}
	rows, err := readTable(ctx, k.db.Read())
	if err != nil {
		return err
	}
	now := time.Now()
	if now.Sub(k.looked) > ttl/2 {
		k.sightings.again(now)
	}
	k.looked = now
	k.seen(k.sightings.look(rows, k.node, now), k.sightings.moved(), ours)
	return nil
}

// seen tells the others of this process what watch saw.
func (k *Keeper) seen(dead map[string]sighting, proven map[string]bool, ours bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !ours || len(dead) > 0 || !maps.Equal(proven, k.proven) {
		k.poke()
	}
	k.dead, k.proven = dead, proven
	k.tell()
}

// token is the time, and what our row shall say it expires at: never the same twice.
// k.mu is held.
func (k *Keeper) token() (now time.Time, expires int64) {
	now = time.Now()
	k.expires = max(k.expires+1, now.Add(ttl).UnixMilli())
	return now, k.expires
}

// round is one deal: what it starts from, and what it comes to.
type round struct {
	k     *Keeper
	began time.Time
	life  int64

	expires int64
	dead    map[string]sighting

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

// deal settles what is to take and what to hand over, in one transaction. It is called by
// one goroutine at a time.
func (k *Keeper) deal(ctx context.Context) error {
	r := k.round()
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

func (k *Keeper) round() *round {
	k.mu.Lock()
	defer k.mu.Unlock()
	began, expires := k.token()
	r := &round{
		k: k, began: began, expires: expires, life: k.life, dead: maps.Clone(k.dead), returned: append([]Term(nil), k.returned...),
		wants: make(map[string]int), serving: make(map[string]Term), ending: make(map[string]bool), proven: maps.Clone(k.proven),
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
	rows, err := readTable(ctx, tx)
	if err != nil {
		return err
	}
	if err := r.enter(ctx, tx, rows); err != nil {
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
	for node, seen := range r.dead {
		if !rows.there(node) {
			continue
		}
		if gone, err := rows.lay(ctx, tx, node, seen); err != nil || !gone {
			if err != nil {
				return err
			}
			continue
		}
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
	for kind, shards := range r.wants {
		r.share(rows, changed, kind, shards)
	}
	return hold(ctx, tx, slices.Collect(maps.Values(changed)))
}

// enter makes our node's row if there is none: at the start, and when we stood still for so
// long that others took it out.
func (r *round) enter(ctx context.Context, tx *sql.Tx, rows table) (err error) {
	k := r.k
	ours, there := rows[nodePrefix+k.node]
	switch {
	case r.life == 0:
	case !there:
		k.log.Error("our row was taken out: we stood still for too long")
	case ours.generation != r.life:
		return ErrName // it began later; two that took the name from each other in turn would both act
	default:
		return nil
	}
	r.entered = true
	if r.life, err = enter(ctx, tx, k.node, r.began.UnixMicro(), r.expires); err != nil {
		return err
	}
	rows[nodePrefix+k.node] = row{name: nodePrefix + k.node, node: k.node, generation: r.life, expires: r.expires}
	return nil
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

// share looks at each share of a kind, and notes what shall stand in the table.
func (r *round) share(rows table, changed map[string]row, kind string, shards int) {
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
			case heir != k.node && r.proven[heir] && rows.there(heir):
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
	k.life = r.life
	k.returned = k.returned[len(r.returned):]
	if r.entered {
		k.extend(r.began)
	}
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
	k.tell()
}

// tell wakes who waits for news; k.mu is held.
func (k *Keeper) tell() {
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
