package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/segmentio/kafka-go"
)

// carried is a record of one log as it must stand in a copy.
type carried struct {
	fetched        // its offset is the one in the copy
	seq     uint64 // the same in both
}

// carrier reads a log from its start to where it ended, and says what a copy of
// it holds, record by record. Two carriers over the same log say the same, so
// that a copy can be compared and an interrupted one continued.
//
// A copy holds the same values with the same times under the same seqs. What
// differs is the base: an epoch record says the one that is right for its place.
// If the copy's first seq is not the one that its offset would have in a new
// log, an epoch record is put before it.
type carrier struct {
	topic     fetcher
	next, end int64  // offsets in the source
	out       int64  // next offset in the copy
	source    epochs // as the state database and the records read tell them
	copy      epochs // the same seqs over the copy's offsets
	last      int64  // start of the source's epoch that copy has reached
	leads     bool   // the copy begins with an epoch record of its own
}

// fetcher is what a carrier needs of a topic.
type fetcher interface {
	fetch(ctx context.Context, offset, maxBytes int64, wait time.Duration) (page, error)
}

// page returns the copy's next records, none at the end.
func (c *carrier) page(ctx context.Context) ([]carried, error) {
	if c.next >= c.end {
		return nil, c.finish()
	}
	p, err := c.topic.fetch(ctx, c.next, fetchMaxBytes, fetchMaxWait)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return nil, fmt.Errorf("%w: its record at offset %d is gone", ErrBeingWritten, c.next)
	}
	if err != nil {
		return nil, err
	}
	var all []carried
	for _, f := range p.records {
		if f.offset >= c.end {
			break
		}
		records, err := c.carry(f)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
		c.next = f.offset + 1
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("ingest: copy: no record from offset %d on, though the log ends at %d", c.next, c.end)
	}
	return all, nil
}

// carry says what becomes of one record.
func (c *carrier) carry(f fetched) ([]carried, error) {
	r := Record{Offset: f.offset, Seq: c.source.seqOf(f.offset)}
	isEpoch := readEpoch(f.value, &r)
	if isEpoch {
		if raised, ok := c.source.adopted(&r); ok {
			c.source, r.Seq = raised, raised.seqOf(f.offset)
		}
	}
	var all []carried
	if len(c.copy) == 0 && !isEpoch {
		lead, err := c.lead(r.Seq, f)
		if err != nil {
			return nil, err
		}
		all = lead
	}
	if err := c.place(f.offset, r.Seq); err != nil {
		return nil, err
	}
	value := f.value
	if isEpoch {
		base := max(r.Seq, r.Base+uint64(f.offset)) - uint64(c.out) // the latter is more where it leads: see lead
		var err error
		if value, err = rebased(value, r.Base, base); err != nil {
			return nil, err
		}
	}
	all = append(all, carried{fetched{offset: c.out, time: f.time, value: value}, r.Seq})
	c.out++
	return all, nil
}

// lead returns the epoch record that goes before the first record, if one is needed.
// It gets the seq of the source's record before, which has expired (epochs.first).
func (c *carrier) lead(first uint64, f fetched) ([]carried, error) {
	if first <= firstBase+uint64(c.out) {
		return nil, nil // as in a new log, or refused by place
	}
	base := first - 1 - uint64(c.out)
	value, err := Encode(&Record{Kind: KindEpoch, Base: base, Version: int64(first - 1), Reason: epochMoved})
	if err != nil {
		return nil, err
	}
	seq := c.source.seqOf(f.offset - 1)
	record := carried{fetched{offset: c.out, time: f.time, value: value}, seq}
	c.leads = true
	c.out++
	return []carried{record}, nil
}

// place notes that what has seq at offset from of the source stands next in the copy.
func (c *carrier) place(from int64, seq uint64) error {
	x, base := c.source.at(from), seq-uint64(c.out)
	var reason string
	switch {
	case len(c.copy) == 0:
		return c.placeFirst(from, seq)
	case x.start != c.last:
		reason = c.source.reasonBetween(c.last, x)
	case base != c.copy[len(c.copy)-1].base:
		reason = epochStopped // the source has no record at some offsets
	default:
		return nil
	}
	c.copy, c.last = append(c.copy, epoch{start: c.out, base: base, reason: reason}), x.start
	return nil
}

// placeFirst shifts the epochs up to the first record. Those of records that have
// expired come along, to offsets that may be negative: they tell a reader from
// before the log's start whether it has missed something.
func (c *carrier) placeFirst(from int64, seq uint64) error {
	if seq < firstBase+uint64(c.out) {
		return fmt.Errorf("ingest: copy: seq %d at offset %d: %w", seq, c.out, ErrTargetOffsets)
	}
	shift := from - c.out
	for i, x := range c.source {
		if i == 0 || x.start <= from {
			c.copy = append(c.copy, epoch{start: x.start - shift, base: x.base + uint64(shift), reason: x.reason})
			c.last = x.start
		}
	}
	if c.leads && c.source[0].start < from {
		c.copy = c.copy.marked(c.out - 1)
	}
	return nil
}

// marked returns the epochs with one that begins at offset and says only that the
// record there is a copy's first.
func (e epochs) marked(offset int64) epochs {
	var all epochs
	for _, x := range e {
		if x.start < offset {
			all = append(all, x)
		}
	}
	all = append(all, epoch{start: offset, base: e.at(offset).base, reason: epochMoved})
	for _, x := range e {
		if x.start > offset {
			all = append(all, x)
		}
	}
	return all
}

// finish says which seq comes after the copy.
func (c *carrier) finish() error { return c.place(c.end, c.source.seqOf(c.end)) }

// reasonBetween is x's reason, or that of an epoch without records before it that says more.
func (e epochs) reasonBetween(after int64, x epoch) string {
	for _, y := range e {
		if y.start > after && y.start <= x.start && y.reason == epochRegressed {
			return epochRegressed
		}
	}
	return x.reason
}

// readEpoch reads of an epoch record what a copy changes. What cannot be read is
// carried as it is.
func readEpoch(value []byte, r *Record) bool {
	if len(value) == 0 || value[0] != codecVersion {
		return false
	}
	var head struct {
		Kind   Kind   `cbor:"1,keyasint"`
		Base   uint64 `cbor:"20,keyasint,omitempty"`
		Reason string `cbor:"21,keyasint,omitempty"`
	}
	if decoder.Unmarshal(value[1:], &head) != nil || head.Kind != KindEpoch {
		return false
	}
	r.Kind, r.Base, r.Reason = head.Kind, head.Base, head.Reason
	return true
}

// baseKey is Record.Base on the wire.
const baseKey = 20

var sorted = must(cbor.CoreDetEncOptions().EncMode())

// rebased changes the base of an epoch record and leaves alone what a later
// program may have written beside it.
func rebased(value []byte, was, base uint64) ([]byte, error) {
	if was == base {
		return value, nil
	}
	fields := map[uint64]cbor.RawMessage{}
	if err := decoder.Unmarshal(value[1:], &fields); err != nil {
		return nil, fmt.Errorf("ingest: copy: epoch record: %w", err)
	}
	number, err := sorted.Marshal(base)
	if err != nil {
		return nil, fmt.Errorf("ingest: copy: epoch record: %w", err)
	}
	fields[baseKey] = number
	body, err := sorted.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("ingest: copy: epoch record: %w", err)
	}
	return append([]byte{codecVersion}, body...), nil
}
