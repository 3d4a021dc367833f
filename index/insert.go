package index

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/ingest"
)

// insertTimeout bounds one statement of the writer: a server that accepts and
// never answers is one that is away.
const insertTimeout = 2 * time.Minute

// writing gives a statement of the writer its settings. A batch may touch more
// months than the server's default of 100 lets an INSERT touch: a Delete may be
// about a post of any age.
func writing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, insertTimeout)
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_partitions_per_insert_block": 0,
		"async_insert":                    0,
	})), cancel
}

// insert stores rows that are given by column.
func (x *Index) insert(ctx context.Context, table, names string, columns []any, rows int) error {
	if rows == 0 {
		return nil
	}
	ctx, cancel := writing(ctx)
	defer cancel()
	b, err := x.conn.PrepareBatch(ctx, "INSERT INTO "+table+" ("+names+")")
	if err != nil {
		return fmt.Errorf("index: insert into %s: %w", table, err)
	}
	defer b.Abort() //nolint:errcheck // after Send it does nothing
	for i, c := range columns {
		if err := b.Column(i).Append(c); err != nil {
			return fmt.Errorf("index: insert into %s: column %d: %w", table, i, err)
		}
	}
	if err := b.Send(); err != nil {
		return fmt.Errorf("index: insert into %s: %w", table, err)
	}
	return nil
}

// exec runs a statement of the writer.
func (x *Index) exec(ctx context.Context, what, statement string) error {
	ctx, cancel := writing(ctx)
	defer cancel()
	if err := x.conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("index: %s: %w", what, err)
	}
	return nil
}

// recordGaps keeps what the log lost before it was read.
func (x *Index) recordGaps(ctx context.Context, gaps []ingest.Event) error {
	var (
		names    []string
		from, to []uint64
		at       []time.Time
	)
	for _, g := range gaps {
		x.log.Error("the log lost records before they were indexed", "event", g.Name, "from_seq", g.From, "to_seq", g.To)
		names, from, to, at = append(names, g.Name), append(from, g.From), append(to, g.To), append(at, x.now())
	}
	if err := x.insert(ctx, "gaps", "name, from_seq, to_seq, at", []any{names, from, to, at}, len(gaps)); err != nil {
		return err
	}
	x.metrics.gap(gaps)
	return nil
}
