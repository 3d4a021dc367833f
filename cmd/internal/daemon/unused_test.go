package daemon

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are in memory, so that time can be faked.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// The end waits for a request under way, and not for a connection that nobody
// has used.
func TestServeEndsUnusedConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const work = 2 * time.Second
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(work)
			_, _ = io.WriteString(w, "done")
		})}
		listener := newPipes()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- serve(ctx, server, listener) }()
		busy, unused := listener.dial(), listener.dial()
		_, _ = fmt.Fprint(busy, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		synctest.Wait()

		began := time.Now() // of a fake clock
		stop()
		if _, err := unused.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the unused connection: %v, want its end", err)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("the unused connection was kept for %s", waited)
		}
		answer, err := http.ReadResponse(bufio.NewReader(busy), nil)
		if err != nil {
			t.Fatalf("the request under way: %v", err)
		}
		if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "done" {
			t.Errorf("the request under way was answered %q, %v", body, err)
		}
		_ = answer.Body.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if waited := time.Since(began); waited > work+time.Second {
			t.Errorf("the end took %s, the request %s", waited, work)
		}
	})
}
