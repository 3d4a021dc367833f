//go:build e2e && linux

package e2e

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tributary/ingest"
	"tributary/ingest/broker"
	"tributary/ingest/ingesttest"
)

// logDir is the embedded log of the program.
func (p *program) logDir() string { return filepath.Join(p.data, "log") }

// brokerSocket is where the embedded broker listens while the program runs.
func (p *program) brokerSocket() string { return filepath.Join(p.data, "broker.sock") }

// copyLog copies the log; nobody may be using it.
func (p *program) copyLog() string {
	p.t.Helper()
	copied := filepath.Join(p.t.TempDir(), "log")
	if err := os.CopyFS(copied, os.DirFS(p.logDir())); err != nil {
		p.t.Fatal(err)
	}
	return copied
}

// replaceLog puts another folder in the log's place, or nothing.
func (p *program) replaceLog(with string) {
	p.t.Helper()
	if err := os.RemoveAll(p.logDir()); err != nil {
		p.t.Fatal(err)
	}
	if with == "" {
		return
	}
	if err := os.CopyFS(p.logDir(), os.DirFS(with)); err != nil {
		p.t.Fatal(err)
	}
}

// appendAlone runs the broker without the program, as an operator might, and
// appends records by a plain client.
func (p *program) appendAlone(records ...*ingest.Record) {
	p.t.Helper()
	p.appendBy(nil, records)
}

// appendBy is appendAlone with more arguments for the broker.
func (p *program) appendBy(arguments []string, records []*ingest.Record) {
	p.t.Helper()
	socket := filepath.Join(p.t.TempDir(), "alone.sock")
	command := exec.Command(p.binary, append([]string{"broker", "--dir", p.logDir(), "--socket", socket}, arguments...)...)
	said, err := os.Create(filepath.Join(filepath.Dir(socket), "alone.log"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = said.Close() }()
	command.Env, command.Stdout, command.Stderr = cleanEnvironment(), said, said
	alone, err := spawn(command)
	if err != nil {
		p.t.Fatal(err)
	}
	defer alone.kill()
	await(p.t, "the broker alone", func() []string {
		text := tail(said.Name(), 10)
		if alone.gone() {
			p.t.Fatalf("the broker alone ended with %s: %s", alone.cmd.ProcessState, text)
		}
		if !slices.Contains(strings.Split(text, "\n"), "ready") {
			return []string{"its word that it is ready: " + text}
		}
		return nil
	})
	produce(p.t, socket, records)
	if err := alone.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	<-alone.exited
	if code := alone.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("the broker alone ended with %s after SIGTERM: %s", alone.cmd.ProcessState, tail(said.Name(), 10))
	}
}

func produce(t *testing.T, socket string, records []*ingest.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), arrivalTime)
	defer cancel()
	var stored []kafka.Record
	for _, r := range records {
		value, err := ingest.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, kafka.Record{Time: time.Now(), Value: kafka.NewBytes(value)})
	}
	transport := broker.Transport(socket)
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: broker.Addr, Transport: transport}
	for some := range slices.Chunk(stored, 8) { // a batch is a MiB at most
		answer, err := client.Produce(ctx, &kafka.ProduceRequest{
			Topic: broker.Topic, Partition: broker.Partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(some...),
		})
		if err != nil || answer.Error != nil {
			t.Fatalf("appending by a plain client: %v %+v", err, answer)
		}
	}
}

// foreign are records of posts that the program never saw.
func foreign(host string, count int) []*ingest.Record {
	records := make([]*ingest.Record, count)
	for i := range records {
		records[i] = ingesttest.Post(host, i, ingest.TierSearch)
	}
	return records
}

// expireHalf deletes the older half of the log, as retention does, and returns
// the offset that it begins with then.
func (p *program) expireHalf() int64 {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), arrivalTime)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr.String()), kgo.Dialer(
		func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", p.brokerSocket())
		}))
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	ends := kmsg.NewListOffsetsRequest()
	end := kmsg.NewListOffsetsRequestTopicPartition()
	end.Partition, end.Timestamp = broker.Partition, -1
	ends.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: broker.Topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{end}}}
	listed, err := ends.RequestWith(ctx, client)
	if err != nil || listed.Topics[0].Partitions[0].ErrorCode != 0 {
		p.t.Fatalf("the log's end: %v %+v", err, listed)
	}
	middle := listed.Topics[0].Partitions[0].Offset / 2
	expire := kmsg.NewDeleteRecordsRequest()
	expire.TimeoutMillis = 5000
	expire.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: broker.Topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{
		{Partition: broker.Partition, Offset: middle},
	}}}
	done, err := expire.RequestWith(ctx, client)
	if err != nil || done.Topics[0].Partitions[0].ErrorCode != 0 {
		p.t.Fatalf("expiring records: %v %+v", err, done)
	}
	return middle
}
