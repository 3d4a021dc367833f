package landlock

import "errors"

// ErrUnsupported says that the kernel has no Landlock, or does not let us use it.
var ErrUnsupported = errors.New("landlock: not supported by this kernel")

// Rules are what stays allowed, as paths; those that do not exist are skipped. Folders mean all below.
type Rules struct {
	// Read can be read, and listed.
	Read []string
	// Execute can be read and executed; so can what loads a program among them that is linked dynamically.
	Execute []string
	// Write can be read and changed in every way.
	Write []string
}

// Domain says what was taken away except for the rules.
type Domain struct {
	Files, TCP, UDP, Signals, Sockets bool
}
