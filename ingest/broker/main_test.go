package broker

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/goleak"

	"tributary/ingest/child"
	"tributary/ingest/child/childtest"
)

// TestMain lets the test binary be the broker's process, as `tributary broker` is, and
// the parent of one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "broker" {
		os.Exit(brokerMain(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "parent" {
		fmt.Fprintln(os.Stderr, childtest.ParentMain(os.Args[2:]))
		os.Exit(1)
	}
	flag.Parse()
	goleak.VerifyTestMain(m)
}

func brokerMain(args []string) int {
	log := child.Logger(slog.LevelInfo)
	o := Options{Heartbeat: func() []byte { return []byte("heartbeat") }, Log: log, Ready: child.Ready}
	fs := flag.NewFlagSet("broker", flag.ExitOnError)
	fs.StringVar(&o.Dir, "dir", "", "")
	fs.StringVar(&o.Socket, "socket", "", "")
	fs.DurationVar(&o.LockWait, "lock-wait", 0, "")
	fs.Int64Var(&o.Retention.Bytes, "bytes", 0, "")
	fs.Int64Var(&o.Retention.Hold, "hold", 0, "")
	fs.Int64Var(&o.Retention.SegmentBytes, "segment-bytes", 0, "")
	fs.BoolVar(&o.off.memory, "off-memory", false, "")
	fs.BoolVar(&o.off.replay, "off-replay", false, "")
	_ = fs.Parse(args)
	ctx, stop := child.Context(context.Background())
	defer stop()
	if err := Run(ctx, o); err != nil {
		log.Error("broker ended", "err", err)
		return 1
	}
	return 0
}

// options for a broker in a directory of the test. What is written to it is not expected
// to expire during a test.
func options(t testing.TB) Options {
	dir := filepath.Join(t.TempDir(), "kafka")
	return Options{
		Dir:       dir,
		Socket:    filepath.Join(dir, "s"),
		Heartbeat: func() []byte { return []byte("heartbeat") },
		LockWait:  time.Nanosecond,
		Log:       childtest.Log(t),
	}
}

// open starts a broker in this process.
func open(t testing.TB, o Options) *Broker {
	t.Helper()
	b, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBroker(t, b) })
	return b
}

// keeperOf is another keeper of the broker, for a test that says when retention runs.
func keeperOf(b *Broker, o Options) *keeper {
	o.applyDefaults()
	return b.keeper(o)
}

func closeBroker(t testing.TB, b *Broker) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// supervise starts a broker as a child process.
func supervise(t testing.TB, o Options, args ...string) *child.Process {
	t.Helper()
	args = append([]string{"broker", "-dir", o.Dir, "-socket", o.Socket}, args...)
	p, err := child.Start(context.Background(), child.Spec{Name: "broker", Args: args, Log: o.Log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func client(t testing.TB, socket string) *kafka.Client {
	transport := Transport(socket)
	t.Cleanup(transport.CloseIdleConnections)
	return &kafka.Client{Addr: Addr, Transport: transport}
}

// produce appends one batch and returns its first offset.
func produce(ctx context.Context, c *kafka.Client, values ...string) (int64, error) {
	return produceAt(ctx, c, time.Now(), values...)
}

func produceAt(ctx context.Context, c *kafka.Client, at time.Time, values ...string) (int64, error) {
	records := make([]kafka.Record, len(values))
	for i, v := range values {
		records[i] = kafka.Record{Time: at, Value: kafka.NewBytes([]byte(v))}
	}
	res, err := c.Produce(ctx, &kafka.ProduceRequest{
		Topic: Topic, Partition: Partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return 0, err
	}
	return res.BaseOffset, nil
}

func mustProduce(t testing.TB, c *kafka.Client, values ...string) int64 {
	t.Helper()
	offset, err := produce(t.Context(), c, values...)
	if err != nil {
		t.Fatal(err)
	}
	return offset
}

// bounds returns the first offset of the log and the one after its last.
func bounds(t testing.TB, c *kafka.Client) (first, end int64) {
	t.Helper()
	ask := func(q kafka.OffsetRequest) kafka.PartitionOffsets {
		res, err := c.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{
			Topics: map[string][]kafka.OffsetRequest{Topic: {q}},
		})
		if err != nil {
			t.Fatal(err)
		}
		p := res.Topics[Topic][0]
		if p.Error != nil {
			t.Fatal(p.Error)
		}
		return p
	}
	return ask(kafka.FirstOffsetOf(Partition)).FirstOffset, ask(kafka.LastOffsetOf(Partition)).LastOffset
}

// read fetches the values from an offset to the log's end, by offset.
func read(t testing.TB, c *kafka.Client, from int64) map[int64]string {
	t.Helper()
	values := map[int64]string{}
	for {
		res, err := c.Fetch(t.Context(), &kafka.FetchRequest{
			Topic: Topic, Partition: Partition, Offset: from, MinBytes: 1, MaxBytes: 8 << 20, MaxWait: time.Millisecond,
		})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			t.Fatal(err)
		}
		for {
			r, err := res.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := kafka.ReadAll(r.Value)
			if err != nil {
				t.Fatal(err)
			}
			if r.Offset >= from {
				values[r.Offset] = string(b)
				from = r.Offset + 1
			}
		}
		if from >= res.HighWatermark {
			return values
		}
	}
}

// crashImage copies the data directory of a running broker: what SIGKILL would leave.
func crashImage(t testing.TB, o Options) Options {
	t.Helper()
	copied := options(t)
	copied.Retention, copied.off, copied.Log = o.Retention, o.off, o.Log
	if err := os.CopyFS(copied.Dir, withoutSockets{o.Dir}); err != nil {
		t.Fatal(err)
	}
	return copied
}
