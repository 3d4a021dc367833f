package index

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/index/fresh"
	"tributary/ingest"
)

// Page is a place in a list that is ordered by id, as Mastodon's parameters of the
// same names say it; 0 is unset.
type Page struct {
	MaxID   uint64 // only ids below it
	SinceID uint64 // only ids above it, the newest of them first
	MinID   uint64 // only ids above it, those next to it, the oldest first
	Limit   int    // 0: 20; at most 100
}

const (
	pageDefault = 20
	pageMax     = 100
)

func (p Page) limit() int {
	if p.Limit <= 0 {
		return pageDefault
	}
	return min(p.Limit, pageMax)
}

// Bounds of a question: longer than these and it fails, rather than slow down
// everybody else.
const (
	queryTimeout  = 10 * time.Second
	queryThreads  = 1 // of the server, which has many to answer at once
	queryRowsMost = 20_000
	// Statements at once. More of them than this only take each other's processors and caches; waiting in the
	// order of arrival, nobody waits much longer than others.
	queryTurns = 6
)

// asking gives a question its bounds.
func asking(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_execution_time": int(queryTimeout / time.Second),
		"max_threads":        queryThreads,
		"max_result_rows":    queryRowsMost,
		"do_not_merge_across_partitions_select_final": 1,
		// Parts whose ids all lie beyond the page are not opened.
		"read_in_order_use_virtual_row": 1,
	})), cancel
}

