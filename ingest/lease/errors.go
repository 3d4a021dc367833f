package lease

import "errors"

var (
	// ErrLost says that the share is, or may be by now, another node's.
	ErrLost = errors.New("lease lost")
	// ErrHandover ends a term that another node is to go on with: finish what is under way.
	ErrHandover = errors.New("lease handed over")
	// ErrName says that another process runs under our node's name, and began later.
	ErrName = errors.New("lease: another node has our name")
	// ErrNode says that a name cannot be a node's.
	ErrNode = errors.New("lease: a node's name has 1 to 64 of a-z A-Z 0-9 . _ -")
)
