package admin

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"tributary/ingest/folder"
)

// SocketName is the socket's file in the data directory.
const SocketName = "admin.sock"

// SocketPath is where the relay with this data directory listens.
func SocketPath(data string) string { return filepath.Join(data, SocketName) }

// Listen opens the socket at path with mode 0600, in place of one that a killed
// process left. The caller holds the lock of the data directory. Closing the
// listener removes the file.
func Listen(path string) (net.Listener, error) {
	l, err := folder.Listen(path)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
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
