package broker

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"tributary/ingest/child"
	"tributary/ingest/child/childtest"
)

// A post of 3 KB makes a record of some 6 KB: the raw bytes and what was parsed. Half of
// it is random here, the rest repeats.
const recordBytes = 6000

func payload() []byte {
	b := []byte(strings.Repeat("the quick brown fox jumps over a lazy dog. ", recordBytes/43+1))[:recordBytes]
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(b[:recordBytes/2])
	return b
}

func quiet(b *testing.B) Options {
	o := options(b)
	o.Log = slog.New(slog.DiscardHandler)
	return o
}

// BenchmarkProduce is what the appender does: one Client.Produce with RequireAll and fsync,
// over the unix socket to the broker's own process. It bounds how long an inbox POST waits
// for its 202. Latencies are per call.
func BenchmarkProduce(b *testing.B) {
	o := quiet(b)
	p := supervise(b, o)
	childtest.Ready(b, p)
	value := payload()
	for _, c := range []struct{ records, callers int }{{1, 1}, {1, 4}, {10, 1}, {100, 1}, {100, 4}} {
		b.Run(fmt.Sprintf("records=%d/callers=%d", c.records, c.callers), func(b *testing.B) {
			cl := client(b, o.Socket)
			batch := func() error {
				records := make([]kafka.Record, c.records)
				now := time.Now()
				for i := range records {
					records[i] = kafka.Record{Time: now, Value: kafka.NewBytes(value)}
				}
				res, err := cl.Produce(b.Context(), &kafka.ProduceRequest{
					Topic: Topic, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
				})
				if err == nil {
					err = res.Error
				}
				return err
			}
			if err := batch(); err != nil { // connects
				b.Fatal(err)
			}
			took := make([]time.Duration, b.N)
			var n atomic.Int64
			b.SetBytes(int64(c.records * recordBytes))
			b.SetParallelism(1)
			b.ResetTimer()
			done := make(chan error)
			for range c.callers {
				go func() {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						begun := time.Now()
						if err := batch(); err != nil {
							done <- err
							return
						}
						took[i-1] = time.Since(begun)
					}
					done <- nil
				}()
			}
			for range c.callers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(took[b.N/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[b.N*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(b.N*c.records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkLatency is a record's way from Produce to a waiting Fetch on another connection.
func BenchmarkLatency(b *testing.B) {
	o := quiet(b)
	p := supervise(b, o)
	childtest.Ready(b, p)
	w, r := client(b, o.Socket), client(b, o.Socket)
	value := string(payload())
	at, err := produce(b.Context(), w, value)
	if err != nil {
		b.Fatal(err)
	}
	arrived := make(chan error)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	go func() {
		for next := at + 1; ; next++ {
			res, err := r.Fetch(ctx, &kafka.FetchRequest{Topic: Topic, Offset: next, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 5 * time.Second})
			if err == nil {
				err = res.Error
			}
			select {
			case arrived <- err:
			case <-ctx.Done():
				return
			}
		}
	}()
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		begun := time.Now()
		if _, err := produce(b.Context(), w, value); err != nil {
			b.Fatal(err)
		}
		if err := <-arrived; err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkStart is a child's way from nothing to ready, and what memory it needs: with
// an empty log, with a full one, and with a full one and one held for the index that
// SIGKILL left.
func BenchmarkStart(b *testing.B) {
	fill := func(o Options, mib int) {
		c := client(b, o.Socket)
		records := make([]kafka.Record, 100)
		value := payload()
		for range mib << 20 / (100 * recordBytes) {
			now := time.Now()
			for i := range records {
				records[i] = kafka.Record{Time: now, Value: kafka.NewBytes(value)}
			}
			res, err := c.Produce(b.Context(), &kafka.ProduceRequest{Topic: Topic, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...)})
			if err != nil || res.Error != nil {
				b.Fatal(err, res)
			}
		}
	}
	clean := func(p *child.Process) {
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
	killed := func(p *child.Process) { childtest.Kill(b, p.Pid()); p.Close() }
	for _, c := range []struct {
		name string
		mib  int
		end  func(*child.Process)
	}{{"empty", 0, clean}, {"full", 256, clean}, {"full-killed", 256, killed}, {"held-killed", 1024, killed}} {
		b.Run(c.name, func(b *testing.B) {
			o := quiet(b)
			const hold = "1073741824"
			p := supervise(b, o, "-hold", hold)
			childtest.Ready(b, p)
			fill(o, c.mib)
			c.end(p)
			var idle, peak int64
			for b.Loop() {
				p := supervise(b, o, "-hold", hold)
				childtest.Ready(b, p)
				b.StopTimer()
				idle, peak = memory(b, p.Pid(), "VmRSS"), memory(b, p.Pid(), "VmHWM")
				c.end(p)
				b.StartTimer()
			}
			b.ReportMetric(float64(idle)/1024, "idle-MiB")
			b.ReportMetric(float64(peak)/1024, "peak-MiB")
		})
	}
}
