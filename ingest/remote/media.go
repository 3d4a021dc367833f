package remote

import (
	"net/http"
	"strings"
)

const (
	// accept names both types. Order and spelling are what Mastodon sends; every server knows it.
	accept  = `application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams"`
	profile = "https://www.w3.org/ns/activitystreams"
)

// accepts is the Accept header of a fetch.
func (p purpose) accepts() string {
	switch p {
	case forNodeInfo:
		return "application/json"
	case forList:
		return "text/csv, text/plain;q=0.9, */*;q=0.1"
	}
	return accept
}

// takes reports whether an answer's type will do. Nothing is believed because a
// NodeInfo says so, and servers serve it under many names.
func (p purpose) takes(h http.Header) bool {
	switch p {
	case forNodeInfo:
		return strings.Contains(strings.ToLower(h.Get("Content-Type")), "json")
	case forList:
		return !isPage(h)
	}
	return isActivity(h)
}

// isActivity reports whether an answer is declared as ActivityPub's (§3.2): as
// application/activity+json, or application/ld+json with the ActivityStreams
// profile. Other parameters, in any order, do not matter. Plain ld+json and json
// are refused, as by Mastodon: a server that lets its users upload files serves them as
// such (CVE-2024-25623). Tolerated is a profile without quotes.
func isActivity(h http.Header) bool {
	values := h["Content-Type"]
	if len(values) != 1 {
		return false
	}
	mediaType, params, _ := strings.Cut(values[0], ";")
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case "application/activity+json":
		return true
	case "application/ld+json":
		return hasProfile(params)
	}
	return false
}

func hasProfile(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if !strings.EqualFold(name, "profile") {
			continue
		}
		for uri := range strings.FieldsSeq(strings.Trim(value, `"`)) { // RFC 6906: a list
			if uri == profile {
				return true
			}
		}
	}
	return false
}
