package daemon

import (
	"net"
	"net/http"
	"sync"
)

// unusedConns are the connections on which nothing has come yet. Clients open
// some ahead of need (browsers, Go's own), and Server.Shutdown gives each of them
// five seconds for its first request; then every end would take that long.
// Closing them refuses nobody who asked.
type unusedConns struct {
	mu     sync.Mutex // guards what follows
	conns  map[net.Conn]struct{}
	closed bool
}

// watch is the server's ConnState.
func (u *unusedConns) watch(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(u.conns, c)
	case u.closed: // accepted just before the end
		_ = c.Close()
	default:
		if u.conns == nil {
			u.conns = make(map[net.Conn]struct{})
		}
		u.conns[c] = struct{}{}
	}
}

// close closes them, and those that are still to come.
func (u *unusedConns) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for c := range u.conns {
		_ = c.Close()
	}
}
