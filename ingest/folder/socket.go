package folder

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

// pathMax is the longest path that every kernel takes for a unix socket: 104 bytes on the
// BSDs, 108 on Linux, a zero at the end included.
const pathMax = 103

// Listen opens a socket at path with mode 0600, in place of one that an ended process
// left. Whose the folder is holds its lock, or that of one above: nobody listens there.
// The file stays when the listener is closed.
//
// The socket is made in a folder of its own, 0700, and then moved: nobody can connect
// before the mode is set, and a client finds the old or the new one. What a process that
// was killed in between left there goes with the next call.
func Listen(path string) (*net.UnixListener, error) {
	dir := path + ".new"
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return nil, fmt.Errorf("folder: making the socket %s: %w", path, err)
	}
	defer os.RemoveAll(dir)
	made := filepath.Join(dir, "s")
	l, err := bind(made)
	if err != nil {
		return nil, fmt.Errorf("folder: listening on %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // by then another process may listen at the name
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("folder: making the socket %s: %w", path, err), l.Close())
	}
	return l, nil
}

func bind(path string) (l *net.UnixListener, err error) {
	err = withShortPath(path, func(short string) (err error) {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		return err
	})
	return l, err
}

// Dial connects to the socket at path.
func Dial(ctx context.Context, path string) (conn net.Conn, err error) {
	err = withShortPath(path, func(short string) (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, "unix", short)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("folder: connecting to %s: %w", path, err)
	}
	return conn, nil
}

// withShortPath calls f with a path to the same file that fits a socket's address. A
// longer one is reached through its open folder, which Linux names by a short path.
func withShortPath(path string, f func(string) error) error {
	if len(path) <= pathMax {
		return f(path)
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%w: %s has %d bytes, at most %d are possible: choose a shorter one", ErrPathLong, path, len(path), pathMax)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return f(filepath.Join("/proc/self/fd", strconv.Itoa(int(dir.Fd())), filepath.Base(path)))
}
