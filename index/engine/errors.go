package engine

import "errors"

var (
	// ErrNotInstalled says that the library or the program that loads it is not there, and how to get it. The rest of
	// Tributary runs without.
	ErrNotInstalled = errors.New("engine: the embedded ClickHouse is not installed")
	// ErrLocked says that another engine uses the data directory.
	ErrLocked = errors.New("data directory is in use by another engine")
)
