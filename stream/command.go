package stream

import "encoding/json"

// command is what a client asks on an open socket:
//
//	{"type":"subscribe","stream":"hashtag","tag":"cats"}
type command struct {
	subscribe bool // else unsubscribe
	stream    string
	tag       string
}

// parseCommand reads a client's frame. Mastodon ignores what it does not
// understand, and so must we: clients send things that are newer than us.
func parseCommand(data []byte) (c command, ok bool) {
	var fields map[string]json.RawMessage // not a struct, whose fields would match in any case
	if json.Unmarshal(data, &fields) != nil {
		return c, false
	}
	var kind string
	if json.Unmarshal(fields["type"], &kind) != nil {
		return c, false
	}
	c = command{subscribe: kind == "subscribe", stream: text(fields["stream"]), tag: text(fields["tag"])}
	return c, c.subscribe || kind == "unsubscribe"
}

// text is the string that a value is or begins with, "" if there is none:
// Mastodon takes the first of many.
func text(v json.RawMessage) (s string) {
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	var list []json.RawMessage
	if json.Unmarshal(v, &list) != nil || len(list) == 0 || json.Unmarshal(list[0], &s) != nil {
		return ""
	}
	return s
}
