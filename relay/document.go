package relay

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// cacheSeconds is how long others may keep our actor and discovery documents.
// Short: they are small, and a changed key or inbox must be seen soon.
const cacheSeconds = 300

// document is a body that changes only with the configuration, served with a
// strong ETag. It is answered whatever the Accept header says: real servers
// send application/json+activity, text/html or nothing and mean this document.
type document struct {
	contentType string
	body        []byte
	etag        string
	cors        bool
}

func newDocument(contentType string, body []byte) *document {
	sum := sha256.Sum256(body)
	return &document{
		contentType: contentType,
		body:        body,
		etag:        `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
		cors:        true,
	}
}

func (d *document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if d.cors {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	h.Set("Content-Type", d.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(cacheSeconds))
	h.Set("ETag", d.etag)
	if matches(r.Header.Get("If-None-Match"), d.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(d.body)))
	_, _ = w.Write(d.body) // net/http drops the body of an answer to HEAD; a gone client is no news
}

// matches compares weakly, as RFC 9110 §13.1.2 says for If-None-Match.
func matches(header, etag string) bool {
	for v := range strings.SplitSeq(header, ",") {
		v = strings.TrimPrefix(strings.TrimSpace(v), "W/")
		if v == "*" || v == etag {
			return header != ""
		}
	}
	return false
}
