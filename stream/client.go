package stream

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"tributary/ingest"
)

// client is one connection: a pull cursor, and the socket that it is copied to.
// What it has not sent yet is in the log, not in memory.
type client struct {
	srv       *Server
	ws        *websocket.Conn // reads only
	conn      net.Conn        // writes only, and only by run
	reader    *ingest.Reader
	filter    filter
	token     string
	address   string // as counted, "" when it is not
	heartbeat time.Duration

	signals  signals
	position atomic.Uint64 // resuming here skips nothing that was not sent

	// Owned by run.
	times  times
	wait   context.Context    // the wait under way, or the next one
	cancel context.CancelFunc // of wait
	pace   pace
}

// run serves the client until it ends, and tells both sides why.
func (c *client) run() {
	received := make(chan struct{})
	go func() {
		defer close(received)
		c.receive()
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

// receive reads what the client sends: pongs, pings, a close, and nothing else.
func (c *client) receive() {
	c.ws.SetPongHandler(func(string) error { c.signals.ponged(); return nil })
	c.ws.SetPingHandler(func(data string) error { c.signals.pinged([]byte(data)); return nil })
	c.ws.SetCloseHandler(func(int, string) error { return nil }) // run answers
	_, _, err := c.ws.NextReader()
	var closed *websocket.CloseError
	var broken net.Error
	switch {
	case err == nil:
		c.signals.finish(endTalk)
		// Unread bytes would turn the close into a reset, and the reset would
		// overtake the close frame.
		drain(c.conn)
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		c.signals.finish(endClient)
	case errors.As(err, &closed), errors.As(err, &broken), errors.Is(err, net.ErrClosed):
		c.signals.finish(endGone)
	default:
		c.signals.finish(endProtocol)
		drain(c.conn)
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
