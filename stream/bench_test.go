package stream

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gorilla/websocket"

	"tributary/ingest"
	"tributary/ingest/ingesttest"
)

// benchRecord is a post whose frame has about 2.5 KB.
func benchRecord(n int) *ingest.Record {
	r := ingesttest.Post("bench.example", n, ingest.TierSearch)
	r.Post.Content = strings.Repeat(`<p>Some words <a href="https://a.example/tags/cats" class="mention hashtag" rel="tag">#<span>cats</span></a></p>`, 9)
	r.Author.Note = strings.Repeat("<p>I write things.</p>", 10)
	return r
}

// drainer is a client that only counts bytes, so that what is measured is the
// server.
type drainer struct {
	conn net.Conn
	buf  []byte
}

func newDrainer(b *testing.B, web *httptest.Server, query string) *drainer {
	b.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(web.URL, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	upgrade := "Connection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if strings.HasPrefix(query, streamingPath[1:]+"/") {
		upgrade = "" // server-sent events
	}
	fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\n%s\r\n", query, upgrade)
	// A byte at a time, lest the handshake's reader takes bytes of the stream.
	res, err := http.ReadResponse(bufio.NewReaderSize(iotest.OneByteReader(conn), 16), nil)
	if err != nil || upgrade != "" && res.StatusCode != http.StatusSwitchingProtocols || upgrade == "" && res.StatusCode != http.StatusOK {
		b.Fatalf("handshake: %v %v", res, err)
	}
	return &drainer{conn, make([]byte, 64<<10)}
}

