package server

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tributary/index/engine/chdb"
)

// request is what the address and the headers of a request say.
type request struct {
	query    string // of the address; the body goes on
	format   string // of a result that names none itself
	revision int    // of the client's protocol; 0: none was named
	database string // "": the one that there is always
	roles    []string
	params   []chdb.Param // {name:Type}
	settings []string     // arguments of the connection, "--name=value"
	encoding encoding
	native   bool // the body is in ClickHouse's compressed blocks
	gzip     bool // the body is gzip
}

// encoding is how a result is compressed: in ClickHouse's blocks, or as HTTP does it.
type encoding int

const (
	plain encoding = iota
	lz4
	zstd
	gzipped
)

// parameters that are no settings of a session.
var parameters = map[string]bool{
	"query": true, "default_format": true, "client_protocol_version": true, "database": true, "role": true,
	"compress": true, "decompress": true,
	// They change nothing here: there is one user, see auth.go; results are not held back.
	"user": true, "password": true, "query_id": true, "quota_key": true, "wait_end_of_query": true, "buffer_size": true,
	// Ours, see kill.go.
	"log_comment": true,
}

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]{0,127}$`)
	formatForm = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)
)

// parseRequest reads a request. known says which settings the engine has: an argument of a
// connection that is none would be ignored, or be one of the program (--queries-file) rather than of a session.
func parseRequest(r *http.Request, known func(setting string) bool) (*request, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuse(badArguments, "the address does not parse: %s", err)
	}
	q := &request{
		query: last(values["query"]), format: last(values["default_format"]),
		database: last(values["database"]), roles: values["role"],
	}
	if q.format == "" {
		q.format = "TabSeparated"
	}
	if !formatForm.MatchString(q.format) {
		return nil, refuse(badArguments, "default_format %q is no format", q.format)
	}
	if v := last(values["client_protocol_version"]); v != "" {
		if q.revision, err = strconv.Atoi(v); err != nil || q.revision < 0 {
			return nil, refuse(badArguments, "client_protocol_version %q is no number", v)
		}
	}
	if err := q.encodings(r, values); err != nil {
		return nil, err
	}
	return q, q.session(r.Method, values, known)
}

// session collects parameters of statements and settings, in the order of their names.
func (q *request) session(method string, values url.Values, known func(string) bool) error {
	if method != http.MethodPost && last(values["readonly"]) != "1" {
		q.settings = append(q.settings, "--readonly=2") // as a ClickHouse server does: a link changes nothing
		values.Del("readonly")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := last(values[name])
		if strings.IndexByte(value, 0) >= 0 || !nameForm.MatchString(name) {
			return refuse(badArguments, "parameter %.140q: not a name, or a NUL in its value", name)
		}
		if parameters[name] {
			continue
		}
		if param, ok := strings.CutPrefix(name, "param_"); ok {
			q.params = append(q.params, chdb.Param{Name: param, Value: value})
			continue
		}
		if name == "session_id" {
			return refuse(notImplemented, "sessions of several requests are not kept")
		}
		if !known(name) {
			return refuse(unknownSetting, "Unknown setting '%s'", name)
		}
		q.settings = append(q.settings, "--"+name+"="+value)
	}
	return nil
}

// encodings says how body and result are compressed. gzip is HTTP's own; lz4 and zstd come in ClickHouse's blocks.
func (q *request) encodings(r *http.Request, values url.Values) error {
	q.native = last(values["decompress"]) == "1"
	switch e := r.Header.Get("Content-Encoding"); e {
	case "":
	case "gzip":
		q.gzip = true
	default:
		return refuse(notImplemented, "Content-Encoding %.40q: only gzip", e)
	}
	switch {
	case last(values["compress"]) == "1" && strings.EqualFold(last(values["network_compression_method"]), "zstd"):
		q.encoding = zstd
	case last(values["compress"]) == "1":
		q.encoding = lz4
	case last(values["enable_http_compression"]) == "1" && acceptsGzip(r.Header.Get("Accept-Encoding")):
		q.encoding = gzipped
	}
	if strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "multipart/") {
		return refuse(notImplemented, "external tables are not supported")
	}
	return nil
}

func acceptsGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, _, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return true
		}
	}
	return false
}

func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}
