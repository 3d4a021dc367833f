package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"tributary/ingest/signature"
)

// document is a fetched document.
type document struct {
	url string // where it came from in the end, in its normal form
	raw []byte // at most maxDocumentBytes
}

var (
	errHeaderTimeout = errors.New("no answer in time")
	errFetchTimeout  = errors.New("the answer did not end in time")
)

// get fetches a document with a signed GET, and follows redirects. FetchTimeout is for
// all of it.
func (c *Client) get(ctx context.Context, uri string, why purpose) (document, error) {
	u, err := c.parse(uri)
	if err != nil {
		return document{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.FetchTimeout, errFetchTimeout)
	defer cancel()
	var raw []byte
	u, err = follow(u, func(u *url.URL) (next *url.URL, err error) {
		raw, next, err = c.getOnce(ctx, u, why)
		return next, err
	})
	if err != nil {
		return document{}, err
	}
	return document{url: u.String(), raw: raw}, nil
}

// follow fetches from u and on from where that points to, and returns where it ended.
func follow(u *url.URL, once func(*url.URL) (next *url.URL, err error)) (*url.URL, error) {
	for hop := 0; ; hop++ {
		next, err := once(u)
		switch {
		case err != nil:
			return nil, err
		case next == nil:
			return u, nil
		case hop == maxRedirects:
			return nil, fmt.Errorf("%w: more than %d", ErrRedirect, maxRedirects)
		case u.Scheme == "https" && next.Scheme != "https":
			return nil, fmt.Errorf("%w: from https to %s", ErrRedirect, next.Scheme)
		}
		u = next
	}
}

// got is what came of one GET.
type got struct {
	raw    []byte
	next   *url.URL
	err    error
	fault  fault
	answer signature.Answer
}

// getOnce fetches from one URL: either the body, or where the answer points to. It
// holds a place of u's host meanwhile. A host that refuses the signature is asked again
// in another form; what counts is the first answer, or the one to a form that it accepts.
func (c *Client) getOnce(ctx context.Context, u *url.URL, why purpose) (raw []byte, next *url.URL, err error) {
	leave, err := c.gate.enter(u, why)
	if err != nil {
		return nil, nil, err
	}
	var g got
	defer func() { leave(g.fault) }()
	if c.signer == nil {
		g = c.getAs(ctx, u, why, signature.FormCavage)
		return g.raw, g.next, g.err
	}
	forms := signature.FormsGet
	if u.RawQuery != "" {
		forms = signature.FormsQuery
	}
	tried := false
	c.forms.Knock(u.Host, forms, func(form signature.Form) signature.Answer {
		this := c.getAs(ctx, u, why, form)
		if !tried || this.answer == signature.Accepted {
			g = this
		}
		tried = true
		return this.answer
	})
	return g.raw, g.next, g.err
}

// getAs does it once, signed in a form.
func (c *Client) getAs(ctx context.Context, u *url.URL, why purpose, form signature.Form) got {
	g := got{fault: unknown, answer: signature.Unclear}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, err := c.newGet(ctx, u, why, form)
	if err != nil {
		g.err = err
		return g
	}
	timer := time.AfterFunc(c.cfg.HeaderTimeout, func() { cancel(errHeaderTimeout) })
	defer timer.Stop()
	resp, err := c.http.Do(r)
	if err != nil {
		g.fault, g.err = c.faultOf(ctx, err), failed(ctx, err)
		return g
	}
	timer.Stop()
	g.answer = signature.AnswerOf(resp.StatusCode, resp.Header)
	g.raw, g.next, g.err = c.read(resp, why)
	if g.fault = noFault; errors.Is(g.err, errBody) {
		g.fault = c.faultOf(ctx, g.err)
		g.err = failed(ctx, g.err)
	}
	timer.Reset(drainTimeout) // the verdict stands: an error page that trickles holds no place
	Drain(resp.Body)
	return g
}

func (c *Client) newGet(ctx context.Context, u *url.URL, why purpose, form signature.Form) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	r.Header["Accept"] = []string{why.accepts()}
	r.Header["User-Agent"] = []string{c.cfg.UserAgent}
	if c.signer != nil {
		if err := c.signer.SignAs(ctx, r, "", form); err != nil {
			return nil, fmt.Errorf("%w: %w", errBusy, err)
		}
	}
	return r, nil
}

// errBody marks an error while a body was read.
var errBody = errors.New("reading the body")

// read takes the body of an answer, or its redirect.
func (c *Client) read(resp *http.Response, why purpose) ([]byte, *url.URL, error) {
	switch code := resp.StatusCode; code {
	case http.StatusOK:
		raw, err := readBody(resp, why)
		return raw, nil, err
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		next, err := c.redirect(resp)
		return nil, next, err
	default:
		return nil, nil, statusError(code)
	}
}

func (c *Client) redirect(resp *http.Response) (*url.URL, error) {
	to, err := resp.Location()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRedirect, err)
	}
	return c.parse(to.String())
}

func readBody(resp *http.Response, why purpose) ([]byte, error) {
	if !why.takes(resp.Header) {
		return nil, fmt.Errorf("%w: %.100q", ErrContentType, resp.Header["Content-Type"])
	}
	if resp.ContentLength > maxDocumentBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, resp.ContentLength)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxDocumentBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errBody, err)
	case len(raw) > maxDocumentBytes:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxDocumentBytes)
	}
	return raw, nil
}

func statusError(code int) error {
	switch {
	case code == http.StatusNotFound:
		return fmt.Errorf("%w: status %d", ErrNotFound, code)
	case code == http.StatusGone:
		return fmt.Errorf("%w: status %d", ErrGone, code)
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout,
		code == http.StatusTooEarly, code == http.StatusMisdirectedRequest:
		return fmt.Errorf("%w: status %d", ErrTemporary, code)
	}
	return fmt.Errorf("%w: status %d", ErrRefused, code)
}

// failed names the error of a request that got no whole answer.
func failed(ctx context.Context, err error) error {
	if errors.Is(err, ErrForbiddenAddress) {
		return fmt.Errorf("remote: %w", err)
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return fmt.Errorf("%w: %w", ErrTemporary, err)
}

// faultOf says what such an error means for the host.
func (c *Client) faultOf(ctx context.Context, err error) fault {
	cause := context.Cause(ctx)
	timedOut := errors.Is(cause, errHeaderTimeout) || errors.Is(cause, errFetchTimeout)
	var dial *net.OpError
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, ErrForbiddenAddress):
		return unknown
	case cause != nil && !timedOut: // the client is closing
		return unknown
	case errors.As(err, &name), errors.As(err, &certificate),
		errors.As(err, &dial) && dial.Op == "dial":
		return unreachable
	}
	return slow
}
