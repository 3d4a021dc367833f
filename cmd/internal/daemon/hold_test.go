package daemon

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tributary/cmd/internal/config"
)

// How large the log may become for the index, and that nobody holds it for one that is off.
func TestHoldBytes(t *testing.T) {
	const address = "http://127.0.0.1:1/tributary"
	for name, c := range map[string]struct {
		clickhouse string
		hold       config.Bytes
		want       int64
		parts      int
	}{
		"default":        {address, 0, 4 << 20, 1},
		"said":           {address, 3 << 20, 3 << 20, 1},
		"nothing waits":  {address, 1, 1, 0},
		"off":            {"off", 8 << 20, 0, 0},
		"cannot be used": {address + "?dial_timeout=soon", 8 << 20, 0, 0},
	} {
		d := &Daemon{registry: prometheus.NewRegistry(), log: slog.New(slog.DiscardHandler), data: &dataDir{path: t.TempDir()}}
		d.cfg.Kafka.Brokers = []string{"embedded"}
		d.cfg.Kafka.RetentionBytes, d.cfg.Kafka.HoldBytes, d.cfg.ClickHouse.URL = 1<<20, c.hold, c.clickhouse
		d.holdLog(nil)
		if got := d.holdBytes(); got != c.want || len(d.parts.all) != c.parts {
			t.Errorf("%s: %d bytes, %d parts, want %d and %d", name, got, len(d.parts.all), c.want, c.parts)
		}
	}
}
