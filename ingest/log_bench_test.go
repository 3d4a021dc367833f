package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tributary/ingest"
	"tributary/ingest/ap"
	"tributary/ingest/ingesttest"
)

// longNote is a Create of about 3 KB, as Mastodon sends it.
func longNote(author *ap.Actor, n int) doc {
	return note(author, n, doc{"content": "<p>" + strings.Repeat("a post of some length, ", 100) + "</p>"})
}

// BenchmarkAdmission bounds what an accepted post costs after its signature was
// checked: state look-ups, encoding, the broker's acknowledgement, shared by
// those who come at the same time.
func BenchmarkAdmission(b *testing.B) {
	for _, c := range []struct {
		name    string
		senders int
	}{{"alone", 1}, {"32 senders", 32}} {
		b.Run(c.name, func(b *testing.B) {
			env := ingesttest.NewOn(b, ingesttest.NewBroker(b, b.TempDir()), b.TempDir())
			alice := person("a.example", "alice", true, true)
			arrivals := make([]ingest.Arrival, b.N)
			for i := range arrivals {
				raw, _ := json.Marshal(activity("Create", alice, longNote(alice, i)))
				act, err := ap.ParseActivity(raw)
				if err != nil {
					b.Fatal(err)
				}
				arrivals[i] = ingest.Arrival{Raw: raw, Activity: act, Signer: alice, Giver: "a.example", Grant: ingest.GrantSubscriber}
			}
			next := make(chan ingest.Arrival, b.N)
			for _, a := range arrivals {
				next <- a
			}
			close(next)
			b.ReportAllocs()
			b.ResetTimer()
			done := make(chan error, c.senders)
			for range c.senders {
				go func() {
					for a := range next {
						if _, err := env.Admission.Admit(context.Background(), a); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range c.senders {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTail bounds the one reading of the log: fetch, decode, fold, ring,
// and the fold into the state database behind it.
func BenchmarkTail(b *testing.B) {
	broker := ingesttest.NewBroker(b, "")
	env := ingesttest.NewOn(b, broker, b.TempDir())
	env.Stop()
	const batch = 200
	for i := 0; i < b.N; i += batch {
		var values [][]byte
		for j := i; j < min(i+batch, b.N); j++ {
			r := ingesttest.Post("a.example", j, ingest.TierSearch)
			r.Raw = append(r.Raw, make([]byte, 3<<10)...)
			v, err := ingest.Encode(r)
			if err != nil {
				b.Fatal(err)
			}
			values = append(values, v)
		}
		broker.Produce(values...)
	}
	b.ReportAllocs()
	b.ResetTimer()
	env.Start() // ready when the state database has it all
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkHotRead bounds what a reader that keeps up costs per record.
func BenchmarkHotRead(b *testing.B) {
	env := ingesttest.New(b)
	broker := env.Broker
	for i := range 10 {
		broker.Produce(values(b, "a.example", i*100, i*100+100)...)
	}
	env.CatchUp()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b.ReportAllocs()
	for n := 0; n < b.N; {
		r := env.Tail.Reader(ingest.ViewStream, 1)
		for got := 0; got < 1000 && n < b.N; {
			batch, err := r.Next(ctx, 64)
			if err != nil {
				b.Fatal(err)
			}
			got, n = got+len(batch.Entries), n+len(batch.Entries)
		}
	}
}

// BenchmarkColdRead is what a reader costs that stands far behind, per record, the broker's part in this process
// included: some records at a time, as a lane or a stream asks for, and many, as the index does.
func BenchmarkColdRead(b *testing.B) {
	const records = 50_000
	env := ingesttest.New(b)
	for i := 0; i < records; i += 250 {
		env.Broker.Produce(values(b, "a.example", i, i+250)...)
	}
	env.CatchUp()
	for _, limit := range []int{32, 1024} {
		b.Run(fmt.Sprint(limit), func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; n < b.N; {
				r := env.Tail.Reader(ingest.ViewStream, 1)
				for got := 0; got < records/2 && n < b.N; {
					batch, err := r.Next(b.Context(), limit)
					if err != nil {
						b.Fatal(err)
					}
					got, n = got+len(batch.Entries), n+len(batch.Entries)
				}
			}
		})
	}
}
