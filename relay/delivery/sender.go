package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"tributary/ingest/signature"
)

// Doer sends a request, without following redirects and only to addresses that
// may be called. *remote.Client is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Signer signs requests as our actors, who all have one key, and bounds how many
// signatures are made at once. *signature.Signer is one.
type Signer interface {
	// SignBy signs in the name of a key id; "" is the signer's own.
	SignBy(ctx context.Context, keyID string, r *http.Request, digest string, form signature.Form) error
	SignShared(ctx context.Context, to *url.URL, digest string) (signature.Shared, error)
}

// contentType is what every server takes at its inbox.
var contentType = []string{"application/activity+json"} // shared: never changed

// bodyTimeout is how long the rest of an answer may take once its head is here.
// The verdict is known by then; what is read keeps the connection usable, and
// tells the admin what the server says.
const bodyTimeout = time.Second

// sender makes one request out of one body.
type sender struct {
	client  Doer
	signer  Signer
	timeout time.Duration
	forms   *signature.Preferences // of the inboxes' hosts
	shares  *shares
	// patient bounds the old records that wait for a signature, so that lanes that
	// catch up cannot fill the queue of the signer before live posts.
	patient chan struct{}
	metrics *Metrics
	log     *slog.Logger
}

// letter is a body on its way to an inbox.
type letter struct {
	to     *url.URL // shared: never changed
	body   []byte   // shared: never changed
	digest string
	keyID  string // of the actor of ours that sends it; "" is the signer's own
	old    bool   // not live: waits in line behind what is
	// public says that a signature may be shared with other inboxes that have the
	// same path; target is that (signature.Target), "" when it may be any.
	public bool
	target string
}

// send signs and posts; when ctx ends the verdict is aborted. A server that refuses
// the signature is tried once more in another form of it, if it may know that. What counts
// is the first answer, unless it takes the other one, or the first was to a shared
// signature: that it wants its own is no news of the server.
func (s *sender) send(ctx context.Context, l letter) answer {
	forms := signature.FormsPost
	if l.public {
		forms = signature.FormsPublic
	}
	var ans answer
	tried, before := false, signature.FormCavage
	s.forms.Knock(l.to.Host, forms, func(form signature.Form) signature.Answer {
		this := s.sendAs(ctx, l, form)
		s.metrics.sent(form, this.said)
		if !tried || before == signature.FormShared || this.verdict == aborted || this.said == signature.Accepted {
			ans = this
		}
		tried, before = true, form
		return this.said
	})
	return ans
}

// sendAs does it once. It blocks for the signer's queue, the server's timeout and
// bodyTimeout at most.
func (s *sender) sendAs(ctx context.Context, l letter, form signature.Form) answer {
	call, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req := request(call, l)
	if err := s.sign(ctx, req, l, form); err != nil {
		if ctx.Err() != nil {
			return answer{verdict: aborted, said: signature.Unclear}
		}
		s.log.Error("a delivery cannot be signed", "err", err)
		return answer{verdict: judgedServer, text: "signing: " + err.Error(), said: signature.Unclear}
	}
	start := time.Now()
	deadline := time.AfterFunc(s.timeout, func() { cancel(errTimeout) })
	defer deadline.Stop()
	resp, err := s.client.Do(req)
	s.metrics.answered(time.Since(start))
	if err != nil {
		return s.failed(ctx, call, err)
	}
	defer resp.Body.Close()
	deadline.Reset(min(bodyTimeout, s.timeout))
	return read(resp)
}

// request is http.NewRequestWithContext without parsing the URL again.
func request(ctx context.Context, l letter) *http.Request {
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(l.body)), nil }
	body, _ := open()
	req := http.Request{
		Method: http.MethodPost, URL: l.to, Host: l.to.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": contentType},
		ContentLength: int64(len(l.body)), Body: body, GetBody: open,
	}
	return req.WithContext(ctx)
}

func (s *sender) sign(ctx context.Context, req *http.Request, l letter, form signature.Form) error {
	if form != signature.FormShared {
		return s.inTurn(ctx, l, func() error { return s.signer.SignBy(ctx, l.keyID, req, l.digest, form) })
	}
	to := l.to
	if l.target == "" {
		to = nil
	}
	shared, err := s.shares.get(ctx, shareKey{l.digest, l.target}, func(ctx context.Context) (made signature.Shared, err error) {
		err = s.inTurn(ctx, l, func() error {
			made, err = s.signer.SignShared(ctx, to, l.digest)
			return err
		})
		return made, err
	})
	if err == nil {
		shared.By(l.keyID).Set(req.Header)
	}
	return err
}

// inTurn makes one signature.
func (s *sender) inTurn(ctx context.Context, l letter, sign func() error) error {
	if l.old {
		select {
		case s.patient <- struct{}{}:
			defer func() { <-s.patient }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	start := time.Now()
	err := sign()
	s.metrics.signed(time.Since(start))
	return err
}

// failed is the answer of a server that gave none.
func (s *sender) failed(ctx, call context.Context, err error) answer {
	switch {
	case ctx.Err() != nil:
		return answer{verdict: aborted, said: signature.Unclear}
	case errors.Is(context.Cause(call), errTimeout), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return answer{verdict: judgedServer, timeout: true, said: signature.Unclear, text: fmt.Sprintf("timeout: %v of %v", errTimeout, s.timeout)}
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err // without method and URL, which the lane knows
	}
	return answer{verdict: judgedServer, said: signature.Unclear, text: "network: " + oneLine([]byte(err.Error()))}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

var buffers = sync.Pool{New: func() any { return new([bodyMax]byte) }}

// read takes the verdict and at most bodyMax bytes of the body: small ones are
// read to the end, so that the connection can be used again, and endless ones
// are left.
func read(resp *http.Response) answer {
	ans := answer{
		verdict: judge(resp.StatusCode), status: resp.StatusCode,
		said: signature.AnswerOf(resp.StatusCode, resp.Header),
	}
	if ans.verdict == settled && resp.ContentLength == 0 {
		return ans
	}
	buf := buffers.Get().(*[bodyMax]byte)
	defer buffers.Put(buf)
	n, _ := io.ReadFull(resp.Body, buf[:]) // whatever came is good
	if ans.verdict != settled {
		ans.text = errorText(resp.StatusCode, buf[:n])
		ans.after = retryAfter(resp.Header, time.Now())
	}
	return ans
}
