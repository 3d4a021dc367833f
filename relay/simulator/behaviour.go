package simulator

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// Behaviour is how a server answers the network. The zero value is a good server.
// A server that is down does not answer at all: see Server.Down.
type Behaviour struct {
	Inbox     Answer // to what is posted to its inboxes
	Documents Answer // to requests for actors, objects, WebFinger and NodeInfo
	Lie       Lie    // what is wrong in the documents that it does serve
}

// Answer is one way to answer a request.
type Answer struct {
	kind       answerKind
	status     int
	retryAfter time.Duration
	interval   time.Duration
}

type answerKind uint8

const (
	answerOK answerKind = iota
	answerHold
	answerStatus
	answerSlow
	answerEndless
	answerHangUp
)

// OK answers as a good server does.
func OK() Answer { return Answer{} }

// Hold keeps the request open until the behaviour changes, and answers then by the new one.
func Hold() Answer { return Answer{kind: answerHold} }

// Status refuses with an HTTP status; retryAfter is told to the client when it is
// not zero, rounded up to seconds.
func Status(status int, retryAfter time.Duration) Answer {
	return Answer{kind: answerStatus, status: status, retryAfter: retryAfter}
}

// Slow gives a good answer one byte at a time, with a pause before the status and
// before each byte; an answer without a body gets one.
func Slow(pause time.Duration) Answer { return Answer{kind: answerSlow, interval: pause} }

// Endless gives a good answer whose body never ends, as fast as it is read.
func Endless() Answer { return Answer{kind: answerEndless} }

// HangUp closes the connection without an answer.
func HangUp() Answer { return Answer{kind: answerHangUp} }

// Lie is something false in a server's documents.
type Lie uint8

// The lies.
const (
	Honest     Lie = iota
	WrongID        // documents say the id of another server's document
	ForeignKey     // actors show a key whose id and owner are on another server
)

// victim is whom a lying server claims to be.
const victim = "https://victim.example"

// Behave switches the behaviour, for requests that are held open too.
func (s *Server) Behave(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b
	close(s.switched)
	s.switched = make(chan struct{})
}

func (s *Server) behaving() (Behaviour, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour, s.switched
}

// behave gives the answer that the behaviour asks for; next is the good one. It
// returns the status sent, 0 if none was.
func (s *Server) behave(w http.ResponseWriter, r *http.Request, choose func(Behaviour) Answer, next http.HandlerFunc) int {
	for {
		behaviour, switched := s.behaving()
		answer := choose(behaviour)
		if answer.kind != answerHold {
			return answer.give(w, r, next)
		}
		select {
		case <-switched:
		case <-r.Context().Done():
			return 0
		}
	}
}

func (a Answer) give(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) int {
	switch a.kind {
	case answerStatus:
		if a.retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int((a.retryAfter+time.Second-1)/time.Second)))
		}
		http.Error(w, http.StatusText(a.status), a.status)
		return a.status
	case answerSlow:
		return trickle(w, r, a.interval, next)
	case answerEndless:
		return pour(w, r, next)
	case answerHangUp:
		panic(http.ErrAbortHandler)
	default:
		kept := &statusKeeper{ResponseWriter: w, status: http.StatusOK}
		next(kept, r)
		return kept.status
	}
}

func trickle(w http.ResponseWriter, r *http.Request, pause time.Duration, next http.HandlerFunc) int {
	whole := httptest.NewRecorder()
	next(whole, r)
	if !sleep(r.Context(), pause) {
		return 0
	}
	body := whole.Body.Bytes()
	if len(body) == 0 {
		body = bytes.Repeat([]byte(" "), 64)
	}
	head(w, whole)
	for _, b := range body {
		if !sleep(r.Context(), pause) {
			break
		}
		if _, err := w.Write([]byte{b}); err != nil {
			break
		}
		_ = http.NewResponseController(w).Flush()
	}
	return whole.Code
}

func pour(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) int {
	whole := httptest.NewRecorder()
	next(whole, r)
	head(w, whole)
	chunk := bytes.Repeat([]byte(" "), 32<<10)
	for {
		if _, err := w.Write(chunk); err != nil {
			return whole.Code
		}
	}
}

// head sends status and headers of an answer, and not yet its body.
func head(w http.ResponseWriter, whole *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), whole.Header())
	w.WriteHeader(whole.Code)
	_ = http.NewResponseController(w).Flush()
}

// statusKeeper remembers the status that was sent.
type statusKeeper struct {
	http.ResponseWriter
	status int
}

func (k *statusKeeper) WriteHeader(status int) {
	k.status = status
	k.ResponseWriter.WriteHeader(status)
}

// sleep reports whether d passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// readAll reads at most limit bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) { return io.ReadAll(io.LimitReader(r, limit)) }
