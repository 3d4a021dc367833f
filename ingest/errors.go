package ingest

import "errors"

// What callers tell apart.
var (
	ErrRecordTooLarge = errors.New("record too large")
	ErrCodecVersion   = errors.New("record format not known to this program")
	ErrUnavailable    = errors.New("the log cannot take records now")
	ErrPartitions     = errors.New("the topic must have exactly one partition")
	ErrCompacted      = errors.New("the topic must not be compacted: its records have no keys")
	ErrBeingWritten   = errors.New("the log is being written")
	ErrOtherLog       = errors.New("it is not the log that the state database knows")
	ErrTargetTaken    = errors.New("the target holds something else")
	ErrTargetOffsets  = errors.New("the target's offsets are ahead of the seqs of the log")
	ErrSuperseded     = errors.New("another node has read the log in another way: this one must start again")
	ErrClosed         = errors.New("log closed")
)
