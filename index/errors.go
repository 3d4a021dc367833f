package index

import (
	"errors"
	"fmt"
)

// The errors that a caller tells apart.
var (
	ErrNotFound    = errors.New("not found")
	ErrUnavailable = errors.New("the index cannot be reached")
	// ErrURL says that an address is none that a ClickHouse can be reached by.
	ErrURL = errors.New("unusable address of a ClickHouse")
	// ErrOldServer says that the server is too old for the tables of the index.
	ErrOldServer = fmt.Errorf("index: the server is too old: the index needs ClickHouse %d.%d or newer, for its text indexes", leastMajor, leastMinor)
)
