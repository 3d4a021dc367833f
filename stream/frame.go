package stream

import (
	"strconv"
	"time"

	"tributary/index/status"
	"tributary/ingest"
)

// The kinds of a frame.
const (
	kindCreate    = "create"    // a post, new to the stream
	kindUpdate    = "update"    // a post, edited: replaces the one with the same id
	kindDelete    = "delete"    // scope object: the post is gone; scope actor: the actor and all its posts
	kindWithdraw  = "withdraw"  // scope actor or domain: all its posts up to here must not be shown any more
	kindHeartbeat = "heartbeat" // nothing; seq is the reader's position
	kindGap       = "gap"       // records from "from" up to "to" cannot be had any more
)

// encoder makes the firehose's frames.
type encoder struct {
	status status.Renderer
}

// encode returns the record as a frame ready for the socket, empty when the
// stream shows nothing of it. Tail calls it once for all clients.
func (e encoder) encode(r *ingest.Record) []byte {
	buf := scratch.get()
	defer scratch.put(buf)
	*buf = e.appendRecord(startFrame(*buf), r)
	if len(*buf) == frameRoom {
		return nil
	}
	return append([]byte(nil), finishFrame(*buf)...)
}

// appendRecord appends the JSON of a record, nothing when it is not shown.
func (e encoder) appendRecord(b []byte, r *ingest.Record) []byte {
	switch effectOf(r) {
	case effectCreate:
		return e.appendPost(b, kindCreate, r)
	case effectUpdate:
		return e.appendPost(b, kindUpdate, r)
	case effectDelete:
		return appendDelete(b, r)
	case effectDeleteActor:
		return appendActor(appendHead(b, r.Seq, r.Time, kindDelete), r)
	case effectWithdrawActor:
		return appendActor(appendHead(b, r.Seq, r.Time, kindWithdraw), r)
	case effectWithdrawDomain:
		b = appendHead(b, r.Seq, r.Time, kindWithdraw)
		b = appendText(b, "domain", r.Object)
		return append(b, `,"scope":"domain"}`...)
	}
	return b
}

func (e encoder) appendPost(b []byte, kind string, r *ingest.Record) []byte {
	b = appendHead(b, r.Seq, r.Time, kind)
	b = appendID(b, r.ID)
	b = appendText(b, "uri", r.Object)
	b = appendText(b, "actor", r.Actor)
	b = appendText(b, "domain", r.Domain)
	if r.Post.Language != "" {
		b = appendText(b, "language", r.Post.Language)
	} else {
		b = append(b, `,"language":null`...)
	}
	b = append(b, `,"tags":[`...)
	for i, tag := range r.Post.Tags {
		if i > 0 {
			b = append(b, ',')
		}
		b = status.AppendString(b, tag)
	}
	b = append(b, `],"post":`...)
	b = e.status.AppendJSON(b, r)
	return append(b, '}')
}

// appendDelete appends that a post is gone. An operator's reason is not for the
// stream.
func appendDelete(b []byte, r *ingest.Record) []byte {
	b = appendHead(b, r.Seq, r.Time, kindDelete)
	if r.ID != 0 {
		b = appendID(b, r.ID)
	}
	b = appendText(b, "uri", r.Object)
	b = appendOptional(b, "actor", r.Actor)
	b = appendOptional(b, "domain", r.Domain)
	return append(b, `,"scope":"object"}`...)
}

// appendActor finishes a frame about an actor with all its posts.
func appendActor(b []byte, r *ingest.Record) []byte {
	b = appendText(b, "uri", r.Object)
	b = appendText(b, "actor", r.Object)
	b = append(b, `,"account_id":"`...)
	b = strconv.AppendUint(b, status.AccountID(r.Object), 10)
	b = append(b, '"')
	b = appendOptional(b, "domain", r.Domain)
	return append(b, `,"scope":"actor"}`...)
}

// appendHeartbeat appends a whole frame.
func appendHeartbeat(b []byte, position uint64, now time.Time) []byte {
	return appendSmall(b, func(b []byte) []byte {
		return append(appendHead(b, position, now, kindHeartbeat), '}')
	})
}

// appendGap appends a whole frame. Its seq lies before that of the first record
// that is there again, which a client that drops repeats must not take for one.
func appendGap(b []byte, e ingest.Event, now time.Time) []byte {
	return appendSmall(b, func(b []byte) []byte {
		b = appendHead(b, max(e.To, 1)-1, now, kindGap)
		b = appendText(b, "reason", e.Name)
		b = append(b, `,"from":`...)
		b = strconv.AppendUint(b, e.From, 10)
		b = append(b, `,"to":`...)
		b = strconv.AppendUint(b, e.To, 10)
		return append(b, '}')
	})
}

func appendHead(b []byte, seq uint64, at time.Time, kind string) []byte {
	b = append(b, `{"seq":`...)
	b = strconv.AppendUint(b, seq, 10)
	b = append(b, `,"time":"`...)
	b = status.AppendTime(b, at)
	b = append(b, `","kind":"`...)
	b = append(b, kind...)
	return append(b, '"')
}

func appendID(b []byte, id uint64) []byte {
	b = append(b, `,"id":"`...)
	b = strconv.AppendUint(b, id, 10)
	return append(b, '"')
}

func appendText(b []byte, key, value string) []byte {
	b = append(b, ',', '"')
	b = append(b, key...)
	b = append(b, '"', ':')
	return status.AppendString(b, value)
}

func appendOptional(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return appendText(b, key, value)
}
