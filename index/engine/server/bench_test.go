package server

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// The cost of a request: a session, the check of the text, a block. Timelines ask several.
func BenchmarkSelect(b *testing.B) {
	p := serve(b, guards{})
	c := p.driver(b, compressions["lz4"], nil)
	var n uint64
	for b.Loop() {
		if err := c.QueryRow(b.Context(), "SELECT count() FROM numbers({n:UInt64})", clickhouse.Named("n", "10")).Scan(&n); err != nil {
			b.Fatal(err)
		}
	}
}

// The way of a batch: the driver's encoding, the socket, the library's parts. It bounds how fast the log can be stored.
func BenchmarkInsert(b *testing.B) {
	const rows = 10_000
	p := serve(b, guards{})
	c := p.driver(b, compressions["lz4"], nil)
	p.must(b, "CREATE TABLE "+p.database+".t (id UInt64, host LowCardinality(String), text String) ENGINE = ReplacingMergeTree ORDER BY id")
	id := uint64(0)
	for b.Loop() {
		batch, err := c.PrepareBatch(b.Context(), "INSERT INTO "+p.database+".t")
		if err != nil {
			b.Fatal(err)
		}
		for range rows {
			id++
			if err := batch.Append(id, "host.example", "some words of a post, of which there are many, and all alike"); err != nil {
				b.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
}
