//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// frame is a text frame of /api/v1/firehose.
type frame struct {
	Seq      uint64          `json:"seq"`
	Time     time.Time       `json:"time"`
	Kind     string          `json:"kind"`
	Scope    string          `json:"scope"` // of a delete or a withdraw
	ID       string          `json:"id"`
	URI      string          `json:"uri"`
	Actor    string          `json:"actor"`
	Domain   string          `json:"domain"`
	Language string          `json:"language"`
	Tags     []string        `json:"tags"`
	Post     json.RawMessage `json:"post"`
	Reason   string          `json:"reason"` // of a gap, with the seqs that it spans
	From     uint64          `json:"from"`
	To       uint64          `json:"to"`
}

// reader is a client of the firehose that comes back after each end of the
// connection with the last seq that it saw, and drops what the inclusive cursor
// brings twice.
type reader struct {
	url    string
	done   chan struct{}
	cancel context.CancelFunc

	mu       sync.Mutex // guards what follows
	position uint64     // last seq seen, of heartbeats too
	frames   []frame    // without heartbeats
	resumed  int
	problems []error
	changed  chan struct{} // closed when a frame came
}

// read follows the firehose from the log's start until the test ends.
func read(t *testing.T, url string) *reader {
	t.Helper()
	return readFrom(t, url, 0)
}

// readFrom follows the firehose from behind a seq.
func readFrom(t *testing.T, url string, position uint64) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &reader{url: url, position: position, done: make(chan struct{}), cancel: cancel, changed: make(chan struct{})}
	go func() {
		defer close(r.done)
		for ctx.Err() == nil {
			r.session(ctx)
			pause(ctx, 10*time.Millisecond)
		}
	}()
	t.Cleanup(r.close)
	return r
}

// close ends the reader.
func (r *reader) close() {
	r.cancel()
	<-r.done
}

// session is one connection.
func (r *reader) session(ctx context.Context) {
	cursor := r.last()
	connection, answer, err := websocket.DefaultDialer.DialContext(ctx, fmt.Sprintf("%s?cursor=%d", r.url, cursor), nil)
	if answer != nil && err != nil && answer.StatusCode < 500 {
		r.complain(fmt.Errorf("cursor %d was answered %s", cursor, answer.Status))
	}
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer stop()
	defer func() { _ = connection.Close() }()
	r.mu.Lock()
	r.resumed++
	r.mu.Unlock()
	newest := uint64(0)
	for {
		_, text, err := connection.ReadMessage()
		if err != nil {
			return
		}
		var f frame
		if err := json.Unmarshal(text, &f); err != nil {
			r.complain(fmt.Errorf("frame %q: %w", text, err))
			return
		}
		if f.Seq < newest || f.Seq == newest && f.Kind != "heartbeat" {
			r.complain(fmt.Errorf("%s %d after %d on one connection", f.Kind, f.Seq, newest))
		}
		newest = f.Seq
		if f.Seq > cursor {
			r.take(f)
		} else if f.Seq < cursor {
			r.complain(fmt.Errorf("cursor %d brought %s %d", cursor, f.Kind, f.Seq))
		}
	}
}

func (r *reader) take(f frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.position = f.Seq
	if f.Kind == "heartbeat" {
		return
	}
	r.frames = append(r.frames, f)
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *reader) last() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.position
}

func (r *reader) complain(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, err)
}

// all are the frames so far, and what was wrong with them.
func (r *reader) all() ([]frame, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.frames), errors.Join(r.problems...)
}

// await waits for a frame that meets the condition.
func (r *reader) await(t *testing.T, what string, condition func(frame) bool) frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), arrivalTime)
	defer cancel()
	seen := 0
	for {
		r.mu.Lock()
		fresh, changed := r.frames[seen:], r.changed
		r.mu.Unlock()
		for _, f := range fresh {
			if condition(f) {
				return f
			}
		}
		seen += len(fresh)
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("no frame in %s: %s", arrivalTime, what)
		}
	}
}

// arrivalTime is how long a test waits for something to arrive.
const arrivalTime = 60 * time.Second

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
