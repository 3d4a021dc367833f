package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
)

// Without a driver, as curl does it.
func TestPlainHTTP(t *testing.T) {
	p := serve(t, guards{})
	table := p.table(t, "t", "n UInt64")
	get := func(method, path string) answer {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://engine"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p.do(t, r)
	}
	for _, c := range []struct {
		method, path string
		status       int
		text         string
	}{
		{"GET", "/ping", 200, "Ok.\n"},
		{"GET", "/?query=SELECT+1", 200, "1\n"},
		{"GET", "/?query=" + url.QueryEscape("DROP TABLE "+table), 403, "Code: 164."},
		{"GET", "/elsewhere", 404, ""},
		{"PUT", "/?query=SELECT+1", 405, ""},
		{"POST", "/", 400, "Code: 62."},
		{"POST", "/?query=SELECT+1&default_format=JSONEachRow", 200, `{"1":1}`},
		{"POST", "/?query=SELECT+1+FORMAT+JSONEachRow&default_format=Native", 200, `{"1":1}`},
		{"POST", "/?query=SELECT+currentDatabase()&database=" + p.database, 200, p.database},
		{"POST", "/?query=SELECT+1&database=nowhere", 404, "Code: 81."},
		{"POST", "/?query=SELECT+{a:UInt8}&param_a=1%3B2", 400, "Code: 457."},
		{"POST", "/?query=SELECT+1&role=nobody", 500, "Code: 511."},
	} {
		a := get(c.method, c.path)
		if a.status != c.status || !strings.HasPrefix(a.text, c.text) && c.text != "" {
			t.Errorf("%s %s: %+v", c.method, c.path, a)
		}
		if code, _, ok := strings.Cut(strings.TrimPrefix(a.text, "Code: "), "."); ok && a.status >= 400 && strings.HasPrefix(a.text, "Code:") && code != a.code {
			t.Errorf("%s %s: header says code %s: %s", c.method, c.path, a.code, a.text)
		}
	}
}

func TestStatementIsBounded(t *testing.T) {
	p := serve(t, guards{})
	if a := p.post(t, nil, strings.NewReader("SELECT '"+strings.Repeat("x", MaxStatement)+"'")); a.code != "62" {
		t.Errorf("%.200s", a.text)
	}
	// Data is not.
	table := p.table(t, "t", "n UInt64")
	a := p.post(t, nil, io.MultiReader(strings.NewReader("INSERT INTO "+table+" FORMAT TSV\n"), numbers(300_000)))
	if got := p.must(t, "SELECT count(), sum(n) FROM "+table); got != "300000\t44999850000" {
		t.Errorf("%s, %+v", got, a)
	}
}

func TestCompressedBodies(t *testing.T) {
	p := serve(t, guards{})
	table := p.table(t, "t", "n UInt64")
	insert := url.Values{"query": {"INSERT INTO " + table + " FORMAT TSV"}}
	blocks := func(data []byte, method compress.Method) *bytes.Buffer {
		var b bytes.Buffer
		w := compress.NewWriter(compress.LevelZero, method)
		for len(data) > 0 {
			n := min(len(data), 1000)
			if err := w.Compress(data[:n]); err != nil {
				t.Fatal(err)
			}
			b.Write(w.Data)
			data = data[n:]
		}
		return &b
	}
	rows := numbers(1000).Bytes()
	want := 0
	for name, method := range map[string]compress.Method{"lz4": compress.LZ4, "zstd": compress.ZSTD, "none": compress.None} {
		a := p.post(t, with(insert, "decompress", "1"), blocks(rows, method))
		if want += 1000; a.status != 200 || p.must(t, "SELECT count() FROM "+table) != fmt.Sprint(want) {
			t.Errorf("%s: %+v", name, a)
		}
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write(rows)
	w.Close()
	whole := zipped.Bytes()
	if a := p.post(t, insert, bytes.NewReader(whole), "Content-Encoding", "gzip"); a.status != 200 {
		t.Errorf("gzip: %+v", a)
	}
	want += 1000
	lz := blocks(rows, compress.LZ4).Bytes()
	damaged := bytes.Clone(lz)
	damaged[len(damaged)-5] ^= 1
	for name, body := range map[string][]byte{
		"within a header": lz[:10], "behind a header": lz[:25], "within a block": lz[:len(lz)-1], "damaged": damaged, "no block": []byte(strings.Repeat("x", 100)),
	} {
		if a := p.post(t, with(insert, "decompress", "1"), bytes.NewReader(body)); a.code != "210" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for name, body := range map[string][]byte{"cut off": whole[:len(whole)-4], "no gzip": []byte("no")} {
		if a := p.post(t, insert, bytes.NewReader(body), "Content-Encoding", "gzip"); a.code != "210" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if got := p.must(t, "SELECT count() FROM "+table); got != fmt.Sprint(want) {
		t.Errorf("%s rows, want %d: broken bodies were committed", got, want)
	}
}

func with(values url.Values, name, value string) url.Values {
	v := url.Values{name: {value}}
	for k := range values {
		v[k] = values[k]
	}
	return v
}

// Statements beyond the bound wait, and leave when their client does.
func TestSessionsAreBounded(t *testing.T) {
	p := serve(t, guards{})
	for range cap(p.sessions) {
		p.sessions <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/", strings.NewReader("SELECT 1"))
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan answer)
	go func() { over <- p.do(t, r) }()
	cancel()
	if a := <-over; a.err == nil {
		t.Errorf("%+v", a)
	}
	go func() { over <- p.post(t, nil, strings.NewReader("SELECT 2")) }()
	<-p.sessions
	if a := <-over; a.text != "2\n" {
		t.Errorf("%+v", a)
	}
	for range cap(p.sessions) - 1 {
		<-p.sessions
	}
}

// Names come from requests.
func TestNamesAreQuoted(t *testing.T) {
	p := serve(t, guards{})
	a := p.post(t, url.Values{"database": {"x`; DROP DATABASE " + p.database + "; --\\"}}, strings.NewReader("SELECT 1"))
	if a.code != "81" || p.must(t, "EXISTS DATABASE "+p.database) != "1" {
		t.Errorf("%+v", a)
	}
}
