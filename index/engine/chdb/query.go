package chdb

import (
	"runtime"
	"unsafe"
)

// Param is the value of a {name:Type} in a statement.
type Param struct{ Name, Value string }

// Statement is what runs, with the format of its data: "Native", "TabSeparated".
type Statement struct {
	SQL    string
	Format string
	Params []Param
}

// call hands a statement to one of the functions that take one.
func (c *Conn) call(f func(conn, sql pointer, n uintptr, format pointer, m uintptr, names, nameLens, values, valueLens pointer, count uintptr) pointer, s Statement) pointer {
	var pins runtime.Pinner
	defer pins.Unpin()
	pin := func(s string) (pointer, uintptr) {
		if s == "" {
			s = " "
			return pointer(unsafe.StringData(s)), 0
		}
		p := unsafe.StringData(s)
		pins.Pin(p)
		return pointer(p), uintptr(len(s))
	}
	sql, n := pin(s.SQL)
	format, m := pin(s.Format)
	count := len(s.Params)
	if count == 0 {
		return f(c.raw(), sql, n, format, m, nil, nil, nil, nil, 0)
	}
	names, values := make([]pointer, count), make([]pointer, count)
	nameLens, valueLens := make([]uintptr, count), make([]uintptr, count)
	for i, p := range s.Params {
		names[i], nameLens[i] = pin(p.Name)
		values[i], valueLens[i] = pin(p.Value)
	}
	pins.Pin(&names[0])
	pins.Pin(&values[0])
	pins.Pin(&nameLens[0])
	pins.Pin(&valueLens[0])
	return f(c.raw(), sql, n, format, m,
		pointer(&names[0]), pointer(&nameLens[0]), pointer(&values[0]), pointer(&valueLens[0]), uintptr(count))
}

// Query runs a text and returns its whole result. Beware: it runs every statement of the text, and what follows a
// blank line in the data of an INSERT is a statement.
func (c *Conn) Query(s Statement) (*Result, error) {
	return c.lib.result(c.call(c.lib.query, s))
}

// Result is memory of the library. Free it.
type Result struct {
	lib    *library
	handle pointer
}

func (l *library) result(handle pointer) (*Result, error) {
	if handle == nil {
		return nil, errNoResult
	}
	r := &Result{lib: l, handle: handle}
	if err := failure(l.resultError(handle)); err != nil {
		r.Free()
		return nil, err
	}
	return r, nil
}

// Bytes is the data, until Free.
func (r *Result) Bytes() []byte {
	n := r.lib.length(r.handle)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(r.lib.buffer(r.handle)), n)
}

// Free gives the memory back. It may be called twice.
func (r *Result) Free() {
	if r.handle != nil {
		r.lib.free(r.handle)
		r.handle = nil
	}
}

// Class says what a text would do; higher is more.
type Class uint32

// The classes of chdb_query_class.
const (
	ReadOnly Class = iota
	// Mutating changes databases.
	Mutating
	// MutatingGlobal changes what stands beside databases: functions, users, the database system.
	MutatingGlobal
	// Control changes the session or the server, or writes elsewhere: SET, SYSTEM, KILL, INTO OUTFILE.
	Control
	// Unknown did not parse.
	Unknown
)

// Analysis is what the engine's parser says about a text.
type Analysis struct {
	Class Class
	// Statements is how many statements Query would run; 0 if the text does not parse.
	Statements int
}

// Classify parses a text and runs nothing. It sees the data of an INSERT too.
func (c *Conn) Classify(sql string) Analysis {
	// chdb_query_analysis_v1
	out := &struct{ size, statements, flags, class uint32 }{size: 16}
	var pins runtime.Pinner
	defer pins.Unpin()
	text := " "
	if sql != "" {
		text = sql
		pins.Pin(unsafe.StringData(text))
	}
	pins.Pin(out)
	if c.lib.classify(c.raw(), pointer(unsafe.StringData(text)), uintptr(len(text)), nil, 0, pointer(out)) != 0 {
		return Analysis{Class: Unknown}
	}
	return Analysis{Class: Class(out.class), Statements: int(out.statements)}
}
