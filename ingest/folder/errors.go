package folder

import "errors"

// ErrPathLong says that a path does not fit a socket's address, where there is no way around it.
var ErrPathLong = errors.New("folder: path is too long for a unix socket")
