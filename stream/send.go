package stream

import (
	"errors"
	"os"
	"time"

	"tributary/ingest"
)

const (
	// batchBytes bounds what is copied together into one write. A larger frame is
	// written from the bytes that all clients share.
	batchBytes = 16 << 10

	// sendBuffer is the kernel's part for each client: enough for 1 MB/s over a
	// distance of 100 ms, and little enough for thousands who stand still.
	// farewellBuffer makes room behind it, for a close frame.
	sendBuffer     = 128 << 10
	farewellBuffer = 200 << 10

	// farewellTimeout is how long the last bytes to a client may take.
	farewellTimeout = time.Second

	// blockedWrite is how long a write takes only if it waited for the client to
	// read.
	blockedWrite = 20 * time.Millisecond
)

// copying is one batch on its way to the socket.
type copying struct {
	c      *client
	buf    *[]byte // frames that the next write takes
	passed uint64  // where the client stands after what is in buf
	frames int
	bytes  int
	newest time.Time // when the newest post of the batch was appended
}

// send writes a batch of the log, with as few writes as batchBytes allows.
func (c *client) send(batch ingest.Batch) (end *ending) {
	buf := outgoing.get()
	defer outgoing.put(buf)
	now := time.Now()
	for _, e := range batch.Events {
		if *buf, end = c.protocol.gap(*buf, e, now); end != nil {
			return end
		}
	}
	w := copying{c: c, buf: buf, passed: c.position.Load(), frames: len(batch.Events)}
	subscriptions := c.protocol.subscriptions()
	for _, e := range batch.Entries {
		if end := w.entry(e, subscriptions); end != nil {
			return end
		}
	}
	c.pace.learn(len(batch.Entries), w.bytes)
	w.passed = c.reader.Position()
	c.reader.Release()
	end = w.flush()
	c.sent(w.frames, w.newest)
	return end
}

// entry takes an entry, once for each subscription that chooses it.
func (w *copying) entry(e *ingest.Entry, subscriptions []subscription) *ending {
	r := e.Record
	for i := range subscriptions {
		s := &subscriptions[i]
		if !s.selection.match(r) {
			continue
		}
		body := w.c.protocol.encoded(e)
		if len(body) == 0 {
			break
		}
		after := w.passed
		if i == len(subscriptions)-1 {
			after = r.Seq
		}
		if end := w.add(s.label, body, after); end != nil {
			return end
		}
		w.newest = r.Time
	}
	w.passed = r.Seq
	return nil
}

// add takes a frame; after is where the client stands behind it.
func (w *copying) add(label, body []byte, after uint64) *ending {
	n := len(body)
	if label != nil {
		n += len(label) + frameRoom
	}
	if len(*w.buf) > 0 && len(*w.buf)+n > batchBytes {
		if end := w.flush(); end != nil {
			return end
		}
	}
	if label != nil {
		*w.buf = append(appendHeader(*w.buf, len(label)+len(body)), label...)
	}
	w.frames, w.bytes = w.frames+1, w.bytes+n
	if n <= batchBytes {
		*w.buf = append(*w.buf, body...)
		return nil
	}
	opening := *w.buf
	*w.buf, w.passed = opening[:0], after
	return w.c.deliver(after, opening, body)
}

// flush empties buf into the socket.
func (w *copying) flush() *ending {
	p := *w.buf
	*w.buf = p[:0]
	return w.c.deliver(w.passed, p)
}

// deliver writes what together is whole frames, perhaps none; position is where
// the client stands then.
func (c *client) deliver(position uint64, parts ...[]byte) *ending {
	end := c.write(parts...)
	if end == nil || end.code != 0 { // whatever ends it, all of it is on its way
		c.position.Store(position)
	}
	return end
}

// sent notes what went out; newest is when the last of it was appended.
func (c *client) sent(frames int, newest time.Time) {
	if frames == 0 {
		return
	}
	now := time.Now()
	c.times.sent, c.times.posted = now, now
	c.srv.metrics.sent(frames)
	if newest.After(c.times.joined) {
		c.srv.metrics.delayed(now.Sub(newest))
	}
}

// write writes what together is whole frames. A slow client takes as long as it
// takes; only one that reads nothing at all for the stall timeout ends here. So
// does one that Close interrupts: then the rest is pushed out, that the close
// frame may follow.
func (c *client) write(parts ...[]byte) *ending {
	began := time.Now()
	for i := range parts {
		if end := c.writePart(parts[i:]); end != nil {
			return end
		}
	}
	if time.Since(began) > blockedWrite {
		c.times.awaiting = false
	}
	return nil
}

// writePart writes the first of parts; the others must follow it.
func (c *client) writePart(parts [][]byte) *ending {
	for len(parts[0]) > 0 {
		_ = c.conn.SetWriteDeadline(time.Now().Add(c.srv.cfg.StallTimeout))
		if end := c.signals.ended(); end != nil {
			return c.push(parts, end)
		}
		n, err := c.conn.Write(parts[0])
		c.srv.metrics.wrote(n)
		parts[0] = parts[0][n:]
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return endGone
		case n == 0 && c.signals.ended() == nil:
			return c.push(parts, endSlow)
		}
	}
	return nil
}

// push makes room in the socket's buffer and puts the rest of what was begun
// there. A close frame inside another frame would be worth nothing, so a rest
// that does not fit makes an ending without one.
func (c *client) push(rest [][]byte, end *ending) *ending {
	if conn, ok := c.conn.(interface{ SetWriteBuffer(int) error }); ok {
		_ = conn.SetWriteBuffer(farewellBuffer)
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(farewellTimeout))
	for _, p := range rest {
		n, err := c.conn.Write(p)
		c.srv.metrics.wrote(n)
		if err != nil {
			return end.untold()
		}
	}
	return end
}
