package api

import (
	"log/slog"
	"net/http"
	"strconv"

	"tributary/index/status"
)

// answer writes what came of a request and returns its status.
func (a *API) answer(w http.ResponseWriter, rt route, q *request, err error) int {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Link, Retry-After")
	h.Set("X-Content-Type-Options", "nosniff")
	if err != nil {
		return a.refuse(w, q, rt, failureOf(q.context(), err))
	}
	code := q.status
	if code == 0 {
		code = http.StatusOK
	}
	if rt.cache != "" {
		h.Set("Cache-Control", rt.cache)
	}
	if len(q.body) > 0 {
		h.Set("Content-Type", "application/json; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(q.body)))
	}
	w.WriteHeader(code)
	_, _ = w.Write(q.body) // net/http drops the body of an answer to HEAD; a gone client is no news
	return code
}

// refuse writes an error.
func (a *API) refuse(w http.ResponseWriter, q *request, rt route, f *failure) int {
	if f.cause != nil {
		level := slog.LevelWarn // the index comes back, or the token store does
		if f.status == http.StatusInternalServerError {
			level = slog.LevelError
		}
		a.log.Log(q.context(), level, "request cannot be answered", "route", rt.name, "err", f.cause)
	}
	if f.status == statusGone {
		return statusGone
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json; charset=utf-8")
	if f.challenge {
		h.Set("WWW-Authenticate", `Bearer realm="tributary", error="invalid_token"`)
	}
	if f.retry != "" {
		h.Set("Retry-After", f.retry)
	}
	q.body = append(status.AppendString(append(q.body[:0], `{"error":`...), f.message), '}')
	h.Set("Content-Length", strconv.Itoa(len(q.body)))
	w.WriteHeader(f.status)
	_, _ = w.Write(q.body)
	return f.status
}

// other answers what no route does: a web page that asks whether it may send its
// token, and everything that is not here.
func (a *API) other(q *request) error {
	if q.http.Method != http.MethodOptions {
		return errNotFound
	}
	q.header.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
	q.header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key")
	q.header.Set("Access-Control-Max-Age", "7200")
	q.status = http.StatusNoContent
	return nil
}
