package stream

import (
	"net/http"
	"slices"
	"strings"

	"tributary/index/status"
	"tributary/ingest"
	"tributary/ingest/ap"
)

// channel is one of Mastodon's public streams. It is comparable: two that are
// equal are one stream, however their tags were written.
type channel struct {
	local  bool // of accounts hosted here
	remote bool // of all others
	media  bool // with attachments
	tagged bool
	tag    string // folded as in ap.Post
}

// channels are the streams, as WebSocket clients name them.
var channels = map[string]channel{
	"public":              {},
	"public:media":        {media: true},
	"public:local":        {local: true},
	"public:local:media":  {local: true, media: true},
	"public:remote":       {remote: true},
	"public:remote:media": {remote: true, media: true},
	"hashtag":             {tagged: true},
	"hashtag:local":       {tagged: true, local: true},
}

// private are the streams that need an account.
var private = []string{"user", "user:notification", "direct", "list"}

// maxTagBytes bounds a tag as it is asked for: it is kept, and repeated in every
// frame. Mastodon's own tags are far shorter.
const maxTagBytes = 1 << 10

// fault is an error of Mastodon's streaming API.
type fault struct {
	status int
	text   string
}

// The faults. The texts are Mastodon's, but for the bounds that it does not have.
var (
	faultNoToken = &fault{http.StatusUnauthorized, "Missing access token"}
	faultToken   = &fault{http.StatusUnauthorized, "Invalid access token"}
	faultScope   = &fault{http.StatusUnauthorized, "Access token does not have the required scopes"}
	faultStream  = &fault{http.StatusBadRequest, "Unknown stream type"}
	faultPath    = &fault{http.StatusBadRequest, "Unknown channel requested"}
	faultNoTag   = &fault{http.StatusBadRequest, "Missing tag name parameter"}
	faultTag     = &fault{http.StatusBadRequest, "Tag name is too long"}
	faultTooMany = &fault{http.StatusTooManyRequests, "Too many subscriptions"}
	faultMethod  = &fault{http.StatusMethodNotAllowed, "Method not allowed"}
)

// open finds the channel of a name that a client may read. No token opens a
// private stream: there are no accounts yet.
func open(name, tag string, scoped bool) (channel, *fault) {
	if !scoped || slices.Contains(private, name) {
		return channel{}, faultScope
	}
	return find(name, tag)
}

func find(name, tag string) (channel, *fault) {
	c, ok := channels[name]
	switch {
	case !ok:
		return c, faultStream
	case !c.tagged:
		return c, nil
	case tag == "":
		return c, faultNoTag
	case len(tag) > maxTagBytes:
		return c, faultTag
	}
	c.tag = ap.FoldTag(tag)
	return c, nil
}

// paths are the streams of server-sent events, by what follows the API's path.
var paths = map[string]string{
	"/user": "user", "/user/notification": "user:notification", "/direct": "direct", "/list": "list",
	"/public": "public", "/public/local": "public:local", "/public/remote": "public:remote",
	"/hashtag": "hashtag", "/hashtag/local": "hashtag:local",
}

// nameOfPath is the name of the stream at a path, "" if there is none.
func nameOfPath(path, onlyMedia string) string {
	name := paths[path]
	if strings.HasPrefix(name, "public") && truthy(onlyMedia) {
		name += ":media"
	}
	return name
}

// truthy reads a parameter as Mastodon does.
func truthy(v string) bool {
	return v != "" && !slices.Contains([]string{"0", "f", "F", "false", "FALSE", "off", "OFF"}, v)
}

// match reports whether the channel shows a record. What takes something away is
// shown wherever the post may have been: a delete has neither tags nor media.
func (c channel) match(r *ingest.Record) bool {
	if r.Post == nil || takesAway(r) {
		return c.ofOrigin(r)
	}
	if !c.ofOrigin(r) || c.media && len(r.Post.Attachments) == 0 {
		return false
	}
	return !c.tagged || slices.Contains(r.Post.Tags, c.tag)
}

// ofOrigin tells local from remote. The delete of what nobody remembers, and an
// operator's, can be either.
func (c channel) ofOrigin(r *ingest.Record) bool {
	if !c.local && !c.remote {
		return true
	}
	hosted := r.Grant == ingest.GrantHosted || r.PrevGrant == ingest.GrantHosted
	if r.Post == nil && r.Grant == ingest.GrantNone && r.PrevGrant == ingest.GrantNone {
		return true
	}
	return c.local == hosted
}

// label opens the frames of a stream: {"stream":["hashtag","Cats"], with the tag as
// the client wrote it.
func (c channel) label(name, tag string) []byte {
	b := status.AppendString([]byte(`{"stream":[`), name)
	if c.tagged {
		b = status.AppendString(append(b, ','), tag)
	}
	return append(b, `],`...)
}
