package daemon

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"tributary/index/engine"
	"tributary/ingest/broker"
)

// holdEvery is the pause between two words to the broker about how far the index is. What
// was read meanwhile stays that much longer, nothing else.
const holdEvery = 20 * time.Second

// holdMax bounds one of them: the broker answers within milliseconds.
const holdMax = 5 * time.Second

// holdFactor is how much more than usual the log may take for the index by default: a day
// or so of an engine that is away, and a start that reads a GiB in some seconds.
const holdFactor = 4

// holdBytes is how large the embedded log may become for the index, 0 if nothing is held:
// nothing waits for an index that is off or not installed.
func (d *Daemon) holdBytes() int64 {
	k := d.cfg.Kafka
	switch {
	case !d.awaitsIndex():
		return 0
	case k.HoldBytes == 0:
		return holdFactor * int64(k.RetentionBytes)
	}
	return int64(k.HoldBytes)
}

// awaitsIndex says whether somebody will read the log for an index, now or when it is mended.
func (d *Daemon) awaitsIndex() bool {
	c := d.cfg.ClickHouse
	switch {
	case c.Off():
		return false
	case c.Embedded():
		_, _, err := engine.Find("", "")
		return err == nil
	}
	_, err := clickhouse.ParseDSN(c.URL)
	return err == nil
}

// holdLog tells the embedded broker how far the index is. It ends after the index, with
// its last position. A crash leaves an older position with the broker, which lets go of
// less; the next word corrects it. A Kafka by address keeps the retention that its
// operator gave it.
func (d *Daemon) holdLog(client *kafka.Client) {
	d.measureLog()
	if d.holdBytes() <= int64(d.cfg.Kafka.RetentionBytes) {
		return
	}
	d.parts.add("hold of the log", func(ctx context.Context) error {
		d.keepHolding(ctx, client)
		return nil
	})
}

func (d *Daemon) keepHolding(ctx context.Context, client *kafka.Client) {
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	told := int64(-1)
	tell := func(ctx context.Context) {
		from, ok := d.indexedOffset()
		if !ok || from == told {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, holdMax)
		defer cancel()
		if err := broker.HoldFrom(ctx, client, from); err != nil {
			d.log.Warn("the broker was not told how far the index is, trying again", "err", err)
			return
		}
		told = from
	}
	for {
		select {
		case <-tick.C:
			tell(ctx)
		case <-ctx.Done():
			tell(context.WithoutCancel(ctx))
			return
		}
	}
}

// indexedOffset is the first offset that the index has not read. Until it is open what the
// broker was told last holds.
func (d *Daemon) indexedOffset() (int64, bool) {
	x := d.index.Load()
	if x == nil {
		return 0, false
	}
	return d.ingest.Tail().Offset(x.Position()), true
}

// logSize is what the embedded log takes on disk, and what of it is beyond
// kafka.retention_bytes; 0 for a Kafka by address.
func (d *Daemon) logSize() (bytes, held int64) {
	if !d.cfg.Kafka.Embedded() {
		return 0, 0
	}
	bytes, _, err := broker.Size(d.data.join(logDir), 0)
	if err != nil {
		d.log.Debug("the log cannot be measured", "err", err)
	}
	return bytes, max(bytes-int64(d.cfg.Kafka.RetentionBytes), 0)
}

// measureLog adds what logSize says to the metrics.
func (d *Daemon) measureLog() {
	gauge := func(name, help string, value func() int64) {
		d.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tributary_broker_" + name, Help: help},
			func() float64 { return float64(value()) }))
	}
	gauge("log_bytes", "Disk that the embedded broker's log takes.", func() int64 { bytes, _ := d.logSize(); return bytes })
	gauge("held_bytes", "Disk that it takes beyond kafka.retention_bytes, for what the index has not read.",
		func() int64 { _, held := d.logSize(); return held })
}