// ask runs a question and hands every row to each.
func (x *Index) ask(ctx context.Context, statement string, each func(driver.Rows) error) error {
	ctx, cancel := asking(ctx)
	defer cancel()
	select {
	case x.turns <- struct{}{}:
		defer func() { <-x.turns }()
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	rows, err := x.conn.Query(ctx, statement)
	if err != nil {
		return unavailable(err)
	}
	defer rows.Close() //nolint:errcheck // its error is that of Err
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

// unavailable marks what is not the asker's fault.
func unavailable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// version is a row of posts as far as lists need it. Without a record it is of
// a post that is gone, or not shown.
type version struct {
	id, seq uint64
	tier    uint8
	arrived time.Time
	record  string
	twice   bool           // there is another row of this version, of a higher tier
	shown   *ingest.Record // the record, decoded, if it is at hand
}

// Columns that a version is read from, with its record and without.
const (
	versionColumns = `id, seq, tier, arrived, record`
	versionAlone   = `id, seq, tier`
)

func (v *version) scan(rows driver.Rows, extra ...any) error {
	if err := rows.Scan(append([]any{&v.id, &v.seq, &v.tier, &v.arrived, &v.record}, extra...)...); err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	return nil
}

func (v *version) decode() (*ingest.Record, error) {
	r, err := ingest.Decode([]byte(v.record))
	if err != nil {
		return nil, err
	}
	r.ID, r.Seq, r.Tier, r.Time = v.id, v.seq, ingest.Tier(v.tier), v.arrived.UTC()
	return r, nil
}

// show returns the record of a version that newest returned.
func (x *Index) show(v *version) (*ingest.Record, error) {
	if v.shown != nil {
		return v.shown, nil
	}
	r, err := v.decode()
	if err == nil {
		x.recent.add(r, len(v.record))
		x.packed.add(v)
	}
	return r, err
}

// Candidates of one round: of the server some more than are wanted, as some may be older
// versions; more and more when most are.
const (
	roundSlack = 8
	roundMost  = 4096
	roundsMost = 6
)

// question says which posts are asked for.
type question struct {
	condition string      // on a row of posts
	least     ingest.Tier // of every row that satisfies it
	// The same for index/fresh: what it finds are the posts that satisfy the condition, or more of which agree
	// tells; nil: the server alone knows.
	query *fresh.Query
	agree func(*ingest.Record) bool // nil: none more
}

// by asks index/fresh for posts of the author only.
func (q *question) by(actor uint64) {
	if q.query != nil {
		q.query.All = append(q.query.All, fresh.Actor(actor))
	}
}

// page returns the posts whose newest version is asked for.
//
// FINAL would do it in one statement, and merge all versions of every post in the
// range to show forty. Here the newest candidates are found in posts, among all
// versions, by indexes alone; then their newest versions are read from records,
// and those count that are the candidates themselves.
//
// Candidates among the newest posts are found in memory.
func (x *Index) page(ctx context.Context, q question, p Page, floor uint64) ([]*ingest.Record, error) {
	r := round{x: x, question: q, lo: max(floor, p.SinceID, p.MinID), hi: p.MaxID, upwards: p.MinID != 0}
	limit := p.limit()
	var found []*ingest.Record
	for range roundsMost {
		r.n = min(max(4*r.n, limit), roundMost)
		news, err := r.next(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, news...)
		if len(found) >= limit {
			return found[:limit], nil
		}
		if r.over {
			return found, nil
		}
	}
	rest, err := r.final(ctx, limit-len(found))
	return append(found, rest...), err
}

// between is the condition on id; hi 0 is unset.
func between(lo, hi uint64) string {
	s := "id > " + number(lo)
	if hi > 0 {
		s += " AND id < " + number(hi)
	}
	return s
}

func direction(upwards bool) string {
	if upwards {
		return "ASC"
	}
	return "DESC"
}

// round looks at the candidates between lo and hi (both exclusive), n of them at
// a time. Two statements are faster than one within another.
type round struct {
	x *Index
	question
	lo, hi  uint64 // what is left; hi 0: unset
	upwards bool
	n       int
	over    bool // nothing is left
}

// next returns the matches among the next n candidates.
func (r *round) next(ctx context.Context) ([]*ingest.Record, error) {
	known := r.x.position.Load() // what is up to here stands in what the candidates are chosen from
	ids, seqs, err := r.candidates(ctx)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	matches, ask := r.x.settled(ids, seqs, known)
	if len(ask) > 0 {
		if err := r.judge(ctx, ask, seqs, known, matches); err != nil {
			return nil, err
		}
	}
	found := make([]*ingest.Record, 0, len(ids))
	for _, id := range ids {
		if record := matches[id]; record != nil && (r.agree == nil || r.agree(record)) {
			found = append(found, record)
		}
	}
	return found, nil
}

// settled returns the records of those candidates that need no question, and the candidates that need one:
// their newest version is not known, or the record is not at hand.
func (x *Index) settled(ids []uint64, seqs map[uint64]uint64, known uint64) (matches map[uint64]*ingest.Record, ask []uint64) {
	matches = make(map[uint64]*ingest.Record, len(ids))
	for _, id := range ids {
		newest, sure := x.latest.of(id)
		switch {
		case !sure || newest > known:
			ask = append(ask, id)
		case newest != 0 && newest != seqs[id]:
			// The newest version stands in posts, and is not what was asked for.
		default:
			if matches[id] = x.atHand(id, seqs[id]); matches[id] == nil {
				ask = append(ask, id)
			}
		}
	}
	return matches, ask
}

// atHand returns the record of a version that is stored once, if it is kept here.
func (x *Index) atHand(id, seq uint64) *ingest.Record {
	if r := x.recent.version(id, seq); r != nil {
		return r
	}
	v := x.packed.version(id, seq)
	if v == nil {
		return nil
	}
	r, err := v.decode()
	if err != nil {
		return nil
	}
	x.recent.add(r, len(v.record))
	return r
}

// judge puts the records of those candidates into matches that are the newest versions of their posts.
func (r *round) judge(ctx context.Context, ids []uint64, seqs map[uint64]uint64, known uint64, matches map[uint64]*ingest.Record) error {
	newest, err := r.x.newest(ctx, ids)
	if err != nil {
		return err
	}
	judged, err := r.judgeAgain(ctx, seqs, newest, known)
	if err != nil {
		return err
	}
	for _, id := range ids {
		v := newest[id]
		if v == nil || ingest.Tier(v.tier) < r.least {
			continue
		}
		if matches, again := judged[id]; again && !matches || !again && v.seq != seqs[id] {
			continue
		}
		if matches[id], err = r.x.show(v); err != nil {
			return err
		}
	}
	return nil
}

// candidates returns the next posts of which a version satisfies the condition,
// with the seq of the newest version that does, and moves on behind them.
func (r *round) candidates(ctx context.Context) (ids []uint64, seqs map[uint64]uint64, err error) {
	if ids, seqs, ok := r.fresh(); ok {
		return ids, seqs, nil
	}
	seen, most, seqs := 0, r.n+roundSlack, map[uint64]uint64{}
	statement := fmt.Sprintf(`SELECT id, seq FROM posts WHERE %s AND %s ORDER BY id %s LIMIT %d`,
		between(r.lo, r.hi), r.condition, direction(r.upwards), most)
	err = r.x.ask(ctx, statement, func(rows driver.Rows) error {
		var id, seq uint64
		if err := rows.Scan(&id, &seq); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		seen++
		if _, again := seqs[id]; !again {
			ids = append(ids, id)
		}
		seqs[id] = max(seqs[id], seq)
		return nil
	})
	if r.over = seen < most; r.over || err != nil {
		return ids, seqs, err
	}
	ids = ids[:len(ids)-1] // versions of the last one may stand behind the limit: the next round looks at it
	if len(ids) > 0 {
		if last := ids[len(ids)-1]; r.upwards {
			r.lo = last
		} else {
			r.hi = last
		}
	}
	return ids, seqs, nil
}

// fresh is candidates among the newest posts; false when there is nothing to find among them.
func (r *round) fresh() (ids []uint64, seqs map[uint64]uint64, ok bool) {
	if r.query == nil {
		return nil, nil, false
	}
	found, next, over, ok := r.x.fresh.Find(r.query, r.lo, r.hi, r.n, r.upwards)
	if !ok {
		return nil, nil, false
	}
	if r.over = over; r.upwards {
		r.lo = next
	} else {
		r.hi = next
	}
	if len(found) < r.n {
		r.n = 0 // the server is asked for few at first, too
	}
	seqs = make(map[uint64]uint64, len(found))
	for _, p := range found {
		ids, seqs[p.ID] = append(ids, p.ID), p.Seq
	}
	return ids, seqs, true
}

// newest reads the newest versions of posts from records. That this is a later moment than
// that of the candidates does no harm: a post that changed in between is judged
// as it is now.
//
// Where most records are at hand, it asks for the versions alone, and then for the few records that are
// not: each post is judged by one answer.
func (x *Index) newest(ctx context.Context, ids []uint64) (map[uint64]*version, error) {
	newest := make(map[uint64]*version, len(ids))
	if !x.recent.haveMost(ids) {
		return newest, x.versions(ctx, versionColumns, ids, newest)
	}
	if err := x.versions(ctx, versionAlone, ids, newest); err != nil {
		return nil, err
	}
	var missing []uint64
	for id, v := range newest {
		if ingest.Tier(v.tier) < ingest.TierLive {
			continue
		}
		if v.shown = x.recent.get(v); v.shown == nil {
			missing = append(missing, id)
			delete(newest, id)
		}
	}
	if len(missing) == 0 {
		return newest, nil
	}
	return newest, x.versions(ctx, versionColumns, missing, newest)
}

// versions puts the newest versions of posts into newest.
func (x *Index) versions(ctx context.Context, columns string, ids []uint64, newest map[uint64]*version) error {
	return x.ask(ctx, `SELECT `+columns+` FROM records WHERE id IN (`+list(ids)+`)`, func(rows driver.Rows) error {
		v := &version{}
		to := []any{&v.id, &v.seq, &v.tier}
		if columns == versionColumns {
			to = append(to, &v.arrived, &v.record)
		}
		if err := rows.Scan(to...); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		switch at := newest[v.id]; {
		case at == nil || at.seq < v.seq:
			newest[v.id] = v
		case at.seq == v.seq && at.tier != v.tier: // stored twice, with a withdrawal in between: the one that shows less counts
			if v.tier < at.tier {
				newest[v.id] = v
			}
			newest[v.id].twice = true
		}
		return nil
	})
}

// judgeAgain asks the condition about posts of which a version came after the
// candidates were chosen, and about those stored twice. Versions up to known were
// there before. A version that stands in records alone is being stored; that before
// it decides.
func (r *round) judgeAgain(ctx context.Context, seqs map[uint64]uint64, newest map[uint64]*version, known uint64) (judged map[uint64]bool, err error) {
	var again []uint64
	for id, v := range newest {
		if ingest.Tier(v.tier) >= r.least && (v.twice || v.seq > max(known, seqs[id])) {
			again = append(again, id)
		}
	}
	if len(again) == 0 {
		return nil, nil
	}
	judged = map[uint64]bool{}
	statement := `SELECT id, toUInt8(` + r.condition + `) AS matches FROM posts WHERE id IN (` + list(again) + `) ORDER BY id, seq DESC, tier LIMIT 1 BY id`
	return judged, r.x.ask(ctx, statement, func(rows driver.Rows) error {
		var (
			id      uint64
			matches uint8
		)
		if err := rows.Scan(&id, &matches); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		judged[id] = matches == 1
		return nil
	})
}

// final is for where thousands of candidates in a row are gone, as after the
// withdrawal of a busy server: slower, and done in one step.
func (r *round) final(ctx context.Context, n int) (found []*ingest.Record, err error) {
	var ids []uint64
	statement := fmt.Sprintf(`SELECT id FROM posts FINAL WHERE %s AND %s ORDER BY id %s LIMIT %d`,
		between(r.lo, r.hi), r.condition, direction(r.upwards), n)
	err = r.x.ask(ctx, statement, func(rows driver.Rows) error {
		var id uint64
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		ids = append(ids, id)
		return nil
	})
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	newest, err := r.x.newest(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if v := newest[id]; v != nil && ingest.Tier(v.tier) >= r.least {
			record, err := r.x.show(v)
			if err != nil {
				return nil, err
			}
			found = append(found, record)
		}
	}
	return found, nil
}

// all joins conditions.
func all(conditions []string) string { return "(" + strings.Join(conditions, " AND ") + ")" }
