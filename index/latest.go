package index

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/ingest"
)

// Bounds of latest: how many posts are looked through at the start, and how many are kept in mind.
const (
	latestReach = 2_000_000
	latestMost  = 200_000
)

// latest knows of the newer posts which have more than one version, and which is the newest, so that a page
// need not ask for it: few posts are ever edited or deleted. It says nothing until it was
// loaded, and it is loaded only where nobody else writes.
//
// What is to be stored is added before it is stored: until the index has got there, a version is ahead of
// the posts that questions find, and they ask.
type latest struct {
	mu    sync.Mutex
	on    bool
	floor uint64            // it says nothing about ids below
	seqs  map[uint64]uint64 // newest version of a post that has several; 0: ask
	most  int
}

// later is a version that may not be a post's only one. Its seq is 0 where the row of a version may stand
// twice, with a withdrawal in between.
type later struct{ id, seq uint64 }

func newLatest() *latest { return &latest{seqs: map[uint64]uint64{}, most: latestMost} }

// of says what is known about a post: nothing, or the seq of its newest version, 0 if it has only one.
func (l *latest) of(id uint64) (newest uint64, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on || id < l.floor {
		return 0, false
	}
	newest, several := l.seqs[id]
	return newest, !several || newest != 0
}

func (l *latest) add(all ...later) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range all {
		l.put(v)
	}
}

func (l *latest) put(v later) {
	if v.id < l.floor {
		return
	}
	at, several := l.seqs[v.id]
	switch {
	case several && at == 0:
		return
	case v.seq == 0:
		l.seqs[v.id] = 0
	default:
		l.seqs[v.id] = max(at, v.seq)
	}
	if len(l.seqs) > l.most {
		l.forget()
	}
}

// forget lets go of the older half.
func (l *latest) forget() {
	ids := make([]uint64, 0, len(l.seqs))
	for id := range l.seqs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	l.floor = ids[len(ids)/2]
	for _, id := range ids[:len(ids)/2] {
		delete(l.seqs, id)
	}
}

// load reads what is stored. What is added meanwhile counts too.
func (l *latest) load(ctx context.Context, conn driver.Conn) error {
	ctx, cancel := writing(ctx)
	defer cancel()
	floor, err := oldestWithin(ctx, conn, latestReach)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.floor = max(l.floor, floor)
	l.mu.Unlock()
	// A version may stand in one of the tables alone: it is being stored, or the other one has been merged.
	for _, table := range []string{"posts", "records"} {
		if err := l.loadFrom(ctx, conn, table, floor); err != nil {
			return err
		}
	}
	l.mu.Lock()
	l.on = true
	l.mu.Unlock()
	return nil
}

// oldestWithin returns the id that so many versions stand above, 0 if there are fewer.
func oldestWithin(ctx context.Context, conn driver.Conn, versions int) (id uint64, err error) {
	statement := fmt.Sprintf(`SELECT max(id) FROM (SELECT id FROM posts ORDER BY id DESC LIMIT 1 OFFSET %d)`, versions)
	if err := conn.QueryRow(ctx, statement).Scan(&id); err != nil {
		return 0, fmt.Errorf("index: load versions: %w", err)
	}
	return id, nil
}

func (l *latest) loadFrom(ctx context.Context, conn driver.Conn, table string, floor uint64) error {
	// Of rows of one version, the higher and the lower tier (below 8) tell whether it stands twice.
	rows, err := conn.Query(ctx, `SELECT id, max(8 * seq + tier) AS high, max(8 * seq + bitXor(tier, 7)) AS low FROM `+table+` WHERE id >= `+number(floor)+`
GROUP BY id HAVING count() > 1 SETTINGS optimize_aggregation_in_order = 1`)
	if err != nil {
		return fmt.Errorf("index: load versions: %w", err)
	}
	defer rows.Close() //nolint:errcheck // its error is that of Err
	for rows.Next() {
		var id, high, low uint64
		if err := rows.Scan(&id, &high, &low); err != nil {
			return fmt.Errorf("index: load versions: %w", err)
		}
		v := later{id, high / 8}
		if high%8+low%8 != 7 {
			v.seq = 0
		}
		l.add(v)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("index: load versions: %w", err)
	}
	return nil
}

// only reports whether a record is the first one about a post: the id says which that was.
func only(r *ingest.Record) bool {
	return r.Kind == ingest.KindCreate && r.ID == firstID(r.Time)|r.Seq&idSeqMask
}

// loaded reports whether it says something.
func (l *latest) loaded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.on
}

// loadLatest loads it if nobody else writes. Without it, questions only cost more.
func (x *Index) loadLatest(ctx context.Context) {
	begun := time.Now()
	if err := x.latest.load(ctx, x.conn); err != nil {
		if ctx.Err() == nil {
			x.log.Warn("versions of posts cannot be loaded, trying again; every question asks for them", "err", err)
		}
		return
	}
	x.log.Debug("versions of posts are loaded", "took", time.Since(begun).String())
}
