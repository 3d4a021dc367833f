package stream

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Defaults of Config.
const (
	DefaultMaxClients   = 5000
	DefaultHeartbeat    = 15 * time.Second
	DefaultThump        = 15 * time.Second
	DefaultPing         = 30 * time.Second
	DefaultPongTimeout  = 60 * time.Second
	DefaultStallTimeout = 60 * time.Second
	DefaultCursorWait   = 2 * time.Second
	DefaultRecheck      = time.Minute
	DefaultCloseWait    = 2 * time.Second
)

// Config holds what an operator may set. Zero values mean the defaults.
type Config struct {
	// URL is the server's public base URL: posts link below it.
	URL string

	// MaxClients bounds the connections; more get 503. A connection costs about
	// 12 KiB, a stopped one 35, and up to 256 KiB of the kernel's socket memory.
	MaxClients int

	// MaxPerIP bounds the connections of one address (IPv6: of one /64); more get
	// 429. 0 is no bound, for everybody behind a reverse proxy has its address
	// unless ClientIP knows better.
	MaxPerIP int

	// ClientIP tells a request's address, "" when it is not to be counted.
	// Trusts whatever it is made to trust. nil: the peer's address.
	ClientIP func(*http.Request) string

	// Heartbeat is how long a client goes without a frame before it is told the
	// reader's position. A client may choose its own, 1 … 60 s.
	Heartbeat time.Duration

	// Thump is the time between two comments on server-sent events.
	Thump time.Duration

	// Ping is how long a connection goes without a post before it is pinged,
	// PongTimeout how long its answer may take. Progress of a blocked write
	// counts as an answer: a pong queues behind a backlog.
	Ping        time.Duration
	PongTimeout time.Duration

	// StallTimeout is how long a client may read nothing at all while there is
	// something to read. However slowly it reads, it stays.
	StallTimeout time.Duration

	// CursorWait is how long a cursor ahead of the tip is waited for: this node
	// may be behind the one that the client comes from.
	CursorWait time.Duration

	// Recheck is how often an open connection's token is verified again, so that
	// a revoked one ends it.
	Recheck time.Duration

	// CloseWait is how long the client's side of a close is waited for.
	CloseWait time.Duration
}

func (c Config) withDefaults() Config {
	def(&c.MaxClients, DefaultMaxClients)
	def(&c.Heartbeat, DefaultHeartbeat)
	def(&c.Thump, DefaultThump)
	def(&c.Ping, DefaultPing)
	def(&c.PongTimeout, DefaultPongTimeout)
	def(&c.StallTimeout, DefaultStallTimeout)
	def(&c.CursorWait, DefaultCursorWait)
	def(&c.Recheck, DefaultRecheck)
	def(&c.CloseWait, DefaultCloseWait)
	if c.ClientIP == nil {
		c.ClientIP = peerIP
	}
	return c
}

func def[T int | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Validate names the first value that cannot be meant.
func (c Config) Validate() error {
	for name, v := range map[string]int64{
		"max_clients": int64(c.MaxClients), "max_per_ip": int64(c.MaxPerIP), "heartbeat": int64(c.Heartbeat),
		"thump": int64(c.Thump), "ping": int64(c.Ping), "pong_timeout": int64(c.PongTimeout), "stall_timeout": int64(c.StallTimeout),
		"cursor_wait": int64(c.CursorWait), "recheck": int64(c.Recheck), "close_wait": int64(c.CloseWait),
	} {
		if v < 0 {
			return fmt.Errorf("stream: %s is negative", name)
		}
	}
	return nil
}

// peerIP is the address at the other end of the connection.
func peerIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// network is what is counted for an address: of IPv6 the /64, which is what one
// customer gets. What is no address counts as it is.
func network(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if addr = addr.Unmap(); addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
