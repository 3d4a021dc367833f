// Package document reads the JSON of a signed document, strictly: what two
// parsers could read in two ways is refused, because one of them would check the
// signature and the other one act on it.
//
// It is for packages linkeddata and proof, which turn what it returns into the
// bytes that were signed. It knows neither of signatures nor of ActivityStreams.
package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// What a signed document may hold at most: less than the inbox takes, since maps of
// what is read here take ten times its bytes, and what is too large can be fetched from
// its origin instead.
const (
	MaxBytes = 64 << 10
	maxDepth = 32
	maxNodes = 8 << 10 // values, names and brackets: a video of PeerTube has 1,000
)

// ErrRefused is every error of Read.
var ErrRefused = errors.New("document: not a JSON object that can be read in one way only")

// Read parses a JSON object into maps, slices, strings, float64, bool and nil.
// Refused are a member that comes twice, text that is not UTF-8, an escape that
// stands for half a character, more than one value, and what exceeds the bounds.
func Read(raw []byte) (map[string]any, error) {
	switch {
	case len(raw) > MaxBytes:
		return nil, fmt.Errorf("%w: %d bytes", ErrRefused, len(raw))
	case !utf8.Valid(raw):
		return nil, fmt.Errorf("%w: not UTF-8", ErrRefused)
	case halfEscape(raw):
		return nil, fmt.Errorf("%w: half of a surrogate pair", ErrRefused)
	}
	r := reader{dec: json.NewDecoder(bytes.NewReader(raw))}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: not an object", ErrRefused)
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more than one value", ErrRefused)
	}
	return object, nil
}

type reader struct {
	dec   *json.Decoder
	nodes int
}

func (r *reader) token() (json.Token, error) {
	if r.nodes++; r.nodes > maxNodes {
		return nil, fmt.Errorf("%w: more than %d values", ErrRefused, maxNodes)
	}
	t, err := r.dec.Token()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return t, nil
}

func (r *reader) value(depth int) (any, error) {
	t, err := r.token()
	if err != nil {
		return nil, err
	}
	if _, opens := t.(json.Delim); !opens {
		return t, nil
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("%w: deeper than %d levels", ErrRefused, maxDepth)
	}
	if t == json.Delim('{') {
		return r.object(depth)
	}
	return r.array(depth)
}

func (r *reader) object(depth int) (any, error) {
	object := map[string]any{}
	for r.dec.More() {
		t, err := r.token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, fmt.Errorf("%w: a member without a name", ErrRefused)
		}
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("%w: member %.32q comes twice", ErrRefused, name)
		}
		if object[name], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := r.token()
	return object, err
}

func (r *reader) array(depth int) (any, error) {
	array := []any{}
	for r.dec.More() {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	_, err := r.token()
	return array, err
}

// halfEscape finds a \u escape of a surrogate without its other half. Parsers
// make different characters of it.
func halfEscape(raw []byte) bool {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return false
		}
		raw = raw[i:]
		high := surrogate(raw)
		switch {
		case high == 0:
			raw = raw[min(2, len(raw)):]
		case high == 'l', surrogate(raw[6:]) != 'l':
			return true
		default:
			raw = raw[12:]
		}
	}
}

// surrogate says whether raw begins with the escape of a high ('h') or a low
// ('l') surrogate, 0 for anything else.
func surrogate(raw []byte) byte {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' || raw[2] != 'd' && raw[2] != 'D' {
		return 0
	}
	switch c := raw[3]; {
	case c >= '8' && c <= '9', c >= 'a' && c <= 'b', c >= 'A' && c <= 'B':
		return 'h'
	case c >= 'c' && c <= 'f', c >= 'C' && c <= 'F':
		return 'l'
	}
	return 0
}
