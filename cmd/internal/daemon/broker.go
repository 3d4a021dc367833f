package daemon

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"tributary/ingest"
	"tributary/ingest/broker"
	"tributary/ingest/child"
)

// logDir is the embedded log in the data directory.
const logDir = "log"

// brokerReady is how long the embedded broker may take to read its log.
const brokerReady = 2 * time.Minute

// openKafka says how the log is reached, and starts the embedded broker if that
// is what serves it.
func (d *Daemon) openKafka(ctx context.Context) (ingest.Kafka, error) {
	if !d.cfg.Kafka.Embedded() {
		k, closeAll, err := kafkaByAddress(d.cfg.Kafka)
		if err == nil {
			d.onClose("kafka connections", closeAll)
		}
		return k, err
	}
	socket := d.data.join("broker.sock")
	k := d.cfg.Kafka
	process, err := child.Start(context.WithoutCancel(ctx), child.Spec{
		Name: "broker",
		Args: []string{
			"broker", "--dir", d.data.join(logDir), "--socket", socket,
			"--retention-age", k.RetentionAge.String(), "--retention-bytes", strconv.FormatInt(int64(k.RetentionBytes), 10),
			"--hold-bytes", strconv.FormatInt(d.holdBytes(), 10),
		},
		Log: d.log, Metrics: d.children,
	})
	if err != nil {
		return ingest.Kafka{}, err
	}
	d.onClose("broker", process.Close)
	d.brokerPid = process.Pid
	ready, cancel := context.WithTimeout(ctx, brokerReady)
	defer cancel()
	if err := process.Ready(ready); err != nil {
		return ingest.Kafka{}, fmt.Errorf("embedded broker: %w", err)
	}
	transport := broker.Transport(socket)
	d.onClose("broker connections", func() error { transport.CloseIdleConnections(); return nil })
	d.holdLog(&kafka.Client{Addr: broker.Addr, Transport: transport})
	return ingest.Kafka{Addr: broker.Addr, Transport: transport, Topic: broker.Topic}, nil
}
