package index

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/ingest"
)

// Overview is what the index holds, as it was some minutes ago.
type Overview struct {
	Posts   int      // that are counted or shown, about
	Domains []string // origin hosts of posts of the last 30 days that are shown, in order of the alphabet; at most 10,000
}

const (
	overviewSpan    = 30 * day
	overviewDomains = 10_000
)

// Overview counts at most once in ten minutes: it is a walk over all posts.
func (x *Index) Overview(ctx context.Context) (Overview, error) {
	defer x.metrics.query("overview", time.Now())
	found, err := x.overview.get(ctx, x.now(), x.tune.overviewKept, x.lookOver)
	if err != nil {
		return Overview{}, fmt.Errorf("index: overview: %w", err)
	}
	return found, nil
}

func (x *Index) lookOver(ctx context.Context) (o Overview, err error) {
	err = x.ask(ctx, `SELECT uniq(id) FROM posts WHERE tier >= `+stats, func(rows driver.Rows) error {
		var n uint64
		err := rows.Scan(&n)
		o.Posts = int(n)
		return err
	})
	if err != nil {
		return o, err
	}
	// FINAL: what was withdrawn since names nobody.
	domains := fmt.Sprintf(`SELECT DISTINCT toString(domain) AS host FROM posts FINAL WHERE id > %s AND tier >= %s ORDER BY host LIMIT %d`,
		number(firstID(x.now().Add(-overviewSpan))), tierLiteral(ingest.TierLive), overviewDomains)
	return o, x.ask(ctx, domains, func(rows driver.Rows) error {
		var domain string
		if err := rows.Scan(&domain); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		o.Domains = append(o.Domains, domain)
		return nil
	})
}
