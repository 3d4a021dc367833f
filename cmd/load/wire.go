package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// sender posts what was prepared, on kept connections and without net/http's
// client, which takes as long as the relay's whole answer.
type sender struct {
	target string
	conns  int
	first  int            // number of the first post
	sent   []atomic.Int64 // by post: when it was due or began, ns since 1970

	done    atomic.Int64
	refused atomic.Int64

	mu      sync.Mutex
	answers []time.Duration // guarded by mu
}

func newSender(target string, conns, first, posts int) *sender {
	return &sender{target: target, conns: conns, first: first, sent: make([]atomic.Int64, posts)}
}

// since is how long ago a post was sent; false for one that was not.
func (s *sender) since(n int) (time.Duration, bool) {
	if n -= s.first; n < 0 || n >= len(s.sent) {
		return 0, false
	}
	at := s.sent[n].Load()
	return time.Duration(time.Now().UnixNano() - at), at != 0
}

// send posts all, at a rate, or as fast as they are answered when it is 0. At a
// rate a post counts from when it was due, so that a relay that is late does not
// slow its own clock.
func (s *sender) send(ctx context.Context, posts []prepared, rate float64) {
	due := make(chan prepared, s.conns)
	var sending sync.WaitGroup
	for range s.conns {
		sending.Go(func() { s.work(ctx, due, rate > 0) })
	}
	start := time.Now()
feed:
	for i, p := range posts {
		if rate > 0 {
			at := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			if !pause(ctx, time.Until(at)) {
				break
			}
			s.sent[p.n-s.first].Store(at.UnixNano())
		}
		select {
		case due <- p:
		case <-ctx.Done():
			break feed
		}
	}
	close(due)
	sending.Wait()
}

// pause reports whether d passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *sender) work(ctx context.Context, due <-chan prepared, dated bool) {
	var c *wire
	var mine []time.Duration
	defer func() {
		c.close()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answers = append(s.answers, mine...)
	}()
	for p := range due {
		if !dated {
			s.sent[p.n-s.first].Store(time.Now().UnixNano())
		}
		var err error
		if c == nil {
			if c, err = dial(ctx, s.target); err != nil {
				s.refused.Add(1)
				continue
			}
		}
		status, err := c.post(p.wire)
		if err != nil {
			c.close()
			c = nil
		}
		if status/100 != 2 {
			s.refused.Add(1)
			continue
		}
		took, _ := s.since(p.n)
		mine = append(mine, took)
		s.done.Add(1)
	}
}

// wire is a connection on which one request is under way at a time.
type wire struct {
	conn net.Conn
	r    *bufio.Reader
}

func dial(ctx context.Context, target string) (*wire, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(target, "http://"))
	if err != nil {
		return nil, err
	}
	return &wire{conn: conn, r: bufio.NewReader(conn)}, nil
}

func (w *wire) close() {
	if w != nil {
		_ = w.conn.Close()
	}
}

// post writes a request and reads the answer.
func (w *wire) post(request []byte) (status int, err error) {
	_ = w.conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := w.conn.Write(request); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.Close {
		err = io.EOF
	}
	return resp.StatusCode, err
}
