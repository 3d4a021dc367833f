package index

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

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
)

// asking gives a question its bounds.
func asking(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_execution_time": int(queryTimeout / time.Second),
		"max_threads":        queryThreads,
		"max_result_rows":    queryRowsMost,
		"do_not_merge_across_partitions_select_final": 1,
	})), cancel
}

// ask runs a question and hands every row to each.
func (x *Index) ask(ctx context.Context, statement string, each func(driver.Rows) error) error {
	ctx, cancel := asking(ctx)
	defer cancel()
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

// versionColumns are those that scanVersion reads.
const versionColumns = `id, seq, deleted, tier, arrived, record`

// scanVersion reads a version, and whether it is one that counts.
func scanVersion(rows driver.Rows, extra ...any) (r *ingest.Record, id uint64, err error) {
	var (
		seq           uint64
		deleted, tier uint8
		arrived       time.Time
		record        string
	)
	if err := rows.Scan(append([]any{&id, &seq, &deleted, &tier, &arrived, &record}, extra...)...); err != nil {
		return nil, id, fmt.Errorf("scan: %w", err)
	}
	if deleted == 1 || record == "" {
		return nil, id, nil
	}
	if r, err = ingest.Decode([]byte(record)); err != nil {
		return nil, id, err
	}
	r.ID, r.Seq, r.Tier, r.Time = id, seq, ingest.Tier(tier), arrived.UTC()
	return r, id, nil
}

// Candidates of one round: some more than are wanted, as some may be older
// versions; more and more when most are.
const (
	roundSlack = 8
	roundMost  = 4096
	roundsMost = 6
)

// page returns the posts whose newest version satisfies the condition.
//
// FINAL would do it in one statement, and merge all versions of every post in the
// range to show forty. Here the newest candidates are found among all versions by
// indexes alone; then their newest versions are asked the condition again. That
// the two statements see different moments does no harm: a post that changed in
// between is judged as it is now. A version that was stored twice, before a crash
// and after it, may stand there with two tiers: the lower one knows of a withdrawal
// in between, and counts.
func (x *Index) page(ctx context.Context, condition string, p Page, floor uint64) ([]*ingest.Record, error) {
	lo, hi := max(floor, p.SinceID, p.MinID), p.MaxID // both exclusive
	limit, upwards := p.limit(), p.MinID != 0
	var found []*ingest.Record
	for round, n := 0, limit+roundSlack; round < roundsMost; round++ {
		news, seen, last, err := x.round(ctx, condition, lo, hi, n, upwards)
		if err != nil {
			return nil, err
		}
		found = append(found, news...)
		if len(found) >= limit {
			return found[:limit], nil
		}
		if seen < n {
			return found, nil
		}
		if upwards {
			lo = last
		} else {
			hi = last
		}
		n = min(4*n, roundMost)
	}
	rest, err := x.final(ctx, condition, lo, hi, limit-len(found), upwards)
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

// round looks at the next n candidates, and returns the matches, how many there
// were, and the last one's id. Two statements are faster than one within another.
func (x *Index) round(ctx context.Context, condition string, lo, hi uint64, n int, upwards bool) (found []*ingest.Record, seen int, last uint64, err error) {
	d := direction(upwards)
	var ids []uint64
	candidates := fmt.Sprintf(`SELECT id FROM posts WHERE %s AND deleted = 0 AND %s ORDER BY id %s LIMIT %d`, between(lo, hi), condition, d, n)
	err = x.ask(ctx, candidates, func(rows driver.Rows) error {
		seen++
		if err := rows.Scan(&last); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		if len(ids) == 0 || ids[len(ids)-1] != last {
			ids = append(ids, last)
		}
		return nil
	})
	if err != nil || len(ids) == 0 {
		return nil, seen, last, err
	}
	newest := fmt.Sprintf(`SELECT %s, toUInt8(%s) AS matches FROM posts WHERE id IN (%s) ORDER BY id %s, seq DESC, tier LIMIT 1 BY id`,
		versionColumns, condition, list(ids), d)
	err = x.ask(ctx, newest, func(rows driver.Rows) error {
		var matches uint8
		r, _, err := scanVersion(rows, &matches)
		if r != nil && matches == 1 {
			found = append(found, r)
		}
		return err
	})
	return found, seen, last, err
}

// final is for where thousands of candidates in a row are gone, as after the
// withdrawal of a busy server: slower, and done in one step.
func (x *Index) final(ctx context.Context, condition string, lo, hi uint64, n int, upwards bool) (found []*ingest.Record, err error) {
	statement := fmt.Sprintf(`SELECT %s FROM posts FINAL WHERE %s AND %s ORDER BY id %s LIMIT %d`,
		versionColumns, between(lo, hi), condition, direction(upwards), n)
	err = x.ask(ctx, statement, func(rows driver.Rows) error {
		r, _, err := scanVersion(rows)
		if r != nil {
			found = append(found, r)
		}
		return err
	})
	return found, err
}

// all joins conditions.
func all(conditions []string) string { return "(" + strings.Join(conditions, " AND ") + ")" }
