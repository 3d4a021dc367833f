package ingesttest

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"tributary/ingest"
)

// Broker is a kfake broker in this process, over TCP on loopback, in memory or
// on a directory.
type Broker struct {
	t       testing.TB
	dir     string
	cluster *kfake.Cluster
	addr    string
}

// NewBroker starts a broker. With dir it keeps its data there.
func NewBroker(t testing.TB, dir string) *Broker {
	t.Helper()
	b := &Broker{t: t, dir: dir}
	b.Start()
	t.Cleanup(b.Stop)
	return b
}

// Start starts the broker, again on the address that it had before.
func (b *Broker) Start() {
	b.t.Helper()
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
	if b.cluster != nil {
		b.cluster.Close()
		b.cluster = nil
	}
}

// Cluster is kfake's own handle.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// Kafka is how the log reaches the broker.
func (b *Broker) Kafka() ingest.Kafka {
	return ingest.Kafka{Addr: kafka.TCP(b.addr), Transport: &kafka.Transport{DialTimeout: time.Second}}
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
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	res, err := b.Client().Produce(ctx, &kafka.ProduceRequest{
		Topic: "posts", RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
	})
	if err != nil || res.Error != nil {
		b.t.Fatalf("produce: %v %v", err, res)
	}
}
