package chdb

import (
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"
)

// pointer is memory of the library, or of ours for the time of a call.
type pointer = unsafe.Pointer

// library is what we use of libchdb, as its header chdb.h (26.7.3) declares it. int is int32 and
// size_t uintptr.
type library struct {
	version           func() string
	setSignalHandlers func(enabled int32)
	shutdown          func() int32

	connect func(argc int32, argv pointer) pointer // chdb_connection *
	close   func(conn pointer)                     // takes the chdb_connection *

	query       func(conn, sql pointer, n uintptr, format pointer, m uintptr, names, nameLens, values, valueLens pointer, count uintptr) pointer
	streamQuery func(conn, sql pointer, n uintptr, format pointer, m uintptr, names, nameLens, values, valueLens pointer, count uintptr) pointer
	fetch       func(conn, stream pointer) pointer
	cancelQuery func(conn, stream pointer)

	insert       func(conn, sql pointer, n uintptr, format pointer, m uintptr, names, nameLens, values, valueLens pointer, count uintptr) pointer
	appendData   func(insert, data pointer, n uintptr) int32
	done         func(insert pointer) pointer
	insertError  func(insert pointer) string
	cancelInsert func(insert pointer)
	freeInsert   func(insert pointer)

	classify func(conn, sql pointer, n uintptr, database pointer, m uintptr, out pointer) int32

	buffer      func(result pointer) pointer
	length      func(result pointer) uintptr
	resultError func(result pointer) string
	free        func(result pointer)
}

func (l *library) symbols() map[string]any {
	return map[string]any{
		"chdb_version":                     &l.version,
		"chdb_set_signal_handlers_enabled": &l.setSignalHandlers,
		"chdb_shutdown":                    &l.shutdown,
		"chdb_connect":                     &l.connect,
		"chdb_close_conn":                  &l.close,
		"chdb_query_with_params_n":         &l.query,
		"chdb_stream_query_with_params_n":  &l.streamQuery,
		"chdb_stream_fetch_result":         &l.fetch,
		"chdb_stream_cancel_query":         &l.cancelQuery,
		"chdb_stream_insert_with_params_n": &l.insert,
		"chdb_stream_append":               &l.appendData,
		"chdb_stream_done":                 &l.done,
		"chdb_stream_insert_error":         &l.insertError,
		"chdb_stream_cancel_insert":        &l.cancelInsert,
		"chdb_destroy_insert_stream":       &l.freeInsert,
		"chdb_classify_query_n":            &l.classify,
		"chdb_result_buffer":               &l.buffer,
		"chdb_result_length":               &l.length,
		"chdb_result_error":                &l.resultError,
		"chdb_destroy_query_result":        &l.free,
	}
}

// load opens the library. One that lacks a function is too old: before 26.7 it also took Go's signal
// handlers away with every connection and ignored settings.
func load(path string) (*library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLibrary, err)
	}
	l := &library{}
	for name, f := range l.symbols() {
		address, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("%w: %s has no %s, so it is older than 26.7", ErrLibrary, path, name)
		}
		purego.RegisterFunc(f, address)
	}
	return l, nil
}
