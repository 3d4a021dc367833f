//go:build !linux

package landlock

// Restrict is for Linux.
func Restrict(Rules) (Domain, error) { return Domain{}, ErrUnsupported }
