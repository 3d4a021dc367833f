package broker

import "errors"

var (
	// ErrLocked says that another broker uses the data directory.
	ErrLocked = errors.New("data directory is in use by another broker")
	// ErrPartitions says that the topic exists with another number of partitions than
	// one: one order for every reader would be lost.
	ErrPartitions = errors.New("broker: topic must have exactly one partition")
	// ErrDamaged says that segments are there, but the files that say what they are
	// are not.
	ErrDamaged = errors.New("broker: data directory is damaged")
)
