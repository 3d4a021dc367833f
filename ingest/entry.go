package ingest

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Entry is a record as every reader of the log sees it, shared by all of them:
// its Record is never changed after it was published.
type Entry struct {
	Record *Record

	dropped     bool        // a repeat, stale or unreadable: no view but the state cursor's sees it
	corrected   *verdict    // what the window said, where the record's own bytes say otherwise
	state       objectState // what is known of the object after the record; of records that the window folded
	fingerprint uint64      // of the stored bytes
	size        int         // estimate of the memory it holds, bytes

	forms [formCount]struct {
		once  sync.Once
		bytes []byte
	}
}

// Form names a wire form that a stage encodes once per entry.
type Form uint8

// The forms. A stage owns its form's bytes.
const (
	FormFirehose Form = iota
	FormMastodon
	FormEventSource
	FormDelivery
	FormAnnounce
	FormLanguage // not a wire form: what the post is written in
	formCount
)

// Encoded returns the entry in form f, encoding it at the first call only. The
// bytes are shared and must not be changed.
func (e *Entry) Encoded(f Form, encode func(*Record) []byte) []byte {
	form := &e.forms[f]
	form.once.Do(func() { form.bytes = encode(e.Record) })
	return form.bytes
}

// entryOverhead is what an entry holds beside its strings: structs, pointers,
// and the wire forms that are encoded later (about the record's own size).
const entryOverhead = 1 << 10

// newEntry decodes a stored record. A record that cannot be read, or of a kind
// that this program does not know, becomes a dropped entry that keeps its place.
func newEntry(f fetched, seq uint64) (*Entry, error) {
	rec, err := Decode(f.value)
	if err != nil {
		rec = &Record{}
	}
	rec.Seq, rec.Offset, rec.Time = seq, f.offset, f.time.UTC()
	return &Entry{
		Record: rec, dropped: err != nil || !rec.Kind.Known(),
		fingerprint: fingerprintOf(f.value, f.time), size: 3*len(f.value) + entryOverhead,
	}, err
}

// fingerprintOf tells whether the record at an offset is still the one that was
// there: it guards against loss, not against malice.
func fingerprintOf(value []byte, t time.Time) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(binary.BigEndian.AppendUint64(nil, uint64(t.UnixMilli())))
	_, _ = d.Write(value)
	return d.Sum64()
}
