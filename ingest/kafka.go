package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// Kafka says where the log is. Embedded or not, it is reached by address.
type Kafka struct {
	Addr      net.Addr           // of any broker
	Transport kafka.RoundTripper // how it is dialled: unix socket, TLS, SASL
	Topic     string             // default "posts"
}

func (k Kafka) topic() *topic {
	name := k.Topic
	if name == "" {
		name = "posts"
	}
	return &topic{client: &kafka.Client{Addr: k.Addr, Transport: k.Transport}, name: name}
}

// partition is the only one: one order for every consumer on every node.
const partition = 0

// topic is the one partition as the protocol shows it, with every call bounded.
type topic struct {
	client *kafka.Client
	name   string
}

// fetched is one record as it lies in the partition.
type fetched struct {
	offset int64
	time   time.Time
	value  []byte
}

// page is the answer to one fetch.
type page struct {
	records []fetched
	start   int64 // log start offset
	end     int64 // one past the newest record
}

const (
	fetchMaxBytes  = 1 << 20
	fetchMaxWait   = 2 * time.Second // the server waits this long for a first record; data arrives at once
	requestTimeout = 10 * time.Second
)

// bounds returns the first offset in the log and one past the last.
func (t *topic) bounds(ctx context.Context) (start, end int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := t.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{t.name: {kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition)}},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("ingest: list offsets: %w", err)
	}
	for _, p := range res.Topics[t.name] {
		if p.Partition == partition {
			if p.Error != nil {
				return 0, 0, fmt.Errorf("ingest: list offsets: %w", p.Error)
			}
			return p.FirstOffset, p.LastOffset, nil
		}
	}
	return 0, 0, fmt.Errorf("ingest: list offsets: %w", protocol.ErrNoPartition)
}

// fetch reads records from offset on, waiting at most wait for the first. An
// offset outside the log is kafka.OffsetOutOfRange.
func (t *topic) fetch(ctx context.Context, offset int64, maxBytes int64, wait time.Duration) (page, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+requestTimeout)
	defer cancel()
	res, err := t.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: t.name, Partition: partition, Offset: offset,
		MinBytes: 1, MaxBytes: maxBytes, MaxWait: wait,
	})
	if err != nil {
		return page{}, fmt.Errorf("ingest: fetch at offset %d: %w", offset, err)
	}
	if res.Error != nil { // the protocol's error stands here while err is nil
		return page{}, fmt.Errorf("ingest: fetch at offset %d: %w", offset, res.Error)
	}
	p := page{start: res.LogStartOffset, end: res.HighWatermark}
	p.records, err = readRecords(res.Records, offset)
	return p, err
}

func readRecords(from kafka.RecordReader, offset int64) ([]fetched, error) {
	if c, ok := from.(io.Closer); ok {
		defer c.Close()
	}
	var all []fetched
	for {
		rec, err := from.ReadRecord()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, fmt.Errorf("ingest: read records at offset %d: %w", offset, err)
		}
		value, err := protocol.ReadAll(rec.Value)
		if err != nil {
			return all, fmt.Errorf("ingest: read record at offset %d: %w", rec.Offset, err)
		}
		if rec.Offset >= offset { // a batch may begin before what was asked for
			all = append(all, fetched{offset: rec.Offset, time: rec.Time, value: value})
		}
	}
}

// produce appends values in order and returns the offset of the first. Broker
// and all in-sync replicas have them when it returns without an error; after an
// error they may or may not be there.
func (t *topic) produce(ctx context.Context, values [][]byte, now time.Time) (int64, error) {
	records := make([]kafka.Record, len(values))
	for i, v := range values {
		records[i] = kafka.Record{Time: now, Value: kafka.NewBytes(v)}
	}
	return t.produceRecords(ctx, records)
}

// produceRecords is produce for records that have their own times.
func (t *topic) produceRecords(ctx context.Context, records []kafka.Record) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := t.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: t.name, Partition: partition, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(records...), Compression: kafka.Zstd,
	})
	if err != nil {
		return 0, fmt.Errorf("ingest: produce: %w", err)
	}
	if res.Error != nil {
		return 0, fmt.Errorf("ingest: produce: %w", res.Error)
	}
	return res.BaseOffset, nil
}

// probe returns the fingerprint of the record at offset, 0 when it is not there.
func (t *topic) probe(ctx context.Context, offset int64) (uint64, error) {
	p, err := t.fetch(ctx, offset, 1, 100*time.Millisecond)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, r := range p.records {
		if r.offset == offset {
			return fingerprintOf(r.value, r.time), nil
		}
	}
	return 0, nil
}
