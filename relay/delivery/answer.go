package delivery

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tributary/ingest/signature"
)

// verdict is what an answer says, and of whom.
type verdict uint8

const (
	settled      verdict = iota // 2xx: the server took it
	judgedRecord                // the server is well and does not want this one
	judgedServer                // says nothing about the record
	judgedInbox                 // the server is well, and has no such inbox
	aborted                     // we ended it ourselves: says nothing at all
)

// answer is what became of one request.
type answer struct {
	verdict verdict
	status  int           // HTTP status, 0 when there was none
	text    string        // status or error, and the first words of the body; "" for 2xx
	after   time.Duration // what Retry-After asks for, bounded
	timeout bool
	said    signature.Answer // of the form of our signature
}

// judge says whom a status judges. 401 and 403 are the server's:
// it blocks us or cannot fetch our key, and every record would get the same;
// 408, 421 and 429 are about this moment and this connection. A redirect is not
// followed and counts as the server's too: its admin moved the inbox.
func judge(status int) verdict {
	switch {
	case status >= 200 && status <= 299:
		return settled
	case status < 400 || status > 499:
		return judgedServer
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout,
		http.StatusMisdirectedRequest, http.StatusTooManyRequests:
		return judgedServer
	}
	return judgedRecord // of 404 and 410 the lane says more: lane.blamed
}

// retryAfterMax bounds what a server may ask for: a lying one must not silence
// its lane for good.
const retryAfterMax = time.Hour

// retryAfter reads the header in both forms, seconds and date (RFC 9110
// §10.2.3). What cannot be read asks for nothing.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	var d time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = at.Sub(now)
	}
	return max(0, min(d, retryAfterMax))
}

// Bounds of what is read of an answer's body, and kept of it.
const (
	bodyMax = 4 << 10
	textMax = 300
)

// errorText makes a short line for people of a status and the first bytes of a
// stranger's body.
func errorText(status int, body []byte) string {
	line := strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
	if text := oneLine(body); text != "" {
		line += ": " + text
	}
	return line
}

// oneLine is at most textMax bytes of valid UTF-8 without control characters and
// runs of white space.
func oneLine(b []byte) string {
	var out strings.Builder
	space := false
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		b = b[n:]
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) || unicode.IsSpace(r) {
			space = out.Len() > 0
			continue
		}
		if out.Len()+utf8.RuneLen(r)+1 > textMax {
			break
		}
		if space {
			out.WriteByte(' ')
			space = false
		}
		out.WriteRune(r)
	}
	return out.String()
}
