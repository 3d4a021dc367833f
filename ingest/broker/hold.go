package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/segmentio/kafka-go"
)

// HoldGroup is the consumer group whose committed offset says what is still to be read.
// It has no members: nothing but HoldFrom and the keeper is about it.
const HoldGroup = "index"

// HoldFrom tells the broker that the records from offset on are still to be read: they
// do not expire by size before the log has Retention.Hold bytes. It is an offset commit,
// so it is still known after the end of either process, SIGKILL included. As long as
// nothing was told, everything is still to be read.
func HoldFrom(ctx context.Context, c *kafka.Client, offset int64) error {
	res, err := c.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: HoldGroup, GenerationID: -1, // of nobody: the group is empty
		Topics: map[string][]kafka.OffsetCommit{Topic: {{Partition: Partition, Offset: offset}}},
	})
	if err == nil {
		for _, p := range res.Topics[Topic] {
			err = p.Error
		}
	}
	if err != nil {
		return fmt.Errorf("broker: holding the log from offset %d: %w", offset, err)
	}
	return nil
}

// heldFrom is the offset of the newest HoldFrom, 0 if there was none.
func heldFrom(ctx context.Context, c *kafka.Client) (int64, error) {
	res, err := c.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: HoldGroup, Topics: map[string][]int{Topic: {Partition}}})
	if err == nil {
		err = res.Error
	}
	if errors.Is(err, kafka.GroupIdNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("broker: asking what is still to be read: %w", err)
	}
	var from int64
	for _, p := range res.Topics[Topic] {
		if p.Error != nil {
			return 0, fmt.Errorf("broker: asking what is still to be read: %w", p.Error)
		}
		from = max(p.CommittedOffset, 0) // -1: none
	}
	return from, nil
}

// Size is what the log in a data directory takes on disk, and what of it are segments
// with records from offset on. Another process may be writing to it.
func Size(dir string, from int64) (all, unread int64, err error) {
	list, err := segments(dir)
	if err != nil {
		return 0, 0, err
	}
	for i, s := range list {
		info, err := os.Stat(s.name)
		if os.IsNotExist(err) {
			continue // it has just expired
		}
		if err != nil {
			return 0, 0, fmt.Errorf("broker: measuring the log: %w", err)
		}
		all += info.Size()
		if i == len(list)-1 || list[i+1].base > from {
			unread += info.Size()
		}
	}
	return all, unread, nil
}

// bound is how many bytes the log may have now, so that nothing expires that is still to
// be read. The segment that is being written is room for what comes until retention runs.
func (k *keeper) bound(ctx context.Context) (int64, error) {
	from, err := heldFrom(ctx, k.client)
	if err != nil {
		return 0, err
	}
	_, unread, err := Size(k.dir, from)
	if err != nil {
		return 0, err
	}
	return min(max(unread+k.retention.SegmentBytes, k.retention.Bytes), k.retention.Hold), nil
}

// hold gives the topic the bound of now.
//
// A crash anywhere leaves a bound in the topic's configuration that nobody applies:
// EnsureTopic sets Bytes at the next start, and what is held is asked for before the
// retention run of that start.
func (k *keeper) hold(ctx context.Context) error {
	if k.retention.Hold <= k.retention.Bytes {
		return nil
	}
	bound, err := k.bound(ctx)
	if err != nil {
		return err
	}
	if bound == k.bytes {
		return nil
	}
	err = alterTopic(ctx, k.client, []kafka.ConfigEntry{{ConfigName: retentionBytes, ConfigValue: strconv.FormatInt(bound, 10)}})
	if err != nil {
		return fmt.Errorf("broker: holding the log: %w", err)
	}
	k.tellHold(bound)
	k.bytes = bound
	return nil
}

// tellHold logs when a hold begins, reaches its limit, and ends.
func (k *keeper) tellHold(bound int64) {
	r := k.retention
	switch {
	case bound == r.Hold:
		k.log.Warn("the log is held up to its limit: records expire before the index has read them", "hold_bytes", r.Hold)
	case bound > r.Bytes && k.bytes <= r.Bytes:
		k.log.Info("the log is held for the index, which is behind", "retention_bytes", r.Bytes, "hold_bytes", r.Hold)
	case bound == r.Bytes && k.bytes > r.Bytes:
		k.log.Info("the log is not held any more", "retention_bytes", r.Bytes)
	}
}
