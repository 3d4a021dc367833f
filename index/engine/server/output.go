package server

import (
	"compress/gzip"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/ClickHouse/ch-go/compress"
)

// output writes a result, compressed as the client asked.
type output struct {
	w       http.ResponseWriter
	blocks  *compress.Writer
	pool    *sync.Pool // of blocks
	gzip    *gzip.Writer
	tag     string // of an error behind the first bytes
	written bool   // the status is on its way
	silent  bool   // a guard is off
}

// compressors keep their tables, of several megabytes for zstd.
var compressors = map[encoding]*sync.Pool{
	lz4:  {New: func() any { return compress.NewWriter(compress.LevelZero, compress.LZ4) }},
	zstd: {New: func() any { return compress.NewWriter(compress.LevelZero, compress.ZSTD) }},
}

func newOutput(w http.ResponseWriter, e encoding) *output {
	o := &output{w: w, tag: strings.ToLower(rand.Text()[:16])}
	switch e {
	case lz4, zstd:
		o.pool = compressors[e]
		o.blocks = o.pool.Get().(*compress.Writer)
	case gzipped:
		w.Header().Set("Content-Encoding", "gzip")
		o.gzip = gzip.NewWriter(w)
	}
	w.Header().Set("X-ClickHouse-Exception-Tag", o.tag)
	return o
}

// blockMax is how much goes into one compressed block, in bytes; readers take what they are given.
const blockMax = 1 << 20

func (o *output) Write(b []byte) (int, error) {
	n := len(b)
	o.written = o.written || n > 0
	if o.blocks == nil {
		return o.stream().Write(b)
	}
	for len(b) > 0 {
		part := b[:min(len(b), blockMax)]
		if err := o.blocks.Compress(part); err != nil {
			return 0, fmt.Errorf("engine: compressing: %w", err)
		}
		if _, err := o.w.Write(o.blocks.Data); err != nil {
			return 0, err
		}
		b = b[len(part):]
	}
	return n, nil
}

func (o *output) stream() io.Writer {
	if o.gzip != nil {
		return o.gzip
	}
	return o.w
}

// fail tells the client an error: as status, code and text while nothing was sent, else in the result.
func (o *output) fail(err error) {
	e := asError(err)
	if o.written {
		if !o.silent {
			o.failWithin(e.Text)
		}
		return
	}
	o.gzip = nil // the text is short
	h := o.w.Header()
	h.Del("Content-Encoding")
	h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	o.w.WriteHeader(status(e.Code))
	_, _ = io.WriteString(o.w, e.Text+"\n") // a client that has left needs no answer
	o.written = true
}

// exceptionMax bounds an error within a result, in bytes; clients look for it in as many.
const exceptionMax = 16 << 10

// failWithin writes an error where the next block would be. Its form is that of a ClickHouse server since 25.11
// (WriteBufferFromHTTPServerResponse.cpp), and it is not compressed in blocks: a client that decodes finds no block,
// then looks for it.
func (o *output) failWithin(text string) {
	text = strings.TrimRight(text, "\n")
	text = text[:min(len(text), exceptionMax-128)] + "\n"
	_, _ = fmt.Fprintf(o.stream(), "\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n", o.tag, text, len(text), o.tag)
}

// close ends the result.
func (o *output) close() {
	if o.gzip != nil && o.written {
		_ = o.gzip.Close()
	} else if !o.written {
		o.w.Header().Del("Content-Encoding")
		o.w.Header().Set("Content-Length", "0") // clickhouse-go looks for no block then
	}
	if o.blocks != nil {
		o.pool.Put(o.blocks)
		o.blocks = nil
	}
}
