package state

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"tributary/ingest/state/statetest"
)

// Bounds what the state database costs per acknowledged request: a row as wide as a signature's,
// written alone, by 64 callers at once, and 100 rows in one function as the state cursor does.
// PostgreSQL syncs here, unlike in the tests, and is on the same machine.
func BenchmarkWrite(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkWrite(b, sqliteSource) })
	b.Run("postgres", func(b *testing.B) {
		server, err := statetest.Start()
		if errors.Is(err, statetest.ErrMissing) {
			b.Skip(err)
		}
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = server.Close() }()
		var fresh int
		benchmarkWrite(b, func(b testing.TB) string {
			fresh++
			return statetest.Schema(b, server.URL(), fmt.Sprint(b.Name(), fresh))
		})
	})
}

func benchmarkWrite(b *testing.B, source func(testing.TB) string) {
	for _, c := range []struct{ writers, rows int }{{1, 1}, {64, 1}, {1, 100}} {
		b.Run(fmt.Sprintf("writers=%d/rows=%d", c.writers, c.rows), func(b *testing.B) {
			db := openTest(b, source(b),
				`CREATE TABLE signatures (hash BYTEA NOT NULL PRIMARY KEY, expires_at BIGINT NOT NULL);
				 CREATE INDEX signatures_expires ON signatures (expires_at);`)
			var next, calls atomic.Int64
			write := func(tx *sql.Tx) error {
				for range c.rows {
					n := next.Add(1)
					if _, err := tx.Exec(`INSERT INTO signatures (hash, expires_at) VALUES ($1, $2)`, Hash(fmt.Sprint(n)), n); err != nil {
						return err
					}
				}
				return nil
			}
			var wg sync.WaitGroup
			b.ResetTimer()
			for range c.writers {
				wg.Go(func() {
					for calls.Add(1) <= int64(b.N) {
						if err := db.Write(b.Context(), write); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			b.ReportMetric(float64(b.N*c.rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
