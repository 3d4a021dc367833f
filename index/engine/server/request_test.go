package server

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tributary/index/engine/chdb"
)

func parse(t *testing.T, method, query string, header ...string) (*request, error) {
	t.Helper()
	r := httptest.NewRequest(method, "http://engine/", nil)
	r.URL.RawQuery = query
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return parseRequest(r, isKnown)
}

func isKnown(name string) bool {
	return strings.HasPrefix(name, "max_") || name == "readonly" || name == "network_compression_method"
}

func TestParseRequest(t *testing.T) {
	q, err := parse(t, "POST", "query=SELECT+1&default_format=Native&client_protocol_version=54460&database=d&role=a&role=b"+
		"&param_x=1&param_y=a%26b&max_threads=2&max_rows_to_read=7&query_id=q&log_comment=mine&compress=1&network_compression_method=ZSTD&decompress=1")
	if err != nil {
		t.Fatal(err)
	}
	want := &request{
		query: "SELECT 1", format: "Native", revision: 54460, database: "d", roles: []string{"a", "b"},
		params:   []chdb.Param{{Name: "x", Value: "1"}, {Name: "y", Value: "a&b"}},
		settings: []string{"--max_rows_to_read=7", "--max_threads=2", "--network_compression_method=ZSTD"}, encoding: zstd, native: true,
	}
	if !reflect.DeepEqual(q, want) {
		t.Errorf("got %+v, want %+v", q, want)
	}
}

func TestParseRequestEncodings(t *testing.T) {
	for query, want := range map[string]encoding{
		"": plain, "compress=1": lz4, "compress=1&network_compression_method=lz4": lz4, "compress=0": plain,
	} {
		if q, err := parse(t, "POST", query, "Accept-Encoding", "gzip"); err != nil || q.encoding != want {
			t.Errorf("%q: %+v, %v", query, q, err)
		}
	}
	r := httptest.NewRequest("POST", "http://engine/?enable_http_compression=1", nil)
	r.Header.Set("Accept-Encoding", "br, gzip;q=0.5")
	r.Header.Set("Content-Encoding", "gzip")
	if q, err := parseRequest(r, func(string) bool { return true }); err != nil || q.encoding != gzipped || !q.gzip {
		t.Errorf("%+v, %v", q, err)
	}
}

func TestParseRequestRefuses(t *testing.T) {
	for query, want := range map[string]int{
		"nonsense=1": unknownSetting, "path=/etc": unknownSetting, "config-file=x": badArguments, "max_a=%00": badArguments,
		"%zz": badArguments, "client_protocol_version=-1": badArguments, "client_protocol_version=x": badArguments,
		"default_format=A;B": badArguments, "session_id=1": notImplemented, "a;b": badArguments,
		"max_" + strings.Repeat("x", 200) + "=1": badArguments, "=1": badArguments, "param_a=%00": badArguments,
	} {
		if _, err := parse(t, "POST", query); asError(err).Code != want {
			t.Errorf("%q: %v", query, err)
		}
	}
	for _, header := range [][2]string{{"Content-Encoding", "br"}, {"Content-Type", "multipart/form-data; boundary=x"}} {
		if _, err := parse(t, "POST", "", header[0], header[1]); asError(err).Code != notImplemented {
			t.Errorf("%v: %v", header, err)
		}
	}
}

// A link changes nothing.
func TestGetIsReadOnly(t *testing.T) {
	if q, err := parse(t, "GET", "query=SELECT+1"); err != nil || !reflect.DeepEqual(q.settings, []string{"--readonly=2"}) {
		t.Errorf("%+v, %v", q, err)
	}
	for query, want := range map[string]string{"readonly=0": "--readonly=2", "readonly=2": "--readonly=2", "readonly=1": "--readonly=1"} {
		if q, err := parse(t, "GET", query); err != nil || !reflect.DeepEqual(q.settings, []string{want}) {
			t.Errorf("GET with %s: %+v, %v", query, q, err)
		}
	}
}

// A request cannot panic, and what becomes an argument of the library is a setting that exists, or our own.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		"query=SELECT+1&default_format=Native&client_protocol_version=54460", "param_a=%27&max_threads=1", "compress=1&decompress=1",
		"max_threads=1&max_threads=--path%3D/etc", "--path=1", "%00=%00", "role=%60&database=%60%5c", ";", "max_x=%0a", "session_id=",
	} {
		f.Add(seed, "gzip", "gzip", true)
	}
	f.Fuzz(func(t *testing.T, query, accept, content string, post bool) {
		r := &http.Request{Method: "GET", URL: &url.URL{RawQuery: query}, Header: http.Header{
			"Accept-Encoding": {accept}, "Content-Encoding": {content}, "Content-Type": {accept},
		}}
		if post {
			r.Method = "POST"
		}
		q, err := parseRequest(r, isKnown)
		if err != nil {
			if e := asError(err); e.Code == unknownException || status(e.Code) < 400 {
				t.Fatalf("%v has no code of its own", err)
			}
			return
		}
		for _, argument := range q.settings {
			name, value, _ := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
			if !isKnown(name) || !nameForm.MatchString(name) || strings.ContainsRune(value, 0) {
				t.Fatalf("argument %q", argument)
			}
		}
		if !post && !slices.Contains(q.settings, "--readonly=1") && !slices.Contains(q.settings, "--readonly=2") {
			t.Fatalf("GET with %q", q.settings)
		}
		if q.revision < 0 || !formatForm.MatchString(q.format) {
			t.Fatalf("%+v", q)
		}
	})
}
