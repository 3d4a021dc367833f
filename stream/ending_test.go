package stream

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tributary/ingest"
)

func TestClientCloses(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	c := f.connect("")
	if err := c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "enough")); err != nil {
		t.Fatal(err)
	}
	if e := c.closed(); e.Code != 1000 {
		t.Errorf("close: %v", e)
	}
	f.reached("tributary_stream_closes_total", "client", 1)
}

// A client that talks is told that nobody listens, however much it says.
func TestClientTalks(t *testing.T) {
	for _, n := range []int{0, 1, 100_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			f := newFixture(t, Config{}, nil)
			f.Append(posts(2)...)
			c := f.connect("?cursor=0")
			if err := c.WriteMessage(websocket.TextMessage, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
			if e := c.closed(); e.Code != websocket.ClosePolicyViolation || !strings.Contains(e.Text, "push only") {
				t.Errorf("close: %v", e)
			}
			f.reached("tributary_stream_closes_total", "talk", 1)
		})
	}
}

func TestClientBreaksTheProtocol(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	c := f.connect("")
	if _, err := c.NetConn().Write([]byte{0x81, 0x00}); err != nil { // not masked
		t.Fatal(err)
	}
	if e := c.closed(); e.Code != websocket.CloseProtocolError {
		t.Errorf("close: %v", e)
	}
	f.reached("tributary_stream_closes_total", "protocol", 1)
}

func TestPings(t *testing.T) {
	t.Run("answers", func(t *testing.T) {
		f := newFixture(t, Config{}, nil)
		c := f.connect("")
		pong := make(chan string, 1)
		c.SetPongHandler(func(s string) error { pong <- s; return nil })
		if err := c.WriteMessage(websocket.PingMessage, []byte("are you there")); err != nil {
			t.Fatal(err)
		}
		f.Append(post(1, ingest.TierLive))
		c.expect(created(1))
		for n := 2; len(pong) == 0; n++ {
			f.Append(post(n, ingest.TierLive))
			c.next()
		}
		if got := <-pong; got != "are you there" {
			t.Errorf("pong %q", got)
		}
	})
	t.Run("keeps who answers", func(t *testing.T) {
		f := newFixture(t, Config{Ping: 5 * time.Millisecond, PongTimeout: time.Minute, Heartbeat: time.Hour}, nil)
		c := f.connect("")
		pings, answer := 0, c.PingHandler()
		c.SetPingHandler(func(s string) error {
			if pings++; pings == 10 {
				return fmt.Errorf("enough")
			}
			return answer(s)
		})
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, _, err := c.ReadMessage(); err == nil || pings != 10 {
			t.Errorf("%d pings, %v", pings, err)
		}
	})
	t.Run("ends who does not", func(t *testing.T) {
		f := newFixture(t, Config{Ping: 10 * time.Millisecond, PongTimeout: 30 * time.Millisecond, Heartbeat: time.Hour}, nil)
		c := f.connect("")
		c.SetPingHandler(func(string) error { return nil })
		if e := c.closed(); e.Code != websocket.ClosePolicyViolation || !strings.Contains(e.Text, "ping") {
			t.Errorf("close: %v", e)
		}
		f.reached("tributary_stream_closes_total", "silent", 1)
	})
}

// Close tells every client where to resume, and resuming there skips nothing.
func TestShutdown(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	f.Append(posts(3)...)
	idle, reading := f.connect(""), f.connect("?cursor=0")
	reading.expect(created(0), created(1), created(2))
	// It reads nothing but its close frame.
	closing := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		closing <- f.srv.Close(ctx)
	}()
	for _, c := range []*conn{idle, reading} {
		e := c.closed()
		if e.Code != websocket.CloseGoingAway || !strings.HasPrefix(e.Text, "server shutting down") || resumeFrom(t, e) != f.Tail.Tip() {
			t.Errorf("close: %v, tip %d", e, f.Tail.Tip())
		}
	}
	if err := <-closing; err != nil {
		t.Error(err)
	}
	f.refused("", nil, 503, "ShuttingDown")
	f.reached("tributary_stream_closes_total", "shutdown", 2)
	f.reached("tributary_stream_clients", "", 0)
}

// big makes n posts that fill the socket's buffers.
func big(n int) []*ingest.Record {
	all := posts(n)
	for _, r := range all {
		r.Post.Content = "<p>" + strings.Repeat("x", 60_000) + "</p>"
	}
	return all
}

// stalled connects a client that reads nothing, and waits until the server
// cannot write to it any more.
func (f *fixture) stalled(records int) *conn {
	f.t.Helper()
	c := f.connect("?cursor=0")
	c.shrink()
	f.Append(big(records)...)
	eventually(f.t, "the write stalls", func() bool {
		before := f.counter("tributary_stream_sent_bytes_total", "")
		time.Sleep(50 * time.Millisecond)
		return before > 0 && f.counter("tributary_stream_sent_bytes_total", "") == before
	})
	return c
}

