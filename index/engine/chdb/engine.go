package chdb

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

// Engine is the engine of this process.
type Engine struct {
	lib  *library
	path string
	boot *Conn // keeps the engine alive
}

// Options say how the engine starts.
type Options struct {
	// Library is the path of libchdb.so.
	Library string
	// Path is the data directory.
	Path string
	// Args are further arguments of the first connection, "--config-file=/somewhere".
	Args []string
	// KeepSignals leaves the library's signal handlers on. Only for the test that shows what they do.
	KeepSignals bool
}

// Open loads the library and starts the engine, which may happen once in a process.
func Open(o Options) (*Engine, error) {
	lib, err := load(o.Library)
	if err != nil {
		return nil, err
	}
	if !o.KeepSignals {
		lib.setSignalHandlers(0) // before the first connection
	}
	e := &Engine{lib: lib, path: o.Path}
	if e.boot, err = e.Connect(o.Args...); err != nil {
		return nil, fmt.Errorf("chdb: starting the engine: %w", err)
	}
	return e, nil
}

// Close ends the engine, and there is no other one in this process. Every other Conn must be closed. Threads of the
// library that do not end (it refuses to wait for them after some failures) end with the process.
func (e *Engine) Close() {
	e.boot.Close()
	e.lib.shutdown()
}

// LibraryVersion is libchdb's own version; ClickHouse's is that of SELECT version().
func (e *Engine) LibraryVersion() string { return e.lib.version() }

// Conn is a session: its settings and its database are its own.
type Conn struct {
	lib    *library
	handle pointer // chdb_connection *: the library's
}

// ErrConnect says that there is no session; the library gives no reason. For all but the first
// connection it is a setting with a wrong value.
var ErrConnect = errors.New("chdb: no connection")

// Connect opens a session. Args that name a setting of queries, "--max_threads=2", hold for it; the library ignores
// those that it does not know.
func (e *Engine) Connect(args ...string) (*Conn, error) {
	argv := make([]*byte, 0, len(args)+3)
	var pins runtime.Pinner
	defer pins.Unpin()
	for _, arg := range append([]string{"clickhouse", "--path=" + e.path}, args...) {
		if strings.IndexByte(arg, 0) >= 0 {
			return nil, fmt.Errorf("%w: an argument holds a NUL", ErrConnect)
		}
		c := unsafe.SliceData(append([]byte(arg), 0))
		pins.Pin(c)
		argv = append(argv, c)
	}
	argc := int32(len(argv))
	argv = append(argv, nil)
	pins.Pin(unsafe.SliceData(argv))
	handle := e.lib.connect(argc, pointer(unsafe.SliceData(argv)))
	if handle == nil {
		return nil, ErrConnect
	}
	return &Conn{lib: e.lib, handle: handle}, nil
}

// Close ends the session. It may be called twice.
func (c *Conn) Close() {
	if c.handle != nil {
		c.lib.close(c.handle)
		c.handle = nil
	}
}

// raw is the chdb_connection that chdb_connect's result points to.
func (c *Conn) raw() pointer { return *(*pointer)(c.handle) }
