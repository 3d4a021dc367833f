package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"tributary/cmd/internal/config"
	"tributary/ingest"
	"tributary/ingest/broker"
	"tributary/ingest/state"
)

// The places of a log that CopyLog knows.
const (
	Embedded = "embedded" // in the data directory
	Brokers  = "brokers"  // kafka.brokers
)

// CopyOptions say which way a log is copied.
type CopyOptions struct {
	From, To string // Embedded and Brokers, or the other way
	DryRun   bool
	Progress func(ingest.CopyProgress)
}

// CopyLog copies the log of the data directory's program, which must not run.
// What is left open by an error is closed.
func CopyLog(ctx context.Context, cfg config.Config, o CopyOptions, log *slog.Logger) (report ingest.CopyReport, err error) {
	if o.From == o.To || !place(o.From) || !place(o.To) {
		return report, fmt.Errorf("a log is copied from %s to %s, or from %s to %s", Embedded, Brokers, Brokers, Embedded)
	}
	if cfg.Kafka.Embedded() {
		return report, errors.New("kafka.brokers is embedded: set it to the addresses of the Kafka, with kafka.tls and kafka.sasl as they will be used")
	}
	data, err := openDataDir(ctx, cfg.Data)
	if err != nil {
		return report, err
	}
	c := logCopy{cfg: cfg, data: data, dry: o.DryRun, log: log}
	c.onClose(data.close)
	defer func() { err = errors.Join(err, c.close()) }()
	db, err := state.Open(ctx, cfg.Database.URL, log)
	if err != nil {
		return report, err
	}
	c.onClose(db.Close)
	from, err := c.open(ctx, o.From, false)
	if err != nil {
		return report, err
	}
	to, err := c.open(ctx, o.To, true)
	if err != nil {
		return report, err
	}
	return ingest.Copy(ctx, ingest.CopyConfig{From: from, To: to, DB: db, Logger: log, DryRun: o.DryRun, Progress: o.Progress})
}

func place(name string) bool { return name == Embedded || name == Brokers }

type logCopy struct {
	cfg     config.Config
	data    *dataDir
	dry     bool
	log     *slog.Logger
	closers []func() error
}

func (c *logCopy) onClose(f func() error) { c.closers = append(c.closers, f) }

func (c *logCopy) close() error {
	var failed []error
	for i := len(c.closers) - 1; i >= 0; i-- {
		failed = append(failed, c.closers[i]())
	}
	return errors.Join(failed...)
}

func (c *logCopy) open(ctx context.Context, place string, target bool) (ingest.Kafka, error) {
	if place == Brokers {
		k, closeAll, err := kafkaByAddress(c.cfg.Kafka)
		if err == nil {
			c.onClose(closeAll)
		}
		return k, err
	}
	dir, err := c.embeddedDir(target)
	if err != nil {
		return ingest.Kafka{}, err
	}
	k := c.cfg.Kafka
	retention := broker.Retention{Age: k.RetentionAge, Bytes: int64(k.RetentionBytes)}
	if retention.Age == 0 {
		retention.Age = -1 // 0 means no limit to people
	}
	socket := c.data.join("broker.sock")
	b, err := broker.Open(ctx, broker.Options{
		Dir: dir, Socket: socket, Retention: retention, Heartbeat: ingest.Heartbeat, Still: true, Log: c.log,
	})
	if err != nil {
		return ingest.Kafka{}, err
	}
	c.onClose(b.Close)
	transport := broker.Transport(socket)
	c.onClose(func() error { transport.CloseIdleConnections(); return nil })
	return ingest.Kafka{Addr: broker.Addr, Transport: transport, Topic: broker.Topic}, nil
}

// embeddedDir is where the embedded log is, or would be: a dry run makes none.
func (c *logCopy) embeddedDir(target bool) (string, error) {
	dir := c.data.join(logDir)
	_, err := os.Stat(dir)
	switch {
	case err == nil:
		return dir, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("embedded log: %w", err)
	case !target:
		return "", fmt.Errorf("there is no embedded log in %s", dir)
	case !c.dry:
		return dir, nil
	}
	dir, err = os.MkdirTemp("", "tributary-dry-run-")
	if err != nil {
		return "", fmt.Errorf("embedded log: %w", err)
	}
	c.onClose(func() error { return os.RemoveAll(dir) })
	return dir, nil
}
