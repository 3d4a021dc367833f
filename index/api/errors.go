package api

import "errors"

// ErrConfig is a configuration that cannot be meant.
var ErrConfig = errors.New("bad configuration")
