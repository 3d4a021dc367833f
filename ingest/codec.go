package ingest

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// codecVersion is the first byte of a record's value. It changes only when old
// readers could not make sense of the rest; a new field is not such a change.
const codecVersion = 1

// MaxRecordBytes bounds an encoded record: Kafka's default max.message.bytes
// less the room that a batch needs. A document of MaxDocumentBytes and its typed
// form always fit, as limits.go of ap bounds what the typed form may hold.
const MaxRecordBytes = 1000 << 10

var (
	encoder = must(cbor.EncOptions{Time: cbor.TimeUnixMicro}.UserBufferEncMode())
	decoder = must(cbor.DecOptions{
		MaxNestedLevels:  16,
		MaxArrayElements: 1 << 16,
		MaxMapPairs:      1 << 16,
		UTF8:             cbor.UTF8DecodeInvalid,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // options are constants
	}
	return v
}

// Encode returns the record as it stands in Kafka: a version byte and a CBOR map
// with the numbered keys of Record.
func Encode(r *Record) ([]byte, error) {
	b := encodeBuffers.Get().(*bytes.Buffer)
	defer encodeBuffers.Put(b)
	b.Reset()
	b.WriteByte(codecVersion)
	if err := encoder.MarshalToBuffer(r, b); err != nil {
		return nil, fmt.Errorf("ingest: encode record: %w", err)
	}
	if b.Len() > MaxRecordBytes {
		return nil, fmt.Errorf("ingest: encode record: %d bytes: %w", b.Len(), ErrRecordTooLarge)
	}
	return bytes.Clone(b.Bytes()), nil
}

// encodeBuffers are where records are encoded: their size is known only afterwards.
var encodeBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Decode reads what Encode wrote, by this or by a later program: fields it does
// not know are skipped. It returns ErrCodecVersion for a format it cannot read.
func Decode(value []byte) (*Record, error) {
	if len(value) == 0 || value[0] != codecVersion {
		return nil, fmt.Errorf("ingest: decode record: %w", ErrCodecVersion)
	}
	r := new(Record)
	if err := decoder.Unmarshal(value[1:], r); err != nil {
		return nil, fmt.Errorf("ingest: decode record: %w", err)
	}
	r.toUTC()
	return r, nil
}

// toUTC gives the times back the zone that the wire format does not carry.
func (r *Record) toUTC() {
	utc := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.UTC().Round(time.Microsecond) // they travel as floating-point seconds
		}
	}
	if p := r.Post; p != nil {
		utc(&p.Published)
		utc(&p.Updated)
		if p.Poll != nil {
			utc(&p.Poll.Ends)
			utc(&p.Poll.Closed)
		}
	}
	if r.Author != nil {
		utc(&r.Author.Created)
	}
}

// Known reports whether this program knows what the kind means.
func (k Kind) Known() bool { return k >= KindCreate && k <= KindHeartbeat }

// aboutObject reports whether the repeat window folds records of the kind.
func (k Kind) aboutObject() bool { return k >= KindCreate && k <= KindUpgrade }

func (k Kind) String() string {
	switch k {
	case KindCreate:
		return "create"
	case KindUpdate:
		return "update"
	case KindDelete:
		return "delete"
	case KindUpgrade:
		return "upgrade"
	case KindWithdraw:
		return "withdraw"
	case KindEpoch:
		return "epoch"
	case KindHeartbeat:
		return "heartbeat"
	}
	return "unknown"
}

// Heartbeat is the value of a heartbeat record.
func Heartbeat() []byte {
	b, err := Encode(&Record{Kind: KindHeartbeat})
	if err != nil {
		panic(err) // a constant
	}
	return b
}