// A client that was stopped is still told why it is closed, and where to go on,
// when it reads again: behind whole frames.
func TestStalledClientIsTold(t *testing.T) {
	for _, c := range []struct {
		reason string
		code   int
		cfg    Config
		end    func(*fixture)
	}{
		{"slow", websocket.ClosePolicyViolation, Config{StallTimeout: 300 * time.Millisecond, CloseWait: 20 * time.Millisecond}, func(*fixture) {}},
		{"shutdown", websocket.CloseGoingAway, Config{StallTimeout: time.Hour, CloseWait: 20 * time.Millisecond}, func(f *fixture) {
			go func() { _ = f.srv.Close(context.Background()) }()
		}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			f := newFixture(t, c.cfg, nil)
			client := f.stalled(40)
			c.end(f)
			// Nobody is there any more on the server's side; the kernel has the rest.
			f.reached("tributary_stream_closes_total", c.reason, 1)
			var last uint64
			for {
				fr, err := client.read()
				if err != nil {
					e, ok := err.(*websocket.CloseError)
					if !ok || e.Code != c.code {
						t.Fatalf("close: %v", err)
					}
					if at := resumeFrom(t, e); at != last {
						t.Errorf("resume at %d, the last frame was %d", at, last)
					}
					break
				}
				last = fr.Seq
			}
			if last == 0 || last >= f.Tail.Tip() {
				t.Errorf("last frame %d, tip %d", last, f.Tail.Tip())
			}
		})
	}
}

// A client that reads slowly stays and gets everything: each of its reads lets
// some of a write through, and that is progress.
func TestSlowClientStays(t *testing.T) {
	f := newFixture(t, Config{StallTimeout: 5 * time.Second}, nil)
	const n = 40
	c := f.stalled(n)
	for i := range n {
		if fr := c.next(); fr.short() != created(i) {
			t.Fatalf("frame %d: %s", i, fr.short())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A pong waits behind the backlog that the client has not read yet: a write that
// goes on after it was blocked stands for it. One that was not blocked says
// nothing about the other side.
func TestProgressCountsAsPong(t *testing.T) {
	for _, blocked := range []bool{true, false} {
		server, peer := net.Pipe()
		c := &client{srv: &Server{cfg: Config{}.withDefaults()}, conn: server}
		c.times.awaiting = true
		go func() {
			if blocked {
				time.Sleep(2 * blockedWrite)
			}
			_, _ = io.Copy(io.Discard, peer)
		}()
		if end := c.write([]byte("frame")); end != nil {
			t.Fatal(end.reason)
		}
		if blocked == c.times.awaiting {
			t.Errorf("blocked: %v, still waiting for a pong: %v", blocked, c.times.awaiting)
		}
		server.Close()
	}
}

// Close does not wait for ever: a client that neither reads nor answers is cut.
func TestShutdownCuts(t *testing.T) {
	f := newFixture(t, Config{CloseWait: time.Hour}, nil)
	f.stalled(20)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := f.srv.Close(ctx); err == nil {
		t.Error("a deadline that passed is no error")
	}
	f.reached("tributary_stream_closes_total", "shutdown", 1)
}

// What retention took is told as a gap, live to the cursor's owner.
func TestGap(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	f.Append(posts(10)...)
	first := f.connect("?cursor=0").expect(created(0))[0]
	f.Stop()
	f.Broker.DeleteRecords(6)
	f.Start()
	f.serve(Config{}, nil)
	got := f.connect(fmt.Sprintf("?cursor=%d", first.Seq)).expect("gap", created(6), created(7))
	if gap := got[0]; gap.Reason != "expired" || gap.From != first.Seq || gap.To != got[1].Seq || gap.Seq != gap.To-1 {
		t.Errorf("gap: %+v before seq %d", gap, got[1].Seq)
	}
	f.connect("?cursor=0").expect(created(6)) // asked for what there is
}

// A log that was replaced under a running stream: the reader is told what is
// lost, and the next accepted post reaches it under a seq that was never shown.
func TestRegressedLog(t *testing.T) {
	f := newFixture(t, Config{}, nil)
	c := f.connect("")
	f.Append(posts(3)...)
	last := c.expect(created(0), created(1), created(2))[2]
	f.Broker.Stop()
	f.Broker.Start() // in memory: it has forgotten everything
	f.Broker.CreateTopic()
	eventually(t, "the Tail notices", func() bool { return f.Tail.Tip() > last.Seq })
	f.Append(post(7, ingest.TierLive))
	got := c.expect("gap", created(7))
	if gap := got[0]; gap.Reason != "regressed" || gap.From != last.Seq+1 || gap.Seq < last.Seq || got[1].Seq <= gap.Seq {
		t.Errorf("gap %+v after seq %d, then seq %d", gap, last.Seq, got[1].Seq)
	}
	f.connect(fmt.Sprintf("?cursor=%d", last.Seq+1)).expect("gap", created(7))
}
