package relay

import (
	"strings"

	"tributary/ingest/ap"
)

// hostOf is the host of an http(s) URI in its one form, with the port unless it
// is the scheme's own, and "" for anything else. Two ports are two servers.
func hostOf(uri string) string {
	host, err := ap.Host(uri)
	if err != nil {
		return ""
	}
	return host
}

// withoutFragment is the document that a URI lives in.
func withoutFragment(uri string) string {
	doc, _, _ := strings.Cut(uri, "#")
	return doc
}