// drain reads until n bytes came, or the connection ends.
func (d *drainer) drain(n int64, count *atomic.Int64) {
	for n > 0 {
		got, err := d.conn.Read(d.buf[:min(n, int64(len(d.buf)))])
		count.Add(int64(got))
		if n -= int64(got); err != nil {
			return
		}
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The whole way from the log to the sockets' other ends: what a frame costs when
// clients are behind (replay: large writes), and when each post goes out as it
// comes (live: one write a client and post). Both count the broker, the Tail and
// the draining clients, which run in this process.
func BenchmarkFanOut(b *testing.B) {
	for _, clients := range []int{1, 100, 500} {
		b.Run(fmt.Sprintf("replay/clients=%d", clients), func(b *testing.B) { benchReplay(b, clients) })
	}
	for _, clients := range []int{1, 100, 500} {
		b.Run(fmt.Sprintf("live/clients=%d", clients), func(b *testing.B) { benchLive(b, clients) })
	}
}

func benchReplay(b *testing.B, clients int) {
	f := newFixture(b, Config{}, nil)
	const records = 2000
	var all []*ingest.Record
	for i := range records {
		all = append(all, benchRecord(i))
	}
	f.appendStory(all)
	size := f.frameBytes(records)
	var bytes atomic.Int64
	newDrainer(b, f.web, "?cursor=0").drain(size, &bytes) // each frame is encoded now
	began := cpu()
	b.ReportAllocs()
	for b.Loop() {
		var reading sync.WaitGroup
		for range clients {
			d := newDrainer(b, f.web, "?cursor=0")
			reading.Go(func() { d.drain(size, &bytes); d.conn.Close() })
		}
		reading.Wait()
	}
	report(b, began, b.N*clients*records, int(size)/records)
}

// frameBytes is the size of the frames of the log's newest records.
func (f *fixture) frameBytes(records int) int64 {
	return f.bytesOf(records, func(r *ingest.Record) int { return len(testEncoder.encode(r)) })
}

func (f *fixture) bytesOf(records int, of func(*ingest.Record) int) (size int64) {
	reader := f.Tail.Reader(ingest.ViewStream, f.Tail.Tip()+1-uint64(records))
	for f.Tail.Tip() > reader.Position() {
		batch, err := reader.Next(context.Background(), 1000)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, e := range batch.Entries {
			size += int64(of(e.Record))
		}
	}
	return size
}

// The same of Mastodon's streams, live.
func BenchmarkMastodonFanOut(b *testing.B) {
	prefix := []byte(`{"stream":["public"],`)
	for name, c := range map[string]struct {
		query string
		size  func(*ingest.Record) int
	}{
		"websocket":   {"api/v1/streaming?stream=public", func(r *ingest.Record) int { return 4 + len(prefix) + len(testEvents.frame(r)) }},
		"server-sent": {"api/v1/streaming/public", func(r *ingest.Record) int { return len(testEvents.chunk(r)) }},
	} {
		b.Run(name+"/clients=500", func(b *testing.B) { benchLiveAs(b, 500, c.query, c.size) })
	}
}

func benchLive(b *testing.B, clients int) {
	benchLiveAs(b, clients, "", func(r *ingest.Record) int { return len(testEncoder.encode(r)) })
}

// benchLiveAs has clients of a query, to whom a record is so many bytes.
func benchLiveAs(b *testing.B, clients int, query string, bytesOf func(*ingest.Record) int) {
	f := newFixture(b, Config{Heartbeat: time.Hour}, nil)
	var bytes atomic.Int64
	var draining sync.WaitGroup
	b.Cleanup(draining.Wait) // after every connection was closed
	for range clients {
		d := newDrainer(b, f.web, query)
		draining.Go(func() { d.drain(1<<60, &bytes) })
	}
	n := 1_000_000 // numbers of one length
	var size int64
	send := func() {
		before := bytes.Load()
		if err := f.Log.Append(b.Context(), benchRecord(n)); err != nil {
			b.Fatal(err)
		}
		if n++; size == 0 {
			f.CatchUp()
			size = f.bytesOf(1, bytesOf)
		}
		for bytes.Load() < before+int64(clients)*size {
			time.Sleep(20 * time.Microsecond)
		}
	}
	send()
	began := cpu()
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
	report(b, began, b.N*clients, int(size))
}

// What a connection costs that has nothing to do: goroutines' stacks and heap, of
// the server and of the draining client together.
func BenchmarkIdle(b *testing.B) {
	f := newFixture(b, Config{Heartbeat: time.Hour}, nil)
	const clients = 1000
	var before, after runtime.MemStats
	heap()
	runtime.ReadMemStats(&before)
	for range clients {
		newDrainer(b, f.web, "").buf = nil
	}
	f.reached("tributary_stream_clients", "", clients)
	heap()
	runtime.ReadMemStats(&after)
	for b.Loop() {
		runtime.KeepAlive(f)
	}
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/clients, "heap-B/client")
	b.ReportMetric(float64(int64(after.StackInuse)-int64(before.StackInuse))/clients, "stack-B/client")
}

func report(b *testing.B, began time.Duration, frames, size int) {
	b.ReportMetric(float64(frames)/b.Elapsed().Seconds(), "frames/s")
	b.ReportMetric(float64((cpu()-began).Nanoseconds())/float64(frames), "cpu-ns/frame")
	b.ReportMetric(float64(frames*size)/b.Elapsed().Seconds()/1e6, "MB/s")
}

// Why frames are built here: a frame of 2.5 KB to a client that reads at full
// speed, by gorilla/websocket and by one write for one frame and for as many as
// batchBytes holds.
func BenchmarkWrite(b *testing.B) {
	frame := testEncoder.encode(benchPost())
	b.Run("gorilla prepared", func(b *testing.B) {
		pm, err := websocket.NewPreparedMessage(websocket.TextMessage, frame[4:])
		if err != nil {
			b.Fatal(err)
		}
		ws := gorillaConn(b)
		b.SetBytes(int64(len(frame)))
		for b.Loop() {
			_ = ws.SetWriteDeadline(time.Now().Add(time.Minute))
			if err := ws.WritePreparedMessage(pm); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, n := range []int{1, batchBytes / len(frame)} {
		b.Run(fmt.Sprintf("own frames=%d", n), func(b *testing.B) {
			conn := gorillaConn(b).NetConn()
			buf := make([]byte, 0, batchBytes)
			b.SetBytes(int64(len(frame)))
			for i := 0; b.Loop(); i++ {
				buf = append(buf, frame...)
				if (i+1)%n != 0 {
					continue
				}
				_ = conn.SetWriteDeadline(time.Now().Add(time.Minute))
				if _, err := conn.Write(buf); err != nil {
					b.Fatal(err)
				}
				buf = buf[:0]
			}
		})
	}
}

// gorillaConn is a server's side, whose other side is drained.
func gorillaConn(b *testing.B) *websocket.Conn {
	b.Helper()
	got := make(chan *websocket.Conn, 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := websocket.Upgrader{}
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			b.Error(err)
		}
		got <- ws
	}))
	d, ws := newDrainer(b, web, ""), <-got
	var draining sync.WaitGroup
	var bytes atomic.Int64
	draining.Go(func() { d.drain(1<<60, &bytes) })
	b.Cleanup(func() { ws.Close(); draining.Wait(); web.Close() })
	return ws
}
