package chdb

import (
	"errors"
	"runtime"
	"unsafe"
)

// Insert is a running INSERT, which gets its data in pieces. Close it before its Conn.
type Insert struct {
	lib    *library
	handle pointer
	ended  bool // committed, or cancelled
}

// Insert begins an INSERT. Its text has neither FORMAT nor data: Statement.Format is that of the data.
func (c *Conn) Insert(s Statement) (*Insert, error) {
	handle := c.call(c.lib.insert, s)
	if handle == nil {
		return nil, errNoResult
	}
	i := &Insert{lib: c.lib, handle: handle}
	if err := failure(c.lib.insertError(handle)); err != nil {
		i.ended = true
		i.Close()
		return nil, err
	}
	return i, nil
}

// Append hands data over, and waits while the engine is behind.
func (i *Insert) Append(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	p := unsafe.SliceData(data)
	pins.Pin(p)
	if i.lib.appendData(i.handle, pointer(p), uintptr(len(data))) == 0 {
		return nil
	}
	if err := failure(i.lib.insertError(i.handle)); err != nil {
		return err
	}
	return errors.New("chdb: the INSERT takes no more data")
}

// Commit ends the data. When it returns nil, the engine has the rows.
func (i *Insert) Commit() error {
	i.ended = true
	r, err := i.lib.result(i.lib.done(i.handle))
	if err != nil {
		return err
	}
	r.Free()
	return nil
}

// Close cancels the INSERT if it was not committed; parts that the engine has cut off the data already (of a million
// rows) may stay. It may be called twice.
func (i *Insert) Close() {
	if i.handle == nil {
		return
	}
	if !i.ended {
		i.lib.cancelInsert(i.handle)
	}
	i.lib.freeInsert(i.handle)
	i.handle = nil
}
