package ingesttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

func newReal(t testing.TB, dir string) *Broker {
	t.Helper()
	b := &Broker{t: t, real: true, dir: dir, addr: os.Getenv(server), topic: fmt.Sprintf("test-%d-%d", os.Getpid(), time.Now().UnixNano())}
	t.Cleanup(func() {
		b.gate.open()
		b.deleteTopic()
		b.gate.close()
	})
	return b
}

// stopReal is what the end of a broker looks like from outside: connections are
// cut and none can be made; what was in memory is gone.
func (b *Broker) stopReal() {
	if b.dir == "" {
		b.deleteTopic()
	}
	b.gate.close()
}

func (b *Broker) deleteTopic() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	res, err := b.Client().DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{b.topic}})
	if err == nil {
		err = res.Errors[b.topic]
	}
	if err != nil && !errors.Is(err, kafka.UnknownTopicOrPartition) {
		b.t.Errorf("delete topic: %v", err)
	}
}

// gate stands between a test's clients and a server that stays up.
type gate struct {
	mu     sync.Mutex
	closed bool                  // guarded by mu
	conns  map[net.Conn]struct{} // guarded by mu
}

var errGateClosed = errors.New("the test has closed the way to the server")

func (g *gate) dial(ctx context.Context, network, address string) (net.Conn, error) {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed {
		return nil, errGateClosed
	}
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		_ = c.Close()
		return nil, errGateClosed
	}
	if g.conns == nil {
		g.conns = make(map[net.Conn]struct{})
	}
	g.conns[c] = struct{}{}
	return &gated{Conn: c, gate: g}, nil
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = false
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for c := range g.conns {
		_ = c.Close()
	}
	clear(g.conns)
}

// gated is a connection that the gate forgets when it is closed.
type gated struct {
	net.Conn
	gate *gate
}

func (c *gated) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c.Conn)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}
