package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bounds of a list: it is larger than a document, and the operator has chosen its server.
const (
	listTimeout       = 30 * time.Second
	maxValidatorBytes = 512
)

// Validators say which version of a list is known (RFC 9110 §8.8).
type Validators struct {
	ETag     string
	Modified string // Last-Modified, as it was sent
}

// List is a list that was fetched.
type List struct {
	Validators
	Raw       []byte
	Unchanged bool // since the version that was known; Raw is nil then
}

// List fetches a list that an operator has chosen, of at most so many bytes: text or CSV
// under whatever type but that of a page. The GET is not signed, as who serves lists knows
// nothing of actors. It is not cached.
func (c *Client) List(ctx context.Context, uri string, known Validators, bytesMax int64) (List, error) {
	if err := c.begin(); err != nil {
		return List{}, err
	}
	defer c.running.Done()
	ctx, cancel := context.WithTimeoutCause(ctx, listTimeout, errFetchTimeout)
	defer cancel()
	defer context.AfterFunc(c.lifetime, cancel)()

	began := time.Now()
	list, err := c.list(ctx, uri, known, bytesMax)
	c.metrics.fetched("list", err, time.Since(began))
	return list, err
}

func (c *Client) list(ctx context.Context, uri string, known Validators, bytesMax int64) (list List, err error) {
	u, err := c.parse(uri)
	if err != nil {
		return List{}, err
	}
	_, err = follow(u, func(u *url.URL) (next *url.URL, err error) {
		list, next, err = c.listOnce(ctx, u, known, bytesMax)
		return next, err
	})
	return list, err
}

// listOnce fetches from one URL: either the list, or where the answer points to. It holds
// a place of u's host meanwhile.
func (c *Client) listOnce(ctx context.Context, u *url.URL, known Validators, bytesMax int64) (List, *url.URL, error) {
	leave, err := c.gate.enter(u, forList)
	if err != nil {
		return List{}, nil, err
	}
	blame := unknown
	defer func() { leave(blame) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return List{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	r.Header["Accept"], r.Header["User-Agent"] = []string{forList.accepts()}, c.userAgent
	if known.ETag != "" {
		r.Header.Set("If-None-Match", known.ETag)
	}
	if known.Modified != "" {
		r.Header.Set("If-Modified-Since", known.Modified)
	}
	timer := time.AfterFunc(c.cfg.HeaderTimeout, func() { cancel(errHeaderTimeout) })
	defer timer.Stop()
	resp, err := c.http.Do(r)
	if err != nil {
		blame = c.faultOf(ctx, err)
		return List{}, nil, failed(ctx, err)
	}
	timer.Stop()
	blame = noFault
	list, next, err := c.readList(resp, known, bytesMax)
	if errors.Is(err, errBody) {
		blame = c.faultOf(ctx, err)
	}
	timer.Reset(drainTimeout)
	Drain(resp.Body)
	return list, next, err
}

func (c *Client) readList(resp *http.Response, known Validators, bytesMax int64) (List, *url.URL, error) {
	if resp.StatusCode == http.StatusNotModified && known != (Validators{}) {
		return List{Validators: known, Unchanged: true}, nil, nil
	}
	if resp.StatusCode != http.StatusOK {
		_, next, err := c.read(resp, forList) // a redirect, or what the status means
		return List{}, next, err
	}
	switch {
	case !forList.takes(resp.Header):
		return List{}, nil, fmt.Errorf("%w: a page, not a list: %.100q", ErrContentType, resp.Header["Content-Type"])
	case resp.ContentLength > bytesMax:
		return List{}, nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, resp.ContentLength)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, bytesMax+1))
	switch {
	case err != nil:
		return List{}, nil, failed(resp.Request.Context(), fmt.Errorf("%w: %w", errBody, err))
	case int64(len(raw)) > bytesMax:
		return List{}, nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, bytesMax)
	}
	list := List{Raw: raw}
	if tag := resp.Header.Get("ETag"); len(tag) <= maxValidatorBytes {
		list.ETag = tag
	}
	if modified := resp.Header.Get("Last-Modified"); len(modified) <= maxValidatorBytes {
		list.Modified = modified
	}
	return list, nil, nil
}

// isPage reports whether an answer is declared as a web page, which no list is.
func isPage(h http.Header) bool {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return strings.Contains(kind, "html")
}
