package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"tributary/relay/admin"
)

// Bounds of the public listener. Bodies have their own in package relay.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	headerBytes   = 32 << 10
	httpDrain     = 10 * time.Second
)

// listen takes the two addresses.
func (d *Daemon) listen(ctx context.Context) (err error) {
	var lc net.ListenConfig
	if d.public, err = lc.Listen(ctx, "tcp", d.cfg.Listen); err != nil {
		return fmt.Errorf("listen: %w (is another program using %s? choose one with --listen)", err, d.cfg.Listen)
	}
	d.onClose("public listener", d.public.Close)
	if d.debug, err = lc.Listen(ctx, "tcp", d.cfg.DebugListen); err != nil {
		return fmt.Errorf("debug listen: %w (is another program using %s? choose one with --debug-listen)", err, d.cfg.DebugListen)
	}
	d.onClose("debug listener", d.debug.Close)
	d.serveDebug()
	return nil
}

// servePublic adds the listener that strangers reach, with what the roles say.
func (d *Daemon) servePublic() error {
	mux := http.NewServeMux()
	if d.cfg.Role(roleInbox) {
		d.relay.Routes(mux)
		d.openSite().Routes(mux)
		mux.Handle(admin.PublicPath+"/", d.admin.Public(d.operator))
	}
	if d.cfg.Role(roleStream) {
		mux.Handle("GET /api/v1/firehose", d.stream.Firehose())
		mux.Handle("/api/v1/streaming", d.stream.Streaming())
		mux.Handle("/api/v1/streaming/", d.stream.Streaming())
	}
	if d.cfg.Role(roleAPI) {
		mux.Handle("/api/", &d.api)
		mux.Handle("GET /tags/", &d.api)
	}
	certificates, err := d.certificates()
	if err != nil {
		return err
	}
	server := &http.Server{
		TLSConfig: certificates,
		Handler:   mux, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes,
		ErrorLog: quietLog(d.log),
	}
	d.parts.add("public listener", func(ctx context.Context) error { return serve(ctx, server, d.public) })
	d.endStreams()
	return nil
}

// serve runs an HTTP server until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, server *http.Server, l net.Listener) error {
	var unused unusedConns
	server.ConnState = unused.watch
	stopped := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			stopped <- server.ServeTLS(l, "", "")
			return
		}
		stopped <- server.Serve(l)
	}()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpDrain)
	defer cancel()
	unused.close()
	err := server.Shutdown(drain)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	<-stopped
	return err
}

// clientIP is the address that a request is counted under: the peer's, or what
// a trusted proxy in front of us says.
func (d *Daemon) clientIP(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	addr := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && d.trusted(addr); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = next.Unmap()
	}
	return addr.String()
}

func (d *Daemon) trusted(a netip.Addr) bool {
	for _, p := range d.cfg.Proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
