package engine

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"

	"tributary/ingest/folder"
)

// Addr is the address that a clickhouse-go client of the engine has. Nobody listens there: Dial leads to the socket,
// and a client without it fails at the name (RFC 6761 §6.4).
const Addr = "engine.invalid:8123"

// Dial is for the DialContext of clickhouse-go's Options, with Protocol HTTP: it reaches the engine behind
// the socket, whatever the address.
func Dial(socket string) func(ctx context.Context, addr string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (net.Conn, error) { return folder.Dial(ctx, socket) }
}

// listenFile opens what clients connect to. A socket's file stays when the engine ends, which may not
// remove it: see confine.go.
func listenFile(ctx context.Context, o Options) (*os.File, error) {
	var ln interface {
		net.Listener
		File() (*os.File, error)
	}
	var err error
	if o.Listen != "" {
		ln, err = listenTCP(ctx, o.Listen)
	} else {
		ln, err = folder.Listen(o.Socket)
	}
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
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
		return nil, err
	}
	return ln.(*net.TCPListener), nil // of a "tcp" network
}

// loopback says that only this machine reaches an address. A name is none: what it stands for may change.
func loopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().Unmap().IsLoopback()
}
