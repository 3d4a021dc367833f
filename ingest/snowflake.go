package ingest

import "time"

// An id is a 63-bit snowflake, so that ids sort by arrival and fit every
// client's signed integer:
//
//	43 bits  milliseconds since 1970 when the first record about the object was appended (enough until 2248)
//	 1 bit   0; 1 is the part reserved for posts of hosted accounts, which get their id when they are written
//	19 bits  seq of that record, modulo 2^19
const (
	idSeqBits  = 19
	idTimeBits = 43
	idTimeMask = 1<<idTimeBits - 1
	idSeqMask  = 1<<idSeqBits - 1
)

// snowflake is the id of an object whose first record was appended at t with seq.
func snowflake(t time.Time, seq uint64) uint64 {
	ms := uint64(max(t.UnixMilli(), 0)) & idTimeMask
	return ms<<(idSeqBits+1) | seq&idSeqMask
}

// IDTime is the time that an id holds, to the millisecond.
func IDTime(id uint64) time.Time {
	return time.UnixMilli(int64(id >> (idSeqBits + 1))).UTC()
}
