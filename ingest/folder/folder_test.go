package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var errInUse = errors.New("in use by another test")

func TestLock(t *testing.T) {
	dir := t.TempDir()
	first, err := Lock(t.Context(), dir, 0, errInUse)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(t.Context(), dir, 0, errInUse)
	if !errors.Is(err, errInUse) || !strings.Contains(err.Error(), fmt.Sprintf("%s is held by process %d", dir, os.Getpid())) {
		t.Errorf("second lock: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Lock(ended, dir, time.Hour, errInUse); !errors.Is(err, context.Canceled) {
		t.Errorf("a lock that nobody waits for any more: %v", err)
	}
	waited := make(chan error, 1)
	go func() {
		second, err := Lock(t.Context(), dir, time.Hour, errInUse)
		if err == nil {
			err = second.Close()
		}
		waited <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Errorf("a lock that was waited for: %v", err)
	}
	if _, err := Lock(t.Context(), filepath.Join(dir, "missing"), 0, errInUse); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// A path of any length, in place of what a killed process left.
func TestSocket(t *testing.T) {
	for name, dir := range map[string]string{
		"short": t.TempDir(),
		"long":  filepath.Join(t.TempDir(), strings.Repeat("long", 20), strings.Repeat("path", 20)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(filepath.Join(dir, "socket.new", "s"), 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "socket")
			if _, err := Dial(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("before there is one: %v", err)
			}
			for range 2 {
				serve(t, path)
				info, err := os.Stat(path)
				if err != nil || info.Mode() != fs.ModeSocket|0o600 {
					t.Errorf("mode %v, %v", info.Mode(), err)
				}
			}
			if _, err := Dial(t.Context(), path); err == nil {
				t.Error("connected to nobody")
			}
			if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
				t.Errorf("in the folder: %v, %v", all, err)
			}
		})
	}
}

// serve listens, takes one connection, and ends.
func serve(t *testing.T, path string) {
	t.Helper()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan error, 1)
	go func() {
		var conn net.Conn
		conn, err := l.Accept()
		if err == nil {
			err = conn.Close()
		}
		accepted <- err
	}()
	conn, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := <-accepted; err != nil {
		t.Error(err)
	}
}
