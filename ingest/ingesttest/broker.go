package ingesttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tributary/ingest"
)

// server is the environment variable with the address of a real Kafka, which
// then takes the place of kfake: `make test-kafka`. Each Broker is a topic there.
const server = "TRIBUTARY_TEST_KAFKA"

// Real reports whether the tests run against a real Kafka.
func Real() bool { return os.Getenv(server) != "" }

// Broker is a kfake broker in this process, over TCP on loopback, in memory or
// on a directory; or a topic of its own on a real Kafka.
type Broker struct {
	t       testing.TB
	dir     string
	real    bool
	cluster *kfake.Cluster // nil on a real Kafka
	addr    string
	topic   string
	gate    gate // of a real Kafka, which no test can stop

	mu         sync.Mutex
	transports []*kafka.Transport // guarded by mu
}

// NewBroker starts a broker. With dir it keeps its data there.
func NewBroker(t testing.TB, dir string) *Broker {
	t.Helper()
	if Real() {
		return newReal(t, dir)
	}
	return NewFake(t, dir)
}

// NewFake starts a kfake, even where the others are a real Kafka.
func NewFake(t testing.TB, dir string) *Broker {
	t.Helper()
	b := &Broker{t: t, dir: dir, topic: "posts"}
	b.Start()
	t.Cleanup(b.Stop)
	return b
}

// Start starts the broker, again on the address that it had before.
func (b *Broker) Start() {
	b.t.Helper()
	if b.real {
		b.gate.open()
		return
	}
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.ClusterID("test"), kfake.BrokerConfigs(map[string]string{"message.max.bytes": "1048576"})}
	if b.dir != "" {
		opts = append(opts, kfake.DataDir(b.dir), kfake.SyncWrites())
	}
	if b.addr != "" {
		opts = append(opts, kfake.Ports(b.port()))
	}
	var err error
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if b.cluster, err = kfake.NewCluster(opts...); err == nil {
			break
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("start broker: %v", err)
		}
	}
	b.addr = b.cluster.ListenAddrs()[0]
}

