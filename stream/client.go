package stream

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"tributary/ingest"
)

// client is one connection: a pull cursor, and the socket that it is copied to.
// What it has not sent yet is in the log, not in memory.
type client struct {
	srv       *Server
	protocol  protocol
	conn      net.Conn // written only by run
	reader    *ingest.Reader
	token     string
	noScope   bool          // the token is known to lack its scope
	address   string        // as counted, "" when it is not
	heartbeat time.Duration // until the next beat, 0: none
	pings     bool

	signals  signals
	position atomic.Uint64 // resuming here skips nothing that was not sent

	// Owned by run.
	times  times
	wait   context.Context    // the wait under way, or the next one
	cancel context.CancelFunc // of wait
	pace   pace
}

// protocol is what kinds of connections do differently. All but receive is
// called by run.
type protocol interface {
	// receive reads what the other side sends, until that ends or the connection
	// is closed, and raises the client's signals.
	receive(c *client)

	// subscriptions are what the client is shown, now.
	subscriptions() []subscription

	// encoded is the form of an entry that the subscriptions send, empty when there
	// is nothing to show.
	encoded(e *ingest.Entry) []byte

	// gap tells of missing records, or ends the connection.
	gap(b []byte, e ingest.Event, now time.Time) ([]byte, *ending)

	// beat appends a heartbeat.
	beat(b []byte, position uint64, now time.Time) []byte

	// beatDue is when the next heartbeat is due.
	beatDue(t *times, every time.Duration) time.Time

	// farewell is how an ending is told, and whether nothing follows it: then the
	// other side is shown the end of the connection.
	farewell(end *ending, position uint64) (last []byte, over bool)
}

// subscription is one of the streams that a client reads.
type subscription struct {
	selection selection

	// label opens the payload of each of its frames, whose rest is the encoded
	// entry. nil: the encoded entry is what is sent.
	label []byte
}

// selection chooses records.
type selection interface {
	match(r *ingest.Record) bool
}

// newClient returns a client that reads the log from cursor.
func (s *Server) newClient(p protocol, conn net.Conn, token string, cursor uint64) *client {
	now := time.Now()
	c := &client{
		srv: s, protocol: p, conn: conn, token: token, reader: s.tail.Reader(ingest.ViewStream, cursor),
		times: times{joined: now, sent: now, beat: now, posted: now, pinged: now, checked: now},
	}
	c.position.Store(c.reader.Position())
	if conn, ok := conn.(interface{ SetWriteBuffer(int) error }); ok {
		_ = conn.SetWriteBuffer(sendBuffer)
	}
	return c
}

// run serves the client until it ends, and tells both sides why.
func (c *client) run() {
	received := make(chan struct{})
	go func() {
		defer close(received)
		c.protocol.receive(c)
	}()
	end := c.serve()
	if c.cancel != nil {
		c.cancel()
	}
	c.say(end)
	linger := time.NewTimer(c.srv.cfg.CloseWait)
	defer linger.Stop()
	select {
	case <-received:
	case <-linger.C:
	case <-c.srv.abort:
	}
	_ = c.conn.Close()
	<-received
	c.srv.leave(c, end)
}

// serve copies the log to the socket until something ends it.
func (c *client) serve() *ending {
	for {
		if end := c.attend(time.Now()); end != nil {
			return end
		}
		batch, err := c.reader.Next(c.wait, c.pace.limit())
		switch {
		case err == nil:
			if end := c.send(batch); end != nil {
				return end
			}
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
			c.position.Store(c.reader.Position())
		case errors.Is(err, ingest.ErrClosed):
			return endShutdown
		default:
			c.srv.log.Error("log cannot be read any more, closing a stream", "err", err)
			return endInternal
		}
	}
}

// say tells the ending, if somebody is there.
func (c *client) say(end *ending) {
	if end.code == 0 {
		return
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(farewellTimeout))
	last, over := c.protocol.farewell(end, c.position.Load())
	_, _ = c.conn.Write(last)
	if conn, ok := c.conn.(interface{ CloseWrite() error }); ok && over {
		_ = conn.CloseWrite()
	}
}

// drain reads until the connection is closed.
func drain(conn net.Conn) {
	var b [512]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			return
		}
	}
}
