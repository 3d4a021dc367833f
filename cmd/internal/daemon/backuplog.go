package daemon

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"tributary/cmd/internal/archive"
	"tributary/ingest"
	"tributary/ingest/broker"
	"tributary/ingest/folder"
	"tributary/ingest/state"
)

// logManifest says which offsets of the log a backup has. A record is a row: offset, time in ms, value.
type logManifest struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"` // one past the last
}

// openExport opens the log for a backup, if it is to have one. The returned function closes it.
func (b *backup) openExport(ctx context.Context) (*ingest.Export, func() error, error) {
	if !b.Log {
		return nil, func() error { return nil }, nil
	}
	c := &logCopy{cfg: b.cfg, log: b.log}
	k, err := b.openLog(ctx, c)
	if err != nil {
		return nil, nil, errors.Join(err, c.close())
	}
	x, err := ingest.OpenExport(ctx, k)
	if err != nil {
		return nil, nil, errors.Join(err, c.close())
	}
	return x, c.close, nil
}

// openLog reaches a Kafka, the embedded broker of the program that runs, or starts one where it does not.
func (b *backup) openLog(ctx context.Context, c *logCopy) (ingest.Kafka, error) {
	if !b.cfg.Kafka.Embedded() {
		return c.open(ctx, Brokers, false)
	}
	if _, err := os.Stat(b.cfg.Data); err != nil {
		return ingest.Kafka{}, fmt.Errorf("data directory: %w", err)
	}
	lock, err := folder.Lock(ctx, b.cfg.Data, 0, ErrInUse)
	c.data = &dataDir{path: b.cfg.Data, lock: lock}
	if errors.Is(err, ErrInUse) {
		transport := broker.Transport(c.data.join("broker.sock"))
		c.onClose(func() error { transport.CloseIdleConnections(); return nil })
		return ingest.Kafka{Addr: broker.Addr, Transport: transport, Topic: broker.Topic}, nil
	}
	if err != nil {
		return ingest.Kafka{}, fmt.Errorf("data directory: %w", err)
	}
	c.onClose(c.data.close)
	return c.open(ctx, Embedded, false)
}

// records adds the log.
func (b *backup) records(ctx context.Context, x *ingest.Export) error {
	if x == nil {
		return nil
	}
	parts := b.w.Parts(strings.TrimSuffix(logPrefix, "/"))
	err := x.Records(ctx, func(r ingest.Exported) error {
		if r.Offset%progressRows == 0 {
			b.tell("log", r.Offset-x.Start, x.End-x.Start)
		}
		return parts.Row([]any{r.Offset, r.Time.UnixMilli(), r.Value})
	})
	if err != nil {
		return err
	}
	b.report.Records, err = parts.Close()
	b.tell("log", x.End-x.Start, x.End-x.Start)
	return err
}

// verifyRecords looks at a part of the log.
func (r *restore) verifyRecords(data []byte) error {
	return eachRecord(data, func(x ingest.Exported) error {
		r.report.Records++
		if m := r.report.Log; m == nil || x.Offset < m.Start || x.Offset >= m.End {
			return fmt.Errorf("restore: %w: it has a record at offset %d, outside of its log", archive.ErrDamaged, x.Offset)
		}
		return nil
	})
}

func eachRecord(data []byte, each func(ingest.Exported) error) error {
	return archive.Rows(data, func(values []any) error {
		if len(values) == 3 {
			offset, ok1 := values[0].(int64)
			at, ok2 := values[1].(int64)
			value, ok3 := values[2].([]byte)
			if ok1 && ok2 && ok3 {
				return each(ingest.Exported{Offset: offset, Time: time.UnixMilli(at), Value: value})
			}
		}
		return fmt.Errorf("restore: %w: a record of the log that is none", archive.ErrDamaged)
	})
}

// logVacant refuses a Kafka that has a log already. An embedded one would be in the data directory.
func (r *restore) logVacant(ctx context.Context) (err error) {
	if r.report.Log == nil || r.SkipLog || r.cfg.Kafka.Embedded() {
		return nil
	}
	c := &logCopy{cfg: r.cfg, log: r.log}
	defer func() { err = errors.Join(err, c.close()) }()
	k, err := c.open(ctx, Brokers, false)
	if err != nil {
		return err
	}
	x, err := ingest.OpenExport(ctx, k)
	switch {
	case errors.Is(err, kafka.UnknownTopicOrPartition):
		return nil
	case err != nil:
		return err
	case x.Start != x.End:
		return fmt.Errorf("restore: the topic %s holds a log, and so does the backup: delete the topic, or keep it with --skip-log", k.Topic)
	}
	return nil
}

// logOf restores the log, to where it is configured to be.
func (r *restore) logOf(ctx context.Context) (err error) {
	if r.report.Log == nil || r.SkipLog {
		return nil
	}
	db, err := state.Open(ctx, r.cfg.Database.URL, r.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c := &logCopy{cfg: r.cfg, data: r.data, log: r.log}
	defer func() { err = errors.Join(err, c.close()) }()
	place := Brokers
	if r.cfg.Kafka.Embedded() {
		place = Embedded
	}
	to, err := c.open(ctx, place, true)
	if err != nil {
		return err
	}
	_, err = ingest.Import(ctx, ingest.ImportConfig{
		Start: r.report.Log.Start, End: r.report.Log.End, To: to, DB: db, Logger: r.log,
		Records: func() iter.Seq2[ingest.Exported, error] { return r.exported(ctx) },
		Progress: func(p ingest.CopyProgress) {
			if r.Progress != nil {
				r.Progress(Progress{Step: "log: " + p.Step, Done: p.Done, Total: p.Total})
			}
		},
	})
	return err
}

// exported reads the records from the first one on. It is read by one at a time.
func (r *restore) exported(ctx context.Context) iter.Seq2[ingest.Exported, error] {
	return func(yield func(ingest.Exported, error) bool) {
		enough := errors.New("nobody reads on")
		err := r.each(ctx, "", func(name string, data []byte) error {
			if !strings.HasPrefix(name, logPrefix) {
				return nil
			}
			return eachRecord(data, func(x ingest.Exported) error {
				if !yield(x, nil) {
					return enough
				}
				return nil
			})
		})
		if err != nil && !errors.Is(err, enough) {
			yield(ingest.Exported{}, err)
		}
	}
}
