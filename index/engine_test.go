package index

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

func engineChild() {}

func stopEngine() {}

func engineOptions(t testing.TB) *clickhouse.Options {
	t.Helper()
	t.Skip("no engine: set " + serverEnv)
	return nil
}
