package index

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// TagTrend is a hashtag and its use.
type TagTrend struct {
	Name    string   // folded
	History []TagDay // the last seven days, newest first
}

// TagDay is the use of a hashtag on a day, UTC. What fewer than five authors used
// is not told, and stands as 0.
type TagDay struct {
	Day      time.Time // its beginning
	Uses     uint64
	Accounts uint64
}

const (
	historyDays = 7
	groupLeast  = 5 // authors that a number has to stand for
)

// What trends is compared with what was usual: authors of the last hours against
// those of as many hours of the day before.
const (
	trendHours = 4
	usualHours = 24
)

// TrendingTags returns the hashtags whose authors of the last four hours are many
// more than usual: (now − usual)² / usual.
func (x *Index) TrendingTags(ctx context.Context, limit, offset int) ([]TagTrend, error) {
	defer x.metrics.query("trends", time.Now())
	found, err := x.trends.get(ctx, x.now(), x.tune.trendsKept, x.trendingTags)
	if err != nil {
		return nil, fmt.Errorf("index: trending tags: %w", err)
	}
	found = found[min(max(offset, 0), len(found)):]
	return found[:min(Page{Limit: limit}.limit(), len(found))], nil
}

func (x *Index) trendingTags(ctx context.Context) ([]TagTrend, error) {
	now := x.now().UTC().Truncate(time.Hour).Add(time.Hour)
	recent, usual := hourLiteral(now.Add(-trendHours*time.Hour)), hourLiteral(now.Add(-(trendHours+usualHours)*time.Hour))
	statement := fmt.Sprintf(`SELECT tag FROM (
  SELECT tag, toFloat64(uniqMergeIf(authors, hour >= %[1]s)) AS authors_now, uniqMergeIf(authors, hour < %[1]s) * %[3]d / %[4]d AS authors_usual
  FROM tag_hours WHERE hour >= %[2]s GROUP BY tag HAVING authors_now >= %[5]d)
ORDER BY if(authors_now > authors_usual, pow(authors_now - authors_usual, 2) / greatest(authors_usual, 1), 0) DESC, authors_now DESC, tag LIMIT %[6]d`,
		recent, usual, trendHours, usualHours, groupLeast, pageMax)
	return x.tags(ctx, statement)
}

// SearchTags returns hashtags with the prefix (folded) that five authors or more
// have used in the last seven days, those of the most authors first.
func (x *Index) SearchTags(ctx context.Context, prefix string, limit, offset int) ([]TagTrend, error) {
	defer x.metrics.query("search_tags", time.Now())
	prefix = strings.TrimPrefix(prefix, "#")
	if prefix == "" || offset > offsetMost {
		return nil, nil
	}
	statement := fmt.Sprintf(`SELECT tag FROM tag_hours WHERE hour >= %s AND startsWith(tag, %s)
GROUP BY tag HAVING uniqMerge(authors) >= %d ORDER BY uniqMerge(authors) DESC, tag LIMIT %d OFFSET %d`,
		hourLiteral(x.firstDay()), literal(prefix), groupLeast, Page{Limit: limit}.limit(), max(offset, 0))
	found, err := x.tags(ctx, statement)
	if err != nil {
		return nil, fmt.Errorf("index: search tags: %w", err)
	}
	return found, nil
}

// Tag returns the use of one hashtag (folded); one that was never used has zeros.
func (x *Index) Tag(ctx context.Context, name string) (TagTrend, error) {
	defer x.metrics.query("tag", time.Now())
	found, err := x.history(ctx, []string{name})
	if err != nil {
		return TagTrend{}, fmt.Errorf("index: tag: %w", err)
	}
	return found[0], nil
}

func hourLiteral(t time.Time) string { return fmt.Sprintf("toDateTime(%d, 'UTC')", t.Unix()) }

const day = 24 * time.Hour

func (x *Index) firstDay() time.Time {
	return x.now().UTC().Truncate(day).Add(-(historyDays - 1) * day)
}

// tags runs a statement that names hashtags, and adds their history.
func (x *Index) tags(ctx context.Context, statement string) ([]TagTrend, error) {
	var names []string
	err := x.ask(ctx, statement, func(rows driver.Rows) error {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		names = append(names, name)
		return nil
	})
	if err != nil || len(names) == 0 {
		return nil, err
	}
	return x.history(ctx, names)
}

func (x *Index) history(ctx context.Context, names []string) ([]TagTrend, error) {
	trends, place := make([]TagTrend, len(names)), map[string]int{}
	first := x.firstDay()
	for i, name := range names {
		trends[i], place[name] = TagTrend{Name: name, History: make([]TagDay, historyDays)}, i
		for d := range historyDays {
			trends[i].History[d].Day = first.Add(time.Duration(historyDays-1-d) * day)
		}
	}
	statement := fmt.Sprintf(`SELECT tag, toUInt32(intDiv(toUnixTimestamp(hour), 86400)) AS day, uniqMerge(posts), uniqMerge(authors)
FROM tag_hours WHERE hour >= %s AND tag IN %s GROUP BY tag, day HAVING uniqMerge(authors) >= %d`, hourLiteral(first), literals(names), groupLeast)
	err := x.ask(ctx, statement, func(rows driver.Rows) error {
		var (
			name           string
			number         uint32
			uses, accounts uint64
		)
		if err := rows.Scan(&name, &number, &uses, &accounts); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		at := time.Unix(int64(number)*86400, 0)
		if d := historyDays - 1 - int(at.Sub(first)/day); d >= 0 && d < historyDays {
			h := &trends[place[name]].History[d]
			h.Uses, h.Accounts = uses, accounts
		}
		return nil
	})
	return trends, err
}
