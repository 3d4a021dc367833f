package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// SocketName is the socket's file in the data directory.
const SocketName = "admin.sock"

// pathMax is the longest path that every kernel takes for a unix socket: 104
// bytes on the BSDs, 108 on Linux, a zero at the end included.
const pathMax = 103

// SocketPath is where the relay with this data directory listens.
func SocketPath(data string) string { return filepath.Join(data, SocketName) }

// Listen opens the socket at path with mode 0600, in place of one that a killed
// process left. The caller holds the lock of the data directory: nobody else
// listens there. Closing the listener removes the file.
//
// The socket is made in a directory of its own, 0700, and then moved: nobody can
// connect before the mode is set, and a client finds the old or the new one.
func Listen(path string) (net.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".admin-")
	if err != nil {
		return nil, fmt.Errorf("admin: making the socket: %w", err)
	}
	defer os.RemoveAll(dir)
	made := filepath.Join(dir, "s")
	l, err := listen(made)
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("admin: making the socket: %w", err), l.Close())
	}
	return &listener{UnixListener: l, path: path}, nil
}

type listener struct {
	*net.UnixListener
	path string
}

func (l *listener) Close() error {
	err := l.UnixListener.Close()
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	return errors.Join(err, os.Remove(l.path))
}

func listen(path string) (*net.UnixListener, error) {
	var l *net.UnixListener
	err := withShortPath(path, func(short string) (err error) {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("admin: listening on %s: %w", path, err)
	}
	return l, nil
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	var conn net.Conn
	err := withShortPath(path, func(short string) (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, "unix", short)
		return err
	})
	return conn, err
}

// withShortPath calls f with a path that fits a socket's address. A longer one
// is reached through its open directory, which Linux names by a short path.
func withShortPath(path string, f func(string) error) error {
	if len(path) <= pathMax {
		return f(path)
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%w: %s has %d bytes, at most %d are possible: choose a shorter --data", ErrPathLong, path, len(path), pathMax)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return f(filepath.Join("/proc/self/fd", strconv.Itoa(int(dir.Fd())), filepath.Base(path)))
}
