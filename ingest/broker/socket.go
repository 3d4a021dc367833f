package broker

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// shortMax is the longest path that goes to the kernel as it is. sockaddr_un holds 108
// bytes, 104 on BSD.
const shortMax = 100

// reach calls f with a path to the same file that fits a socket address. A long path is
// reached through the open directory (/proc/self/fd, so on Linux only): a data
// directory may be anywhere, and a socket elsewhere, in a temporary directory, would
// not be found by other programs and could be cleaned away.
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

// listen binds path, in place of a socket that an ended broker left. The caller holds
// the lock of the directory: nobody listens there. Between bind and chmod the
// directory's mode 0700 keeps others out.
func listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("broker: removing the old socket: %w", err)
	}
	var ln *net.UnixListener
	err := reach(path, func(short string) (err error) {
		ln, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("broker: listening on %s: %w", path, err)
	}
	ln.SetUnlinkOnClose(false) // by then the name may lead elsewhere; Close removes the file
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, fmt.Errorf("broker: protecting the socket: %w", err)
	}
	return ln, nil
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	var conn net.Conn
	err := reach(path, func(short string) (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "unix", short)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("broker: connecting to %s: %w", path, err)
	}
	return conn, nil
}

// listener says Addr for its address: kfake tells it to clients as that of the leader.
type listener struct{ net.Listener }

func (l listener) Addr() net.Addr { return Addr }
