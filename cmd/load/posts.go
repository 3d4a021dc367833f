package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const public = "https://www.w3.org/ns/activitystreams#Public"

// marker stands before a post's number in its URI, so that it is found in whatever
// form the post comes back.
const marker = "/posts/"

// numberIn finds the number of the post that a delivery or a frame is about.
func numberIn(b []byte) (int, bool) {
	_, rest, ok := bytes.Cut(b, []byte(marker))
	if !ok {
		return 0, false
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(string(rest[:end]))
	return n, err == nil
}

// create writes the Create of a post with content of some size. One in three has a
// link and a hashtag, as they cost more to read.
func (p *party) create(n, size int) []byte {
	actor := p.actor(author)
	note := p.base + marker + strconv.Itoa(n)
	content := "<p>" + text(n, size) + "</p>"
	tags := "[]"
	if n%3 == 0 {
		content += fmt.Sprintf(`<p>see <a href=\"https://example.com/%d\" target=\"_blank\" rel=\"nofollow noopener noreferrer\">example.com/%[1]d</a> <a href=\"%s/tags/load\" class=\"mention hashtag\" rel=\"tag\">#<span>load</span></a></p>`, n, p.base)
		tags = fmt.Sprintf(`[{"type":"Hashtag","name":"#load","href":"%s/tags/load"}]`, p.base)
	}
	return fmt.Appendf(nil, `{"@context":["https://www.w3.org/ns/activitystreams",{"ostatus":"http://ostatus.org#","sensitive":"as:sensitive","Hashtag":"as:Hashtag"}],`+
		`"id":"%[1]s/activity","type":"Create","actor":"%[2]s","published":"%[3]s","to":["%[4]s"],"cc":["%[2]s/followers"],`+
		`"object":{"id":"%[1]s","type":"Note","summary":null,"inReplyTo":null,"published":"%[3]s","url":"%[1]s","attributedTo":"%[2]s",`+
		`"to":["%[4]s"],"cc":["%[2]s/followers"],"sensitive":false,"content":"%[5]s","contentMap":{"en":"%[5]s"},"attachment":[],"tag":%[6]s}}`,
		note, actor, time.Now().UTC().Format(time.RFC3339), public, content, tags)
}

// text is so many bytes of words, others in each post: what repeats is compressed
// to nothing in the log and in the index.
func text(n, size int) string {
	rng := rand.New(rand.NewPCG(uint64(n), 0))
	var b strings.Builder
	for b.Len() < size {
		for range 1 + rng.IntN(4) {
			b.WriteString(syllables[rng.IntN(len(syllables))])
		}
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}

var syllables = strings.Fields("a be ca de e fi ga ho in ja ke lo ma ne on pa qui ra se to un ve wi xa ya zo ling ster mond tion ber land")

// prepared is a post as it goes over the wire, once.
type prepared struct {
	n    int
	wire []byte
}

// prepare signs count posts, numbered from first on.
func (p *party) prepare(ctx context.Context, target string, first, count, size int, progress io.Writer) ([]prepared, error) {
	all := make([]prepared, count)
	errs := make([]error, count)
	var next atomic.Int64
	stop := show(progress, func() string { return fmt.Sprintf("%d of %d posts signed", min(int(next.Load()), count), count) })
	defer stop()
	var signing sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		signing.Go(func() {
			for i := int(next.Add(1)) - 1; i < count && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				all[i], errs[i] = p.one(ctx, target, first+i, size)
			}
		})
	}
	signing.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all, ctx.Err()
}

func (p *party) one(ctx context.Context, target string, n, size int) (prepared, error) {
	body := p.create(n, size)
	r, err := p.sign(ctx, author, target, body)
	if err != nil {
		return prepared{}, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /inbox HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", r.URL.Host, len(body))
	if err := r.Header.Write(&b); err != nil {
		return prepared{}, err
	}
	b.WriteString("\r\n")
	b.Write(body)
	return prepared{n: n, wire: b.Bytes()}, nil
}
