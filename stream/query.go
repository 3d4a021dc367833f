package stream

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// query is what the URL of a firehose asks for.
type query struct {
	cursor    uint64
	fromTip   bool // no cursor: start behind the newest record
	heartbeat time.Duration
	filter    filter
	token     string
}

// Bounds of a client's own heartbeat.
const (
	minHeartbeat = time.Second
	maxHeartbeat = time.Minute
)

// parseQuery reads the parameters. Nothing is ignored silently: a misspelt
// filter would open the whole stream, a misspelt cursor would lose posts.
func parseQuery(v url.Values) (query, *refusal) {
	q := query{fromTip: true}
	for name, values := range v {
		if f := q.set(name, values); f != nil {
			return query{}, f
		}
	}
	return q, nil
}

func (q *query) set(name string, values []string) *refusal {
	switch name {
	case "language", "tag", "domain":
		return q.filter.add(name, values)
	case "cursor", "heartbeat", "access_token":
	default:
		return invalid(fmt.Sprintf("unknown parameter %q", clip(name)))
	}
	if len(values) != 1 {
		return invalid(name + " is given more than once")
	}
	return q.setOne(name, values[0])
}

func (q *query) setOne(name, value string) *refusal {
	switch name {
	case "cursor":
		seq, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return invalid(fmt.Sprintf("cursor %q is not a seq: leave it out to start at the tip, 0 is the log's start", clip(value)))
		}
		q.cursor, q.fromTip = seq, false
	case "heartbeat":
		seconds, err := strconv.Atoi(value)
		q.heartbeat = time.Duration(seconds) * time.Second
		if err != nil || q.heartbeat < minHeartbeat || q.heartbeat > maxHeartbeat {
			return invalid("heartbeat must be 1 to 60 seconds")
		}
	case "access_token":
		q.token = value
	}
	return nil
}

// clip keeps what a stranger sent short enough to be repeated.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
