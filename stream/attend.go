package stream

import (
	"context"
	"errors"
	"time"

	"github.com/gorilla/websocket"

	"tributary/ingest/token"
)

// times is when what happened last.
type times struct {
	joined   time.Time
	sent     time.Time // anything but pings and pongs
	beat     time.Time
	posted   time.Time // a frame of the log
	pinged   time.Time
	awaiting bool // the ping has no answer yet
	checked  time.Time
}

// tokenTimeout bounds a look at the tokens.
const tokenTimeout = 5 * time.Second

// attend does everything but copying: answers pings, sends a heartbeat or a
// ping that is due, verifies the token again, and arms the wait for what is due
// next. It is called between batches.
func (c *client) attend(now time.Time) *ending {
	in := c.signals.take()
	if in.end != nil {
		return in.end
	}
	if in.heard {
		c.times.awaiting = false
	}
	if in.ping != nil {
		if end := c.write(appendControl(nil, websocket.PongMessage, in.ping)); end != nil {
			return end
		}
	}
	if in.reply != nil {
		if end := c.write(in.reply); end != nil {
			return end
		}
	}
	if c.wait != nil && c.wait.Err() == nil {
		return nil
	}
	for _, duty := range [...]func(time.Time) *ending{c.beat, c.ping, c.recheck} {
		if end := duty(now); end != nil {
			return end
		}
	}
	if c.cancel != nil {
		c.cancel()
	}
	c.wait, c.cancel = c.signals.until(c.due(now))
	return nil
}

// due is when the next duty falls due if no record comes.
func (c *client) due(now time.Time) time.Time {
	due := now.Add(time.Hour)
	earlier := func(at time.Time, applies bool) {
		if applies && at.Before(due) {
			due = at
		}
	}
	earlier(c.beatDue(), c.heartbeat > 0)
	earlier(c.pingDue(), c.pings)
	earlier(c.recheckDue(), c.srv.auth != nil)
	return due
}

func (c *client) beatDue() time.Time { return c.protocol.beatDue(&c.times, c.heartbeat) }

// beat sends a heartbeat that is due: the position of a client whose filter
// matches nothing moves on, and its own timeouts are kept.
func (c *client) beat(now time.Time) *ending {
	if c.heartbeat == 0 || now.Before(c.beatDue()) {
		return nil
	}
	position := c.reader.Position()
	c.position.Store(position)
	c.times.sent, c.times.beat = now, now
	c.srv.metrics.sent(1)
	return c.write(c.protocol.beat(nil, position, now))
}

func (c *client) pingDue() time.Time {
	if c.times.awaiting {
		return c.times.pinged.Add(c.srv.cfg.PongTimeout)
	}
	last := c.times.posted
	if c.times.pinged.After(last) {
		last = c.times.pinged
	}
	return last.Add(c.srv.cfg.Ping)
}

// ping tells whether somebody is there. A client that is sent posts is not
// pinged: if it is gone, the socket's buffer fills and the write stalls.
func (c *client) ping(now time.Time) *ending {
	if !c.pings || now.Before(c.pingDue()) {
		return nil
	}
	if c.times.awaiting {
		return endSilent
	}
	c.times.pinged, c.times.awaiting = now, true
	return c.write(appendControl(nil, websocket.PingMessage, nil))
}

func (c *client) recheckDue() time.Time { return c.times.checked.Add(c.srv.cfg.Recheck) }

// recheck verifies the token again. Only a verdict ends the connection, not a
// state database that cannot be asked.
func (c *client) recheck(now time.Time) *ending {
	if c.srv.auth == nil || now.Before(c.recheckDue()) {
		return nil
	}
	c.times.checked = now
	ctx, cancel := context.WithTimeout(context.Background(), tokenTimeout)
	defer cancel()
	err := c.srv.auth(ctx, c.token)
	if !isVerdict(err) || c.noScope && errors.Is(err, token.ErrScope) {
		return nil
	}
	return endToken
}
