package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// frame is what the demo reads of a frame of the firehose (package stream has the whole).
type frame struct {
	Seq    uint64    `json:"seq"`
	Time   time.Time `json:"time"`
	Kind   string    `json:"kind"`
	Scope  string    `json:"scope"` // of what is taken away: object, actor, domain
	URI    string    `json:"uri"`
	Actor  string    `json:"actor"`
	Domain string    `json:"domain"`
	Post   struct {
		Content     string `json:"content"`
		SpoilerText string `json:"spoiler_text"`
		Account     struct {
			Username    string `json:"username"`
			Acct        string `json:"acct"`
			DisplayName string `json:"display_name"`
		} `json:"account"`
		Media []struct {
			Type string `json:"type"`
		} `json:"media_attachments"`
		Tags []tag `json:"tags"`
	} `json:"post"`
}

// tag is a hashtag, folded.
type tag struct {
	Name string `json:"name"`
}

// tagsMax is how many tags of a post are kept: a row has no room for more.
const tagsMax = 8

// shown is the post of a frame, made fit for a terminal.
func (f frame) shown() post {
	a := f.Post.Account
	text, written := withoutTail(textOf(f.Post.Content))
	p := post{
		uri: f.URI, actor: f.Actor, domain: f.Domain, time: f.Time,
		name: printable(a.DisplayName), acct: printable(a.Acct), text: text, tags: written,
	}
	if p.name == "" {
		p.name = printable(a.Username)
	}
	if warning := printable(f.Post.SpoilerText); warning != "" { // what is behind it is not for everybody's screen
		p.text = "[" + warning + "]"
	}
	if n := len(f.Post.Media); n > 0 {
		p.text = strings.TrimSpace(p.text + " [" + plural(n, "attachment") + "]")
	}
	if len(written) > 0 {
		return p
	}
	for _, t := range f.Post.Tags[:min(len(f.Post.Tags), tagsMax)] {
		if name := printable(t.Name); name != "" {
			p.tags = append(p.tags, name)
		}
	}
	return p
}

// withoutTail takes the hashtags off the end of a text, as they are shown beside it: as
// they were written, while those of the frame are folded (without the marks that some
// scripts cannot be read without).
func withoutTail(text string) (rest string, written []string) {
	for len(written) < tagsMax {
		at := strings.LastIndexByte(text, ' ')
		word, hash := strings.CutPrefix(text[at+1:], "#")
		if at < 0 || !hash || word == "" {
			break
		}
		text, written = strings.TrimRight(text[:at], " "), append(written, word)
	}
	slices.Reverse(written)
	return text, written
}

// firehoseBytesMax bounds a frame: a post of 256 KiB as JSON.
const firehoseBytesMax = 2 << 20

// readFirehose tells every frame until ctx ends. A connection that breaks is made
// again, from where it broke.
func readFirehose(ctx context.Context, url, token string, tell func(frame)) {
	next := ""
	for ctx.Err() == nil {
		last, refused := readOnce(ctx, url+next, token, tell)
		switch {
		case refused: // ahead of the log: it is another one now
			next = ""
		case last > 0:
			next = "?cursor=" + strconv.FormatUint(last+1, 10)
		}
		wait(ctx, 300*time.Millisecond)
	}
}

// readOnce reads until the connection ends, and returns the last seq that it saw;
// refused says that the cursor was.
func readOnce(ctx context.Context, url, token string, tell func(frame)) (last uint64, refused bool) {
	conn, answer, err := websocket.DefaultDialer.DialContext(ctx, url, http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		return 0, answer != nil && answer.StatusCode == http.StatusBadRequest
	}
	conn.SetReadLimit(firehoseBytesMax)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = conn.Close()
	}()
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return last, false
		}
		var f frame
		if json.Unmarshal(text, &f) != nil {
			continue // a frame that we do not know
		}
		last = f.Seq
		tell(f)
	}
}

// wait reports whether d passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
