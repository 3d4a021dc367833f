package index

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/ingest"
)

// liveFor is how long a post of tier live is shown after its arrival.
const liveFor = 7 * 24 * time.Hour

// Timeline says which posts of the last seven days are asked for.
type Timeline struct {
	Page
	Remote    bool     // not written by accounts hosted here
	Local     bool     // written by accounts hosted here
	OnlyMedia bool     //
	Any       []string // with one of the hashtags (folded), unless empty
	All       []string // with all of them
	None      []string // with none of them
	Domain    string   // of this origin host, unless ""
	Language  string   // declared so ("pt") or a kind of it ("pt-br"), unless ""
}

// tagsMost bounds each list of hashtags; Mastodon takes four.
const tagsMost = 16

// Timeline returns posts of tier live or above.
func (x *Index) Timeline(ctx context.Context, t Timeline) ([]*ingest.Record, error) {
	defer x.metrics.query("timeline", time.Now())
	conditions := append([]string{"tier >= " + live}, t.conditions()...)
	q := question{condition: all(conditions), least: ingest.TierLive, query: t.query(atLeast(ingest.TierLive))}
	found, err := x.page(ctx, q, t.Page, x.liveSince())
	if err != nil {
		return nil, fmt.Errorf("index: timeline: %w", err)
	}
	return found, nil
}

// liveSince is the id above which posts of tier live are shown.
func (x *Index) liveSince() uint64 { return firstID(x.now().Add(-liveFor)) }

func (t *Timeline) conditions() (all []string) {
	if t.Remote {
		all = append(all, "local = 0")
	}
	if t.Local {
		all = append(all, "local = 1")
	}
	if t.OnlyMedia {
		all = append(all, "media = 1")
	}
	if len(t.Any) > 0 {
		any := has(t.Any)
		all = append(all, "("+strings.Join(any, " OR ")+")")
	}
	all = append(all, has(t.All)...)
	for _, c := range has(t.None) {
		all = append(all, "NOT "+c)
	}
	if t.Domain != "" {
		all = append(all, "domain = "+literal(strings.ToLower(t.Domain)))
	}
	if t.Language != "" {
		all = append(all, "(language = "+literal(t.Language)+" OR startsWith(language, "+literal(t.Language+"-")+"))")
	}
	return all
}

func has(tags []string) (conditions []string) {
	for _, tag := range tags[:min(len(tags), tagsMost)] {
		conditions = append(conditions, "has(tags, "+literal(tag)+")")
	}
	return conditions
}

// atLeast is that a post has the tier, or a higher one.
func atLeast(of ingest.Tier) func(uint64, ingest.Tier) bool {
	return func(_ uint64, tier ingest.Tier) bool { return tier >= of }
}

// shown says which posts may be shown one by one: those of tier search at any
// time, those of tier live for seven days.
func (x *Index) shown() string {
	return fmt.Sprintf("(tier >= %s OR tier = %s AND id > %s)", tierLiteral(ingest.TierSearch), live, number(x.liveSince()))
}

// isShown is shown for what is not asked of the server.
func (x *Index) isShown() func(uint64, ingest.Tier) bool {
	since := x.liveSince()
	return func(id uint64, tier ingest.Tier) bool {
		return tier >= ingest.TierSearch || tier == ingest.TierLive && id > since
	}
}

// Status returns the newest version of a post, or ErrNotFound.
func (x *Index) Status(ctx context.Context, id uint64) (*ingest.Record, error) {
	defer x.metrics.query("status", time.Now())
	var found *ingest.Record
	statement := fmt.Sprintf(`SELECT %s, toUInt8(%s) AS matches FROM records WHERE id = %s ORDER BY seq DESC, tier LIMIT 1`,
		versionColumns, x.shown(), number(id))
	err := x.ask(ctx, statement, func(rows driver.Rows) (err error) {
		var (
			v       version
			matches uint8
		)
		if err := v.scan(rows, &matches); err != nil {
			return err
		}
		if matches == 1 && v.record != "" {
			found, err = v.decode()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("index: status: %w", err)
	case found == nil:
		return nil, fmt.Errorf("index: status %d: %w", id, ErrNotFound)
	}
	return found, nil
}
