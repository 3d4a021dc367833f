package server

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
)

// MaxStatement bounds the text of a statement, without an INSERT's data, in bytes. The engine's own bound,
// max_query_size, is 256 KiB unless a request raises it.
const MaxStatement = 1 << 20

// openBody is the request's body, uncompressed.
func openBody(q *request, r *http.Request) (io.Reader, error) {
	var body io.Reader = r.Body
	if q.gzip {
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, refuse(networkError, "the body is no gzip: %s", err)
		}
		body = z
	}
	if q.native {
		body = newBlocks(body)
	}
	return body, nil
}

// blocks are ClickHouse's compressed blocks. compress.Reader takes an end right behind a header for the end of the
// data, and after an end or an error it gives the last block again.
type blocks struct {
	under  *counter
	blocks *compress.Reader
	err    error // of the end
}

type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

func newBlocks(r io.Reader) *blocks {
	under := &counter{Reader: r}
	return &blocks{under: under, blocks: compress.NewReader(under)}
}

func (b *blocks) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	before := b.under.n
	n, err = b.blocks.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF) && b.under.n == before:
		b.err = io.EOF
	case errors.Is(err, io.EOF):
		b.err = fmt.Errorf("compressed block: %w", io.ErrUnexpectedEOF)
	default:
		b.err = fmt.Errorf("compressed block: %w", err)
	}
	return n, b.err
}

// startSize is what of a body is read to find out whether it is the data of an INSERT, in bytes.
const startSize = 8 << 10

// readStatement reads the text of a request: what the address holds, then the body. What follows in the body
// as data of an INSERT is left there.
func readStatement(q *request, body io.Reader) (statement, io.Reader, error) {
	text := []byte(q.query)
	if q.query != "" && !strings.HasSuffix(q.query, "\n") {
		text = append(text, '\n')
	}
	start := make([]byte, startSize)
	n, err := fill(body, start)
	if err != nil && !errors.Is(err, io.EOF) {
		return statement{}, nil, refuse(networkError, "reading the body: %s", err)
	}
	text = append(text, start[:n]...)
	whole := err != nil // the body ends here
	s, err := parseStatement(string(text))
	if !whole && (err != nil || s.data == "") { // where data have begun, what comes behind changes nothing of the statement
		rest, failed := io.ReadAll(io.LimitReader(body, int64(MaxStatement+1-n)))
		if failed != nil {
			return statement{}, nil, refuse(networkError, "reading the body: %s", failed)
		}
		s, err = parseStatement(string(append(text, rest...)))
	}
	if err != nil {
		return s, nil, err
	}
	if s.insert {
		data := io.MultiReader(strings.NewReader(s.data), body)
		s.data = ""
		return s, data, checkSize(s)
	}
	return s, nil, checkSize(s)
}

func checkSize(s statement) error {
	if len(s.text) > MaxStatement {
		return refuse(syntaxError, "the statement is longer than %d bytes", MaxStatement)
	}
	if strings.TrimSpace(s.text) == "" {
		return refuse(syntaxError, "Syntax error: empty query")
	}
	return nil
}
