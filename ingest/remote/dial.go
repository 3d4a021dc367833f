package remote

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// newTransport is the transport of fetches and deliveries. It is made for some
// thousand hosts that are called again and again: opening a connection costs 0.3 ms of
// processor, ten times what a request on an open one costs.
func newTransport(cfg Config, permit func(netip.AddrPort) error) *http.Transport {
	dialer := &net.Dialer{
		Timeout:        cfg.DialTimeout,
		KeepAlive:      30 * time.Second,
		ControlContext: control(permit),
	}
	return &http.Transport{
		Proxy:       nil, // a proxy of the environment would dial for us, unchecked
		DialContext: dialer.DialContext,
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12,
			// Without the post-quantum hybrids, which cost 0.2 ms more for every new
			// connection: what we send is public, and signed on its own.
			CurvePreferences:   []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
			ClientSessionCache: tls.NewLRUClientSessionCache(1024),
		},
		TLSHandshakeTimeout:    cfg.DialTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true, // no bombs: a body is as large as what arrives
		HTTP2: &http.HTTP2Config{
			// A connection whose other end vanished is found out, not used until it times out.
			SendPingTimeout: 30 * time.Second,
			PingTimeout:     15 * time.Second,
		},
	}
}

// control runs for each address that is about to be connected to, after the
// resolver: the one place that no name and no redirect gets around.
func control(permit func(netip.AddrPort) error) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		if network != "tcp4" && network != "tcp6" {
			return fmt.Errorf("%w: network %s", ErrForbiddenAddress, network)
		}
		addr, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrForbiddenAddress, err)
		}
		return permit(addr)
	}
}

// permit is the rule for addresses that Config says.
func (c Config) permit(addr netip.AddrPort) error {
	if !c.AllowPrivate && forbidden(addr.Addr()) {
		return fmt.Errorf("%w: %s", ErrForbiddenAddress, addr.Addr())
	}
	return nil
}
