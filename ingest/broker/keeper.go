package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
)

// keeper applies retention (guards 1, 2, 3 and 7) and holds it back (hold.go). One goroutine owns it.
type keeper struct {
	dir       string
	cluster   *kfake.Cluster
	retention Retention
	heartbeat func() []byte
	off       guards
	log       *slog.Logger

	client    *kafka.Client
	transport *kafka.Transport

	beatAt     time.Time // time of our newest heartbeat
	beatOffset int64

	bytes int64 // bound on the log that the topic has now
}

// runMax bounds one retention run: the broker answers within milliseconds.
const runMax = 30 * time.Second

// loop applies retention until ctx ends.
func (k *keeper) loop(ctx context.Context) {
	tick := time.NewTicker(k.retention.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := k.run(ctx); err != nil && ctx.Err() == nil {
			k.log.Error("retention was not applied", "err", err)
		}
	}
}

// run applies retention once. The order is the guard: the newest record is one that
// stays, and only then may records be removed.
func (k *keeper) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, runMax)
	defer cancel()
	defer k.transport.CloseIdleConnections() // no connection, no metadata request between runs
	end, err := k.end(ctx)
	if err != nil {
		return fmt.Errorf("broker: asking for the end of the log: %w", err)
	}
	if end == 0 {
		return nil // nothing was ever written
	}
	if err := k.anchor(ctx, end); err != nil {
		return err
	}
	if err := k.hold(ctx); err != nil {
		return err
	}
	k.cluster.ApplyRetention()
	k.cluster.Compact()
	return nil
}

// anchor sees to it that the newest record is young, so that retention cannot empty the
// partition. Only a heartbeat's time is ours to trust, so a record of anyone else at
// the end asks for a new one. If the active segment is old, the heartbeat begins a new one.
func (k *keeper) anchor(ctx context.Context, end int64) error {
	due, err := k.rollDue()
	if err != nil {
		return err
	}
	if k.off.heartbeat || !due && k.beatOffset == end-1 && k.young(k.beatAt) {
		return nil
	}
	if due {
		err = k.beatInNewSegment(ctx)
	} else {
		err = k.beat(ctx)
	}
	if err == nil {
		return nil
	}
	// A full disk: retention is what frees it.
	newest, ferr := k.timeOf(ctx, end-1)
	if ferr != nil || !k.young(newest) {
		return fmt.Errorf("broker: writing the heartbeat before retention: %w", errors.Join(err, ferr))
	}
	k.log.Warn("heartbeat not written, retention goes on: the newest record stays", "err", err)
	return nil
}

func (k *keeper) beat(ctx context.Context) error {
	at := time.Now()
	res, err := k.client.Produce(ctx, &kafka.ProduceRequest{
		Topic:        Topic,
		Partition:    Partition,
		RequiredAcks: kafka.RequireAll,
		Records:      kafka.NewRecordReader(kafka.Record{Time: at, Value: kafka.NewBytes(k.heartbeat())}),
	})
	if err != nil {
		return err
	}
	if res.Error != nil {
		return res.Error
	}
	k.beatAt, k.beatOffset = at, res.BaseOffset
	return nil
}

// beatInNewSegment closes the active segment. kfake has no segment.ms, but a segment of
// one byte is always full.
//
// A crash in between leaves the small size in the topic's configuration; EnsureTopic
// repairs it at the next start.
func (k *keeper) beatInNewSegment(ctx context.Context) error {
	set := func(bytes int64) error {
		return alterTopic(ctx, k.client, []kafka.ConfigEntry{
			{ConfigName: segmentBytes, ConfigValue: strconv.FormatInt(bytes, 10)},
		})
	}
	if err := set(1); err != nil {
		return fmt.Errorf("broker: closing an old segment: %w", err)
	}
	return errors.Join(k.beat(ctx), set(k.retention.SegmentBytes))
}

// young leaves half of the retention as room for the clock.
func (k *keeper) young(t time.Time) bool {
	age := time.Now().Round(0).Sub(t.Round(0)) // wall clock: retention goes by it
	return age >= 0 && (k.retention.Age < 0 || age < k.retention.Age/2)
}

func (k *keeper) end(ctx context.Context) (int64, error) {
	res, err := k.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{Topic: {kafka.LastOffsetOf(Partition)}},
	})
	if err != nil {
		return 0, err
	}
	for _, p := range res.Topics[Topic] {
		return p.LastOffset, p.Error
	}
	return 0, kafka.UnknownTopicOrPartition
}

// timeOf reads the time of the record at an offset.
func (k *keeper) timeOf(ctx context.Context, offset int64) (time.Time, error) {
	res, err := k.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: Topic, Partition: Partition, Offset: offset, MinBytes: 1, MaxBytes: 1, MaxWait: time.Second,
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return time.Time{}, err
	}
	var newest time.Time
	for {
		r, err := res.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return newest, nil
		}
		if err != nil {
			return time.Time{}, err
		}
		newest = r.Time
	}
}

// rollDue says whether the active segment is so old that it must be closed.
func (k *keeper) rollDue() (bool, error) {
	if k.off.roll {
		return false, nil
	}
	all, err := segments(k.dir)
	if err != nil || len(all) == 0 {
		return false, err
	}
	begun, err := all[len(all)-1].begun()
	if err != nil {
		return false, fmt.Errorf("broker: reading the active segment: %w", err)
	}
	return !begun.IsZero() && time.Since(begun) > k.retention.Roll, nil
}

// begun is when the segment was begun: the time of its first record, or the file's if
// a producer's clock was ahead. Zero for an empty segment.
func (s *segment) begun() (time.Time, error) {
	f, err := os.Open(s.name)
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < batchHeader {
		return time.Time{}, err
	}
	b, err := readBatch(f, info.Size())
	if err != nil {
		return time.Time{}, err
	}
	if b.why != "" || b.first.After(info.ModTime()) {
		return info.ModTime(), nil
	}
	return b.first, nil
}
