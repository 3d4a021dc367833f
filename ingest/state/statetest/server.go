package statetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrMissing says that this machine has no PostgreSQL.
var ErrMissing = errors.New("statetest: PostgreSQL's programs initdb and postgres are not installed (Debian: apt-get install postgresql)")

const startTimeout = 60 * time.Second

// Server is a PostgreSQL of its own in a temporary folder, reached over a unix socket by everybody
// who may enter the folder. Its methods are for one goroutine.
type Server struct {
	programs string
	dir      string
	settings []string
	owner    *syscall.Credential // nil: our own; PostgreSQL refuses to run as root
	process  *exec.Cmd
	ended    chan struct{}
}

// Start makes a server and starts it; settings are as in postgresql.conf, for example fsync=off, which
// makes it fast and loses nothing when only processes are killed. Close it.
func Start(settings ...string) (*Server, error) {
	programs, err := find()
	if err != nil {
		return nil, err
	}
	owner, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tributary-postgres-")
	if err != nil {
		return nil, fmt.Errorf("statetest: %w", err)
	}
	s := &Server{programs: programs, dir: dir, settings: settings, owner: owner}
	if err := s.initialise(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.Run(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// find returns the folder of the newest PostgreSQL; Debian keeps it out of PATH.
func find() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	version := func(program string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(program))))
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if program, err := exec.LookPath("postgres"); err == nil {
		found = append(found, program)
	}
	for _, program := range found {
		dir := filepath.Dir(program)
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", ErrMissing
}

// unprivileged is who runs the server when we are root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
	}
	return nil, errors.New("statetest: PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

func (s *Server) initialise() error {
	if s.owner != nil {
		if err := os.Chown(s.dir, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			return fmt.Errorf("statetest: %w", err)
		}
	}
	cmd := s.command("initdb", "--pgdata="+s.data(), "--username=tributary", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("statetest: initdb: %w: %s", err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.programs, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Setpgid: true} // Ctrl-C is for us
	endWithUs(cmd.SysProcAttr)
	return cmd
}

// Run starts the server, again after Stop or Kill, and waits until it answers.
func (s *Server) Run() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		if err := s.launch(); err != nil {
			return err
		}
		err := s.await(ctx)
		// A killed one's children live on for a moment, with its shared memory.
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "shared memory block") {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *Server) launch() error {
	args := []string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=200"}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	log, err := os.Create(s.log())
	if err != nil {
		return fmt.Errorf("statetest: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := s.command("postgres", args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("statetest: %w", err)
	}
	ended := make(chan struct{})
	s.process, s.ended = cmd, ended
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(ended)
	}()
	return nil
}

func (s *Server) log() string { return filepath.Join(s.dir, "log") }

// await waits until the server answers or ends.
func (s *Server) await(ctx context.Context) error {
	for {
		conn, err := pgx.Connect(ctx, s.URL())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-time.After(20 * time.Millisecond):
			continue
		case <-s.ended:
		case <-ctx.Done():
		}
		text, _ := os.ReadFile(s.log())
		return fmt.Errorf("statetest: postgres did not start: %w\n%s", err, text[max(0, len(text)-2000):])
	}
}

// URL is the address of its database.
func (s *Server) URL() string {
	return "postgres:///postgres?" + url.Values{"host": {s.dir}, "user": {"tributary"}}.Encode()
}

// Stop cuts every connection off and shuts the server down in order.
func (s *Server) Stop() { s.end(syscall.SIGINT) }

// Kill does it without any order: the next start recovers.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

func (s *Server) end(signal syscall.Signal) {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(signal) // an error says that it ended already
	<-s.ended
	s.process = nil
}

// Close ends the server and removes its folder.
func (s *Server) Close() error {
	s.end(syscall.SIGQUIT)
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("statetest: %w", err)
	}
	return nil
}
