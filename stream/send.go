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

// send writes a batch of the log, with as few writes as batchBytes allows.
func (c *client) send(batch ingest.Batch) *ending {
	buf := outgoing.get()
	defer outgoing.put(buf)
	now := time.Now()
	for _, e := range batch.Events {
		*buf = appendGap(*buf, e, now)
	}
	frames, bytes := len(batch.Events), 0
	passed := c.position.Load() // where the client stands after what is in buf
	var newest time.Time
	for _, e := range batch.Entries {
		frame := c.frame(e)
		if len(*buf) > 0 && len(*buf)+len(frame) > batchBytes {
			if end := c.flush(buf, passed); end != nil {
				return end
			}
		}
		if len(frame) > batchBytes {
			if end := c.deliver(frame, e.Record.Seq); end != nil {
				return end
			}
		} else {
			*buf = append(*buf, frame...)
		}
		passed = e.Record.Seq
		if len(frame) > 0 {
			frames, bytes, newest = frames+1, bytes+len(frame), e.Record.Time
		}
	}
	c.pace.learn(len(batch.Entries), bytes)
	position := c.reader.Position()
	c.reader.Release()
	end := c.flush(buf, position)
	c.sent(frames, newest)
	return end
}

// frame is what the client is sent of an entry, empty when it is nothing.
func (c *client) frame(e *ingest.Entry) []byte {
	if !c.filter.match(e.Record) {
		return nil
	}
	return e.Encoded(ingest.FormFirehose, c.srv.encoder.encode)
}

// flush empties buf into the socket; position is where the client stands then.
func (c *client) flush(buf *[]byte, position uint64) *ending {
	p := *buf
	*buf = p[:0]
	return c.deliver(p, position)
}

// deliver writes whole frames, perhaps none; position is where the client stands then.
func (c *client) deliver(p []byte, position uint64) *ending {
	var end *ending
	if len(p) > 0 {
		end = c.write(p)
	}
	if end == nil || end.code != 0 { // whatever ends it, all of p is on its way
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

// write writes whole frames. A slow client takes as long as it takes; only one
// that reads nothing at all for the stall timeout ends here. So does one that
// Close interrupts: then the rest is pushed out, that the close frame may follow.
func (c *client) write(p []byte) *ending {
	began := time.Now()
	deadline := began.Add(c.srv.cfg.StallTimeout)
	for {
		_ = c.conn.SetWriteDeadline(deadline)
		if end := c.signals.ended(); end != nil {
			return c.push(p, end)
		}
		n, err := c.conn.Write(p)
		c.srv.metrics.wrote(n)
		p = p[n:]
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return endGone
		}
		if n == 0 && c.signals.ended() == nil {
			return c.push(p, endSlow)
		}
		deadline = time.Now().Add(c.srv.cfg.StallTimeout)
	}
	if time.Since(began) > blockedWrite {
		c.times.awaiting = false
	}
	return nil
}

// push makes room in the socket's buffer and puts the rest of what was begun
// there. A close frame inside another frame would be worth nothing, so a rest
// that does not fit makes an ending without one.
func (c *client) push(rest []byte, end *ending) *ending {
	if conn, ok := c.conn.(interface{ SetWriteBuffer(int) error }); ok {
		_ = conn.SetWriteBuffer(farewellBuffer)
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(farewellTimeout))
	n, err := c.conn.Write(rest)
	c.srv.metrics.wrote(n)
	if err != nil {
		return end.untold()
	}
	return end
}

// say sends the close frame.
func (c *client) say(end *ending) {
	if end.code == 0 {
		return
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(farewellTimeout))
	_, _ = c.conn.Write(end.frame(c.position.Load()))
}
