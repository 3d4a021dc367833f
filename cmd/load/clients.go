package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"
)

// slowPause is how long a slow client takes for a frame.
const slowPause = time.Second

// audience is the clients of the streams.
type audience struct {
	sender     *sender      // nil: frames are counted only
	quick      int          // clients that are not slow
	seen       atomic.Int64 // frames about any post
	frames     atomic.Int64 // of the sender's posts, to quick clients
	slowFrames atomic.Int64
	lost       atomic.Int64
	last       atomic.Int64 // when the newest came, ns since 1970

	reading sync.WaitGroup
	closing chan struct{}

	mu    sync.Mutex
	conns []func() // closes one, guarded by mu
	kinds []string // in order of their first client
	took  map[string][]time.Duration
}

// next reads the next frame of a client.
type next func() ([]byte, error)

func newAudience(s *sender) *audience {
	return &audience{sender: s, closing: make(chan struct{}), took: map[string][]time.Duration{}}
}

// open connects all clients; of each kind the same share is slow.
func (a *audience) open(ctx context.Context, target string, count int, kinds []string, slow float64) error {
	a.kinds = kinds
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range count {
		kind, turn := kinds[i%len(kinds)], i/len(kinds)
		isSlow := int(float64(turn+1)*slow+1e-9) > int(float64(turn)*slow+1e-9)
		if !isSlow {
			a.quick++
		}
		group.Go(func() error {
			read, end, err := connect(ctx, target, kind, i)
			if err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
			a.mu.Lock()
			a.conns = append(a.conns, end)
			a.mu.Unlock()
			a.reading.Go(func() { a.read(kind, isSlow, read) })
			return nil
		})
	}
	return group.Wait()
}

// connect opens a client from an address of its own: what the relay bounds by
// address must not bound all of them together.
func connect(ctx context.Context, target, kind string, i int) (next, func(), error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(i/250%250), byte(i%250+1))}, Timeout: time.Minute}
	switch kind {
	case "firehose", "mastodon":
		path := "/api/v1/firehose"
		if kind == "mastodon" {
			path = "/api/v1/streaming?stream=public"
		}
		d := websocket.Dialer{NetDialContext: dialer.DialContext, HandshakeTimeout: time.Minute, ReadBufferSize: 4 << 10}
		conn, resp, err := d.DialContext(ctx, "ws"+strings.TrimPrefix(target, "http")+path, nil)
		if err != nil {
			if resp != nil {
				err = fmt.Errorf("%w: %s", err, resp.Status)
			}
			return nil, nil, err
		}
		read := func() ([]byte, error) { _, frame, err := conn.ReadMessage(); return frame, err }
		return read, func() { _ = conn.Close() }, nil
	case "sse":
		return connectEvents(dialer, target)
	}
	return nil, nil, fmt.Errorf("there is no such kind of client")
}

func connectEvents(dialer net.Dialer, target string) (next, func(), error) {
	transport := &http.Transport{DialContext: dialer.DialContext, DisableCompression: true}
	ctx, cancel := context.WithCancel(context.Background())
	end := func() { cancel(); transport.CloseIdleConnections() }
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target+"/api/v1/streaming/public", nil)
	if err != nil {
		end()
		return nil, nil, err
	}
	resp, err := transport.RoundTrip(r)
	if err == nil && resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		err = fmt.Errorf("%s", resp.Status)
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	lines := bufio.NewReaderSize(resp.Body, 16<<10)
	read := func() ([]byte, error) {
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil || bytes.HasPrefix(line, []byte("data:")) {
				return line, err
			}
		}
	}
	return read, func() { end(); _ = resp.Body.Close() }, nil
}

func (a *audience) read(kind string, slow bool, next next) {
	var took []time.Duration
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.took[kind] = append(a.took[kind], took...)
	}()
	for {
		frame, err := next()
		if err != nil {
			select {
			case <-a.closing:
			default:
				a.lost.Add(1)
			}
			return
		}
		n, ok := numberIn(frame)
		if !ok {
			continue
		}
		a.seen.Add(1)
		if a.sender == nil {
			continue
		}
		since, sent := a.sender.since(n)
		if !sent {
			continue
		}
		if slow {
			a.slowFrames.Add(1)
			select {
			case <-time.After(slowPause):
			case <-a.closing:
				return
			}
			continue
		}
		took = append(took, since)
		a.frames.Add(1)
		a.last.Store(time.Now().UnixNano())
	}
}

// settle waits until the quick clients have so many frames, none came for a
// while, or ctx ends.
func (a *audience) settle(ctx context.Context, expected int64) {
	began := time.Now()
	for a.frames.Load() < expected && pause(ctx, 10*time.Millisecond) {
		if time.Since(time.Unix(0, a.last.Load())) > patience && time.Since(began) > patience {
			return
		}
	}
}

// close ends all clients and waits for them.
func (a *audience) close() {
	select {
	case <-a.closing:
		return
	default:
		close(a.closing)
	}
	a.mu.Lock()
	conns := a.conns
	a.mu.Unlock()
	for _, end := range conns {
		end()
	}
	a.reading.Wait()
}

// times ends the clients and is what they measured.
func (a *audience) times() (all []spread) {
	a.close()
	for _, kind := range a.kinds {
		if took, ok := a.took[kind]; ok {
			all = append(all, percentiles("post → "+kind, took))
			delete(a.took, kind)
		}
	}
	return all
}
