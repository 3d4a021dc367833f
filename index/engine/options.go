package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"time"
)

// Options say where the engine lives and what it may take.
type Options struct {
	// Dir holds the data, the configuration and the lock; made with mode 0700 if it is not there. Required.
	Dir string
	// Socket is the path of the unix socket, of any length, mode 0600. Its folder must be closed to others.
	// Required, unless Listen is given.
	Socket string
	// Listen is a TCP address to serve in place of Socket, host:port with the number of a loopback address. What is
	// said there is not encrypted. Empty: none.
	Listen string
	// Anywhere lets Listen be an address that other machines reach.
	Anywhere bool
	// Credentials is the path of a file that holds USER:PASSWORD, which every request must bring. Required with
	// Listen, where any user of the machine can connect; not used with Socket, which only its own user opens.
	Credentials string
	// Library is the path of libchdb.so. Empty: it is looked for, see Find.
	Library string
	// Binary is the path of tributary-engine. Empty: beside our own binary.
	Binary string
	// Memory bounds what ClickHouse allocates, in bytes: beyond it statements fail and merges wait. The process takes
	// some 200 MB more, most of it pages of the library's file that the system can drop. Default 700 MB, at least 200 MB.
	Memory int64
	// Merges is how many threads merge parts in the background. Default 2.
	Merges int
	// Sessions is how many statements run at once; further ones wait. Default 16.
	Sessions int
	// Readable is the database that the role ro may read. Default "tributary".
	Readable string
	// LockWait is how long to wait for an engine that still uses Dir. Default 10 s.
	LockWait time.Duration
	// Log is required.
	Log *slog.Logger

	off guards
}

// guards switches guards off, to let a test show the fault that each is there for.
type guards struct {
	roles, landlock bool
}

var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// memoryMin is what ClickHouse needs to do anything.
const memoryMin = 200 << 20

func (o *Options) applyDefaults() {
	if o.Memory == 0 {
		o.Memory = 700 << 20
	}
	if o.Merges == 0 {
		o.Merges = 2
	}
	if o.Sessions == 0 {
		o.Sessions = 16
	}
	if o.Readable == "" {
		o.Readable = "tributary"
	}
	if o.LockWait == 0 {
		o.LockWait = 10 * time.Second
	}
}

func (o *Options) validate() error {
	switch {
	case o.Dir == "":
		return errors.New("engine: no data directory given")
	case (o.Socket == "") == (o.Listen == ""):
		return errors.New("engine: needs a socket or an address to listen on, and not both")
	case (o.Listen == "") != (o.Credentials == ""):
		return errors.New("engine: an address to listen on and credentials come together")
	case o.Listen != "" && !o.Anywhere && !loopback(o.Listen):
		return fmt.Errorf("engine: %q is not host:port with a loopback address, such as 127.0.0.1:8123", o.Listen)
	case o.Log == nil:
		return errors.New("engine: no logger given")
	case o.Memory < memoryMin:
		return fmt.Errorf("engine: memory of %d bytes is below 200 MiB", o.Memory)
	case o.Merges < 1 || o.Merges > 64:
		return fmt.Errorf("engine: %d merge threads: must be 1 to 64", o.Merges)
	case o.Sessions < 1 || o.Sessions > 1024:
		return fmt.Errorf("engine: %d sessions: must be 1 to 1024", o.Sessions)
	case !nameForm.MatchString(o.Readable):
		return fmt.Errorf("engine: %q is no name of a database", o.Readable)
	case o.LockWait < 0:
		return errors.New("engine: negative wait for the lock")
	}
	return nil
}

// args are the arguments of `tributary engine` that say the same.
func (o *Options) args() []string {
	args := []string{"engine", "--dir", o.Dir}
	for _, a := range []struct{ name, value string }{
		{"--socket", o.Socket},
		{"--listen", o.Listen},
		{"--credentials", o.Credentials},
		{"--library", o.Library},
		{"--binary", o.Binary},
		{"--readable", o.Readable},
		{"--memory", strconv.FormatInt(o.Memory, 10)},
		{"--merges", strconv.Itoa(o.Merges)},
		{"--sessions", strconv.Itoa(o.Sessions)},
		{"--lock-wait", o.LockWait.String()},
	} {
		if a.value != "" {
			args = append(args, a.name, a.value)
		}
	}
	if o.Anywhere {
		args = append(args, "--anywhere")
	}
	if o.off.roles {
		args = append(args, "--off-roles")
	}
	if o.off.landlock {
		args = append(args, "--off-landlock")
	}
	return args
}
