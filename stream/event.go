package stream

import (
	"bytes"
	"strconv"

	"tributary/ingest"
)

// events makes the events of Mastodon's streams: update, status.update with a
// Status, delete with a status's id. The deletes and withdrawals of actors and
// hosts have no event: Mastodon sends one delete for each post, and whose posts a
// client was shown is not known here.
type events struct {
	encoder encoder
}

// event is the name of the record's event and its payload, appended to b; "" when
// it has none.
func (v events) event(b []byte, r *ingest.Record) (name string, payload []byte) {
	switch effectOf(r) {
	case effectCreate:
		return "update", v.encoder.status.AppendJSON(b, r)
	case effectUpdate:
		return "status.update", v.encoder.status.AppendJSON(b, r)
	case effectDelete:
		if r.ID != 0 {
			return "delete", strconv.AppendUint(b, r.ID, 10)
		}
	}
	return "", b
}

// frame is what follows the label in a WebSocket frame; Tail calls it once for
// all clients and streams. The payload is JSON in a string:
//
//	"event":"update","payload":"{\"id\":\"1154…\",…}"}
func (v events) frame(r *ingest.Record) []byte {
	buf, text := scratch.get(), scratch.get()
	defer scratch.put(buf)
	defer scratch.put(text)
	name, payload := v.event((*text)[:0], r)
	if *text = payload; name == "" {
		return nil
	}
	b := append(append((*buf)[:0], `"event":"`...), name...)
	b = append(b, `","payload":`...)
	b = append(appendQuoted(b, payload), '}')
	*buf = b
	return bytes.Clone(b)
}

// appendQuoted appends JSON as a JSON string. Without control characters, and it
// has none, only quotes and backslashes must be escaped.
func appendQuoted(b, json []byte) []byte {
	b = append(b, '"')
	done := 0
	for i, c := range json {
		if c == '"' || c == '\\' {
			b = append(append(b, json[done:i]...), '\\')
			done = i
		}
	}
	b = append(b, json[done:]...)
	return append(b, '"')
}

// chunk is the record's server-sent event as a chunk of HTTP/1.1 (RFC 9112 §7.1),
// ready for the socket; Tail calls it once for all clients.
func (v events) chunk(r *ingest.Record) []byte {
	text := scratch.get()
	defer scratch.put(text)
	name, payload := v.event((*text)[:0], r)
	if *text = payload; name == "" {
		return nil
	}
	size := len("event: \ndata: \n\n") + len(name) + len(payload)
	b := append(strconv.AppendUint(make([]byte, 0, size+12), uint64(size), 16), "\r\nevent: "...)
	b = append(append(b, name...), "\ndata: "...)
	b = append(b, payload...)
	return append(b, "\n\n\r\n"...)
}

// appendChunk appends a text as a chunk.
func appendChunk(b []byte, text string) []byte {
	b = append(strconv.AppendUint(b, uint64(len(text)), 16), "\r\n"...)
	return append(append(b, text...), "\r\n"...)
}

// unchunked is the content of a chunk.
func unchunked(chunk []byte) []byte {
	i := bytes.IndexByte(chunk, '\n')
	if i < 0 {
		return nil
	}
	return chunk[i+1 : len(chunk)-2]
}
