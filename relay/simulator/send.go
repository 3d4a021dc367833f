package simulator

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const contentType = "application/activity+json"

// Response is how another server answered.
type Response struct {
	Status     int
	Body       []byte        // its first 64 KiB
	RetryAfter time.Duration // 0 when the server said nothing
}

// OK reports whether the other server took it.
func (r Response) OK() bool { return r.Status >= 200 && r.Status < 300 }

// Post writes a post and sends its Create.
func (s *Server) Post(ctx context.Context, inbox string, p Post) (Activity, Response, error) {
	return s.make(ctx, inbox, func() (Activity, error) { return s.Create(p) })
}

// Update edits a post and sends its Update.
func (s *Server) Update(ctx context.Context, inbox, object, content string) (Activity, Response, error) {
	return s.make(ctx, inbox, func() (Activity, error) { return s.Edit(object, content) })
}

// Delete deletes a post and sends its Delete.
func (s *Server) Delete(ctx context.Context, inbox, object string) (Activity, Response, error) {
	return s.make(ctx, inbox, func() (Activity, error) { return s.Erase(object) })
}

// Boost sends an account's Announce of a post.
func (s *Server) Boost(ctx context.Context, inbox, name, object string) (Activity, Response, error) {
	return s.make(ctx, inbox, func() (Activity, error) { return s.Announce(name, object) })
}

// Follow subscribes to the relay that has the inbox, as Mastodon does.
func (s *Server) Follow(ctx context.Context, inbox string) (Activity, Response, error) {
	return s.make(ctx, inbox, func() (Activity, error) { return s.subscribe(inbox, public), nil })
}

// Subscribe subscribes to a relay as the server's software does: by its inbox, or by its
// actor, which not every relay takes. Then the answer is no 2xx, and Follow remains. A
// software that has no relays sends nothing, and the answer is empty.
func (s *Server) Subscribe(ctx context.Context, inbox, actor string) (Activity, Response, error) {
	s.mu.Lock()
	way := s.site.software.subs
	s.mu.Unlock()
	switch way {
	case byActor:
		return s.make(ctx, inbox, func() (Activity, error) { return s.subscribe(inbox, actor), nil })
	case never:
		return Activity{}, Response{}, nil
	default:
		return s.Follow(ctx, inbox)
	}
}

// Unfollow leaves the relay again.
func (s *Server) Unfollow(ctx context.Context, inbox string) (Activity, Response, error) {
	return s.make(ctx, inbox, func() (Activity, error) { return s.unsubscribe(inbox) })
}

func (s *Server) subscribe(inbox, object string) Activity {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, f := s.site.subscribe(object)
	s.follows[inbox] = f
	return a
}

func (s *Server) unsubscribe(inbox string) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.follows[inbox]
	if f == nil {
		return Activity{}, fmt.Errorf("simulator: %s does not follow %s", s.addr, inbox)
	}
	delete(s.follows, inbox)
	return s.site.unsubscribe(f), nil
}

func (s *Server) make(ctx context.Context, inbox string, activity func() (Activity, error)) (Activity, Response, error) {
	a, err := activity()
	if err != nil {
		return a, Response{}, err
	}
	response, err := s.Send(ctx, inbox, a)
	return a, response, err
}

// Send signs an activity and posts it, once. The error is of the connection; what
// the other server thinks is in the response.
func (s *Server) Send(ctx context.Context, inbox string, a Activity) (Response, error) {
	return s.SendRaw(ctx, inbox, a.Actor, a.Body)
}

// SendRaw posts any bytes, signed with the key of the account.
func (s *Server) SendRaw(ctx context.Context, inbox, name string, body []byte) (Response, error) {
	r, err := s.Signed(ctx, inbox, name, body)
	if err != nil {
		return Response{}, err
	}
	return s.Do(r)
}

// Signed is the request that SendRaw sends, for tests that spoil it first.
func (s *Server) Signed(ctx context.Context, inbox, name string, body []byte) (*http.Request, error) {
	return s.signedAt(ctx, inbox, name, body, time.Time{})
}

// signedAt is Signed at another date than now, unless that is zero.
func (s *Server) signedAt(ctx context.Context, inbox, name string, body []byte, date time.Time) (*http.Request, error) {
	s.mu.Lock()
	author, err := s.site.account(name)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, inbox, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("simulator: request to %s: %w", inbox, err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", s.cfg.Software+" (simulated)")
	return r, author.signPost(r, body, date)
}

// Do sends a request as it is.
func (s *Server) Do(r *http.Request) (Response, error) {
	answer, err := s.client.Do(r)
	if err != nil {
		return Response{}, fmt.Errorf("simulator: posting: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := readAll(answer.Body, maxAnswerBytes)
	if err != nil {
		return Response{}, fmt.Errorf("simulator: reading the answer: %w", err)
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
	return Response{Status: answer.StatusCode, Body: body, RetryAfter: time.Duration(seconds) * time.Second}, nil
}

// Retry is how a server repeats a delivery that failed. Real servers wait for
// minutes; tests wait less.
type Retry struct {
	First time.Duration // pause after the first failure; doubled each time
	Most  time.Duration // longest pause
}

// Deliver sends an activity until the other server takes it or refuses it for
// good, as Mastodon does: the same body each time under a fresh signature. It returns the last answer and how often it
// tried; the error is that ctx ended first.
func (s *Server) Deliver(ctx context.Context, inbox string, a Activity, retry Retry) (Response, int, error) {
	pause := retry.First
	for tries := 1; ; tries++ {
		response, err := s.Send(ctx, inbox, a)
		if err == nil && final(response.Status) {
			return response, tries, nil
		}
		if !sleep(ctx, max(pause, min(response.RetryAfter, retry.Most))) {
			return response, tries, fmt.Errorf("simulator: delivering %s: %w", a.ID, ctx.Err())
		}
		pause = min(2*pause, retry.Most)
	}
}

// final reports whether a status ends a delivery: Mastodon repeats after 401, 408,
// 429 and all of 5xx but 501.
func final(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	case http.StatusNotImplemented:
		return true
	}
	return status < 500
}
