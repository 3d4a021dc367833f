package engine

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
)

// Addr is the address that a clickhouse-go client of the engine has. Nobody listens there: Dial leads to the socket,
// and a client without it fails at the name (RFC 6761 §6.4).
const Addr = "engine.invalid:8123"

// Dial is for the DialContext of clickhouse-go's Options, with Protocol HTTP: it reaches the engine behind
// the socket, whatever the address.
func Dial(socket string) func(ctx context.Context, addr string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (conn net.Conn, err error) {
		err = reach(socket, func(short string) (err error) {
			conn, err = (&net.Dialer{}).DialContext(ctx, "unix", short)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("engine: connecting to %s: %w", socket, err)
		}
		return conn, nil
	}
}

// shortMax is the longest path that goes to the kernel as it is. sockaddr_un holds 108 bytes, 104 on BSD.
const shortMax = 100

// reach calls f with a path to the same file that fits a socket address: a long one through
// its open folder (/proc/self/fd, so on Linux only).
func reach(path string, f func(path string) error) error {
	if len(path) <= shortMax {
		return f(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return f(filepath.Join("/proc/self/fd", fmt.Sprint(dir.Fd()), filepath.Base(path)))
}

// listen binds path, in place of a socket that an ended engine left. The caller holds the lock: nobody listens there.
// The file stays when the engine ends, which may not remove it: see confine.go.
func listen(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("engine: removing the old socket: %w", err)
	}
	var ln *net.UnixListener
	err := reach(path, func(short string) (err error) {
		ln, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("engine: listening on %s: %w", path, err)
	}
	ln.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, fmt.Errorf("engine: protecting the socket: %w", err)
	}
	return ln, nil
}

// listenFile opens what clients connect to.
func listenFile(ctx context.Context, o Options) (*os.File, error) {
	var ln interface {
		net.Listener
		File() (*os.File, error)
	}
	var err error
	if o.Listen != "" {
		ln, err = listenTCP(ctx, o.Listen)
	} else {
		ln, err = listen(o.Socket)
	}
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	f, err := ln.File()
	if err != nil {
		return nil, fmt.Errorf("engine: handing the socket over: %w", err)
	}
	return f, nil
}

func listenTCP(ctx context.Context, address string) (*net.TCPListener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return ln.(*net.TCPListener), nil // of a "tcp" network
}

// loopback says that only this machine reaches an address. A name is none: what it stands for may change.
func loopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().Unmap().IsLoopback()
}
