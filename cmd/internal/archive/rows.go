package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/fxamacker/cbor/v2"
)

// partBytes is from which size on a part is complete.
const partBytes = 4 << 20

// Parts writes rows as entries PREFIX/000001, PREFIX/000002 … Close it.
type Parts struct {
	w      *Writer
	prefix string
	number int
	buf    []byte
	rows   int64
}

// Parts begins the rows of a prefix.
func (w *Writer) Parts(prefix string) *Parts { return &Parts{w: w, prefix: prefix} }

var encoder = must(cbor.EncOptions{}.EncMode())

// Row writes a row: each value an int64, a string, a []byte or nil.
func (p *Parts) Row(values []any) error {
	row := make([]any, len(values))
	for i, v := range values {
		switch x := v.(type) {
		case nil, int64, []byte:
			row[i] = x
		case string:
			row[i] = []byte(x)
		default:
			return fmt.Errorf("archive: BUG: a value of type %T", v)
		}
	}
	b, err := encoder.Marshal(row)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if len(p.buf) > 0 && len(p.buf)+len(b) > EntryMax {
		if err := p.flush(); err != nil {
			return err
		}
	}
	p.buf = append(p.buf, b...)
	p.rows++
	if len(p.buf) < partBytes {
		return nil
	}
	return p.flush()
}

func (p *Parts) flush() error {
	p.number++
	err := p.w.Add(fmt.Sprintf("%s/%06d", p.prefix, p.number), p.buf)
	p.buf = p.buf[:0]
	return err
}

// Close writes what waits and returns how many rows there were.
func (p *Parts) Close() (int64, error) {
	if len(p.buf) == 0 {
		return p.rows, nil
	}
	return p.rows, p.flush()
}

var decoder = must(cbor.DecOptions{MaxNestedLevels: 4, MaxArrayElements: 1024, MaxMapPairs: 16, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden}.DecMode())

// Rows hands every row of a part to each: values are int64, []byte or nil.
func Rows(part []byte, each func(values []any) error) error {
	d := decoder.NewDecoder(bytes.NewReader(part))
	for {
		var values []any
		if err := d.Decode(&values); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return damaged("a row: %v", err)
		}
		for i, v := range values {
			switch x := v.(type) {
			case nil, []byte, int64:
			case uint64:
				if x > math.MaxInt64 {
					return damaged("a row: a number that is too large")
				}
				values[i] = int64(x)
			default:
				return damaged("a row: a value of type %T", v)
			}
		}
		if err := each(values); err != nil {
			return err
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // of options that are constant
	}
	return v
}
