package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"tributary/ingest/folder"
)

// enginePriority is the nice value of the engine.
const enginePriority = 10

// Run is the main of `tributary engine`: it makes ready what needs our rights (the directory, its lock, the
// configuration, the socket), gives the rights up, and becomes tributary-engine, which serves. It returns only an error.
func Run(ctx context.Context, o Options) error {
	o.applyDefaults()
	if err := o.validate(); err != nil {
		return err
	}
	library, binary, err := Find(o.Library, o.Binary)
	if err != nil {
		return err
	}
	l := &layout{}
	defer l.close()
	if err := l.prepare(ctx, o); err != nil {
		return err
	}
	inherited := []*os.File{l.socket, l.lock}
	args := []string{
		binary, "serve", "--library", library, "--dir", l.data, "--config", l.config,
		"--listener", strconv.Itoa(int(l.socket.Fd())), "--sessions", strconv.Itoa(o.Sessions),
	}
	if l.credentials != nil {
		args = append(args, "--credentials", strconv.Itoa(int(l.credentials.Fd())))
		inherited = append(inherited, l.credentials)
	}
	for _, f := range inherited {
		if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil { // goes along
			return fmt.Errorf("engine: handing the socket over: %w", err)
		}
	}
	runtime.LockOSThread() // the domain and the priority are those of a thread until the next program has only this one
	// Merges and questions wait for deliveries and streams, not the other way round. That it may not be
	// lowered is no reason not to start.
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, enginePriority)
	if !o.off.landlock {
		if err := confine(l, library, binary, o.Log); err != nil {
			return err
		}
	}
	// Ours may hold secrets. Without TZ the time zone would be the machine's.
	err = unix.Exec(binary, args, []string{"TZ=UTC"})
	return fmt.Errorf("engine: starting %s: %w", binary, err)
}

// layout is the engine's directory and what stays open in the next program.
type layout struct {
	data   string // the engine's own
	config string // its main file
	lock   *os.File
	socket *os.File

	credentials *os.File // nil: none are demanded
}

func (l *layout) close() {
	for _, f := range []*os.File{l.lock, l.socket, l.credentials} {
		if f != nil {
			f.Close()
		}
	}
}

// prepare makes the directory, then takes its lock, and touches what is in it only then.
func (l *layout) prepare(ctx context.Context, o Options) error {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("engine: finding the data directory: %w", err)
	}
	unix.Umask(0o077) // for ClickHouse, too
	l.data = filepath.Join(dir, "data")
	config := filepath.Join(dir, "config")
	for _, d := range []string{l.data, config} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("engine: making the data directory: %w", err)
		}
	}
	if l.lock, err = folder.Lock(ctx, dir, o.LockWait, ErrLocked); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if l.config, err = writeConfig(config, o); err != nil {
		return err
	}
	if l.socket, err = listenFile(ctx, o); err != nil || o.Credentials == "" {
		return err
	}
	l.credentials, err = os.Open(o.Credentials) // now: after confine it could not
	if err != nil {
		return fmt.Errorf("engine: reading the credentials: %w", err)
	}
	return nil
}