func (b *Broker) port() int {
	_, port, err := net.SplitHostPort(b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscan(port, &n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// Stop closes the broker; a broker without a directory forgets everything.
func (b *Broker) Stop() {
	if b.real {
		b.stopReal()
	}
	if b.cluster != nil {
		b.cluster.Close()
		b.cluster = nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.transports {
		t.CloseIdleConnections()
	}
}

// Kafka is how the log reaches the broker.
func (b *Broker) Kafka() ingest.Kafka {
	transport := &kafka.Transport{DialTimeout: time.Second}
	if b.real {
		transport.Dial, transport.MetadataTTL = b.gate.dial, 2*time.Second
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.transports = append(b.transports, transport)
	return ingest.Kafka{Addr: kafka.TCP(b.addr), Transport: transport, Topic: b.topic}
}

// Client is a plain kafka-go client, such as a stranger's program would use.
func (b *Broker) Client() *kafka.Client {
	k := b.Kafka()
	return &kafka.Client{Addr: k.Addr, Transport: k.Transport}
}

// Produce appends stored values as they are, by a plain client.
func (b *Broker) Produce(values ...[]byte) {
	b.t.Helper()
	records := make([]kafka.Record, len(values))
	for i, v := range values {
		records[i] = kafka.Record{Time: time.Now(), Value: kafka.NewBytes(v)}
	}
	b.produce(records)
}

// produce tries again while a real Kafka has not told all of itself about a new topic.
func (b *Broker) produce(records []kafka.Record) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		res, err := b.Client().Produce(ctx, &kafka.ProduceRequest{
			Topic: b.topic, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
		})
		if err == nil {
			err = res.Error
		}
		if err == nil {
			return
		}
		if !errors.Is(err, kafka.UnknownTopicOrPartition) || !b.real || ctx.Err() != nil {
			b.t.Fatalf("produce: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// CreateTopic makes the topic, on a broker that forgot it.
func (b *Broker) CreateTopic() {
	b.t.Helper()
	b.MakeTopic(1)
}

// MakeTopic makes the topic as somebody else might.
func (b *Broker) MakeTopic(partitions int, config ...kafka.ConfigEntry) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request := &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: b.topic, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: config}},
	}
	for {
		res, err := b.Client().CreateTopics(ctx, request)
		if err == nil {
			err = res.Errors[b.topic]
		}
		if err == nil || errors.Is(err, kafka.TopicAlreadyExists) { // a running log may have made it
			return
		}
		if !errors.Is(err, kafka.BrokerNotAvailable) || ctx.Err() != nil { // a busy server
			b.t.Fatalf("create topic: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// RefuseOnce has a kfake refuse the next produce request; the channel is closed
// when it has.
func (b *Broker) RefuseOnce() <-chan struct{} {
	b.t.Helper()
	if b.cluster == nil {
		b.t.Skip("a real Kafka refuses nothing on request")
	}
	refused := make(chan struct{})
	b.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(refused)
		return nil, errors.New("refused by the test"), true // the connection is cut
	})
	return refused
}

// Stored is a record as it lies in the log: its time is part of what it is.
type Stored struct {
	Time  time.Time
	Value []byte
}

// Records gives stored values a time.
func Records(values ...[]byte) []Stored {
	all := make([]Stored, len(values))
	for i, v := range values {
		all[i] = Stored{Time: time.UnixMilli(1_790_000_000_000 + int64(i)), Value: v}
	}
	return all
}

// Values are the bytes of stored records.
func Values(stored []Stored) (values [][]byte) {
	for _, s := range stored {
		values = append(values, s.Value)
	}
	return values
}

// Prefix gives values the times of old as far as they are the same, and new ones after it.
func Prefix(old []Stored, values [][]byte) []Stored {
	all := Records(values...)
	for i := range all {
		if i >= len(old) || string(old[i].Value) != string(values[i]) {
			all[i].Time = time.UnixMilli(1_795_000_000_000 + int64(i))
		}
	}
	return all
}

// ProduceRecords appends stored records with their own times.
func (b *Broker) ProduceRecords(stored []Stored) {
	b.t.Helper()
	if len(stored) == 0 {
		return
	}
	records := make([]kafka.Record, len(stored))
	for i, s := range stored {
		records[i] = kafka.Record{Time: s.Time, Value: kafka.NewBytes(s.Value)}
	}
	b.produce(records)
}

// DeleteRecords expires everything below offset.
func (b *Broker) DeleteRecords(offset int64) {
	b.t.Helper()
	req := kmsg.NewDeleteRecordsRequest()
	req.TimeoutMillis = 5000
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = b.topic
	part := kmsg.NewDeleteRecordsRequestTopicPartition()
	part.Offset = offset
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr))
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	res, err := req.RequestWith(ctx, client)
	if err != nil || res.Topics[0].Partitions[0].ErrorCode != 0 {
		b.t.Fatalf("delete records: %v %+v", err, res)
	}
}

// Skip makes an empty topic begin at an offset.
func (b *Broker) Skip(offset int64) {
	b.t.Helper()
	if offset == 0 {
		return
	}
	filler := make([][]byte, offset)
	for i := range filler {
		filler[i] = ingest.Heartbeat()
	}
	b.Produce(filler...)
	b.DeleteRecords(offset)
}

// Bounds are the offset of the first record and one past the last.
func (b *Broker) Bounds() (start, end int64) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	res, err := b.Client().ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{b.topic: {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0)}},
	})
	if err != nil || len(res.Topics[b.topic]) != 1 || res.Topics[b.topic][0].Error != nil {
		b.t.Fatalf("list offsets: %v %+v", err, res)
	}
	return res.Topics[b.topic][0].FirstOffset, res.Topics[b.topic][0].LastOffset
}

// Read returns n records from offset on.
func (b *Broker) Read(offset int64, n int) (all []Stored) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client := b.Client()
	for len(all) < n {
		res, err := client.Fetch(ctx, &kafka.FetchRequest{
			Topic: b.topic, Offset: offset + int64(len(all)), MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second,
		})
		if err != nil || res.Error != nil {
			b.t.Fatalf("fetch: %v %v", err, res)
		}
		for len(all) < n {
			r, err := res.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.t.Fatalf("fetch: %v", err)
			}
			value, err := kafka.ReadAll(r.Value)
			if err != nil {
				b.t.Fatalf("fetch: %v", err)
			}
			if r.Offset >= offset+int64(len(all)) {
				all = append(all, Stored{Time: r.Time, Value: value})
			}
		}
	}
	return all
}
